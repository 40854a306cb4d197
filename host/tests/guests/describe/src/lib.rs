//! A validator whose description never ends, and neither does the check of a configuration that has the word `loop` in
//! it. Its configuration is not at hand when it describes itself, so this needs a component of its own. It is written
//! against the contract alone, without the SDK.
#![cfg(target_family = "wasm")]
#![allow(missing_docs, unreachable_pub, reason = "generated code")]
#![allow(unsafe_code, reason = "the canonical ABI passes pointers; only generated code does")]

use exports::sluice::plugin::plugin::{self, Info};
use exports::sluice::plugin::validator::{self, Bundle, Failure, Finding};

wit_bindgen::generate!({ path: "../../../../wit", world: "validator-plugin" });

struct Endless;

export!(Endless);

impl plugin::Guest for Endless {
    fn describe() -> Info {
        run_for_ever()
    }

    fn check_config(json: String) -> Result<(), Vec<String>> {
        if json.contains("loop") { run_for_ever() } else { Ok(()) }
    }
}

impl validator::Guest for Endless {
    fn validate(_: &Bundle) -> Result<Vec<Finding>, Failure> {
        Ok(Vec::new())
    }
}

fn run_for_ever() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
