#![no_main]

#[path = "../properties/placement.rs"]
mod placement;

libfuzzer_sys::fuzz_target!(|data: &[u8]| placement::check(data));
