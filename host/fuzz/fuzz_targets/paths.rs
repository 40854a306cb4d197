#![no_main]

#[path = "../properties/paths.rs"]
mod paths;

libfuzzer_sys::fuzz_target!(|data: &[u8]| paths::check(data));
