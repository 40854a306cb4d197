#![no_main]

#[path = "../properties/metadata.rs"]
mod metadata;

libfuzzer_sys::fuzz_target!(|data: &[u8]| metadata::check(data));
