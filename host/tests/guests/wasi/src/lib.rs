//! A validator that asks WASI for everything that a rule must not have, and reports what it was given. The clocks must
//! show the time the job was received, randomness must be the job's, and all else must be empty.
#![cfg(target_family = "wasm")]

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator};

mod bindings {
    #![allow(unsafe_code, reason = "the canonical ABI passes pointers; only generated code does")]
    wit_bindgen::generate!({ path: "wit", world: "asks", generate_all });
}

use bindings::wasi::cli::environment;
use bindings::wasi::clocks::{monotonic_clock, wall_clock};
use bindings::wasi::filesystem::preopens;
use bindings::wasi::random::{insecure_seed, random};

/// There is nothing to configure.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {}

/// The rule.
#[derive(Debug)]
pub struct Asks;

sluice_sdk::validator!(Asks);

impl Rule for Asks {
    type Config = Config;

    fn new(Config {}: Config) -> Result<Self, Mistakes> {
        Ok(Self)
    }
}

impl Validator for Asks {
    fn validate(&self, _: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        let now = wall_clock::now();
        report.info("wall-clock", format!("{}.{:09}", now.seconds, now.nanoseconds));
        report.info("monotonic-clock", monotonic_clock::now().to_string());
        report.info("random-bytes", format!("{:?}", random::get_random_bytes(16)));
        report.info("random-number", random::get_random_u64().to_string());
        report.info("insecure-seed", format!("{:?}", insecure_seed::insecure_seed()));
        report.info("environment", format!("{:?}", environment::get_environment()));
        report.info("arguments", format!("{:?}", environment::get_arguments()));
        report.info("initial-cwd", format!("{:?}", environment::initial_cwd()));
        let folders: Vec<String> = preopens::get_directories().into_iter().map(|(_, path)| path).collect();
        report.info("folders", format!("{folders:?}"));
        Ok(())
    }
}
