//! A validator that describes itself with what a description must not hold: a name that is a path, a version that is
//! none, and a schema that is not JSON. It is written against the contract alone, without the SDK.
#![cfg(target_family = "wasm")]
#![allow(missing_docs, unreachable_pub, reason = "generated code")]
#![allow(unsafe_code, reason = "the canonical ABI passes pointers; only generated code does")]

use exports::sluice::plugin::plugin::{self, Info};
use exports::sluice::plugin::validator::{self, Bundle, Failure, Finding};

wit_bindgen::generate!({ path: "../../../../wit", world: "validator-plugin" });

struct Liar;

export!(Liar);

impl plugin::Guest for Liar {
    fn describe() -> Info {
        Info {
            name: "../../liar".to_owned(),
            version: "the newest".to_owned(),
            summary: "two\nlines".to_owned(),
            config_schema: "{".to_owned(),
        }
    }

    fn check_config(_: String) -> Result<(), Vec<String>> {
        Ok(())
    }
}

impl validator::Guest for Liar {
    fn validate(_: &Bundle) -> Result<Vec<Finding>, Failure> {
        Ok(Vec::new())
    }
}
