//! Bundles name their sample, and their tables have the columns that the facility expects.

use std::io::{BufRead, BufReader};

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Bundle, Failure, FileInfo, Mistakes, Quoted, Report, Rule, Validator};

/// What the facility writes into its policy.
#[derive(Deserialize, JsonSchema)]
pub struct Config {
    /// The key that every bundle must have a value for.
    #[serde(default = "sample")]
    key: String,
    /// The columns that every `.csv` file must have.
    columns: Vec<String>,
}

fn sample() -> String {
    "Sample".to_owned()
}

/// The rule: made from its configuration before every call.
pub struct Tables(Config);

impl Rule for Tables {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        if config.columns.is_empty() {
            mistakes.add("columns", "must name at least one column");
        }
        mistakes.or(Self(config))
    }
}

impl Validator for Tables {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        let key = &self.0.key;
        if !bundle.key_values().iter().any(|row| row.key == *key && !row.value.trim().is_empty()) {
            report
                .error("key-missing", format!("The bundle has no value for the key {}.", Quoted(key)))
                .hint("Fill it in in the uploader.");
        }
        for file in bundle.files().filter(|file| file.path.ends_with(".csv")) {
            self.check_table(&file, bundle, report)?;
        }
        Ok(())
    }
}

impl Tables {
    fn check_table(&self, file: &FileInfo, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        // A dry run has no contents.
        let Some(contents) = bundle.open(&file.path) else { return Ok(()) };
        let mut head = String::new();
        BufReader::new(contents).read_line(&mut head)?;
        let found: Vec<&str> = head.split(',').map(str::trim).collect();
        let missing: Vec<&str> =
            self.0.columns.iter().map(String::as_str).filter(|column| !found.contains(column)).collect();
        if !missing.is_empty() {
            report
                .error("columns-missing", format!("The table lacks these columns: {}.", missing.join(", ")))
                .at_file(file.path.as_str())
                .hint("Export it with all columns.");
        }
        Ok(())
    }
}

sluice_sdk::validator!(Tables);

#[test]
fn a_bundle_without_a_sample_is_refused() {
    use sluice_sdk::testing::{BundleBuilder, validate};

    let bundle = BundleBuilder::new("[]").build();
    let findings = validate::<Tables>(r#"{"columns": ["time"]}"#, &bundle).unwrap();
    assert_eq!(findings[0].code, "key-missing");
}
