//! The rule as native code, called in-process: what `make bench` compares a call into the component with.
//!
//! `native METADATA CONFIG RUNS` prints the median microseconds of a call: the configuration is read anew each time, as
//! a fresh instance does it.

use std::error::Error;
use std::time::Instant;

use required_keys::RequiredKeys;
use sluice_sdk::testing::{self, BundleBuilder};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [metadata, config, runs] = &arguments[..] else { return Err("usage: native METADATA CONFIG RUNS".into()) };
    let bundle = BundleBuilder::new(&std::fs::read_to_string(metadata)?).build();
    let mut took = Vec::new();
    for _ in 0..runs.parse::<u32>()?.max(1) {
        let began = Instant::now();
        let findings = testing::validate::<RequiredKeys>(config, &bundle).map_err(|failure| format!("{failure:?}"))?;
        took.push(began.elapsed());
        assert!(findings.is_empty(), "the bundle is to be accepted: {:?}", findings.first());
    }
    took.sort_unstable();
    println!("{}", took[took.len() / 2].as_secs_f64() * 1e6);
    Ok(())
}
