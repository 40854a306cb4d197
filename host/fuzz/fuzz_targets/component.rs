#![no_main]

#[path = "../properties/component.rs"]
mod component;

use std::sync::LazyLock;

use sluice::plugin::{Asked, COMPILE_COMMAND, compile_apart};
use wasmparser::{Validator, WasmFeatures};

use component::Upload;

/// This program is its own compiler, as the gate is.
static UPLOAD: LazyLock<Upload> = LazyLock::new(|| Upload::new(&std::env::current_exe().expect("this program")));

libfuzzer_sys::fuzz_target!(
    init: {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if let [command, _, seconds, _, memory] = &arguments[..]
            && command == COMPILE_COMMAND
        {
            let asked = Asked { seconds: seconds.parse().expect("seconds"), memory: memory.parse().expect("bytes") };
            let compiled = compile_apart(asked, std::io::stdin().lock(), std::io::stdout().lock());
            if let Err(error) = &compiled {
                eprintln!("sluice: {error:#}");
            }
            std::process::exit(i32::from(compiled.is_err()));
        }
    },
    |data: &[u8]| {
        // The fuzzer cannot look into the process that compiles: which changes lead further it sees here. Most lead nowhere,
        // and a process for each of those would teach nothing new.
        let valid = Validator::new_with_features(WasmFeatures::default()).validate_all(data).is_ok();
        if valid || data.len() % 16 == 0 {
            UPLOAD.check(data);
        }
    }
);
