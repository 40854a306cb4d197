//! The metadata document, rows of a table, or the key-values, held against a JSON Schema.
//!
//! The schemas are the facility's ([`config::Config`]), of any draft from 4 to 2020-12. Nothing is ever fetched.

mod check;
pub mod config;
mod key_values;

use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator};

use check::Check;
use config::Config;

/// The rule.
#[derive(Debug)]
pub struct JsonSchema(Vec<Check>);

sluice_sdk::validator!(JsonSchema, schema: "config.schema.json");

impl Rule for JsonSchema {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        if config.checks.is_empty() {
            mistakes.add("checks", "names no check");
        }
        let checks = config.checks.into_iter().enumerate();
        let checks =
            checks.map(|(index, check)| Check::new(&format!("checks[{index}]"), check, &mut mistakes)).collect();
        mistakes.or(Self(checks))
    }
}

impl Validator for JsonSchema {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        let document = serde_json::from_str(bundle.metadata_json())
            .map_err(|error| Failure::Other(format!("metadata.txt cannot be read: {error}")))?;
        for check in &self.0 {
            check.make(&document, report);
        }
        Ok(())
    }
}
