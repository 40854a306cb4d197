#![no_main]

#[path = "../properties/spool_tar.rs"]
mod spool_tar;

libfuzzer_sys::fuzz_target!(|data: &[u8]| spool_tar::check(data));
