#![no_main]

#[path = "../properties/policy_document.rs"]
mod policy_document;

libfuzzer_sys::fuzz_target!(|data: &[u8]| policy_document::check(data));
