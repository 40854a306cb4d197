//! What the README promises.

use json_schema::JsonSchema;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, validate};
use sluice_sdk::{Finding, Location};

/// The first block of the README in this language.
fn block(language: &str) -> &'static str {
    let readme = include_str!("../README.md");
    let (_, block) = readme.split_once(&format!("```{language}\n")).expect("the README has such a block");
    block.split_once("```").expect("the block ends").0
}

fn config() -> String {
    let policy: Value = toml::from_str(block("toml")).expect("the example is TOML");
    policy["rules"][0]["config"].to_string()
}

fn wire(finding: &Finding) -> Value {
    let location = match &finding.location {
        Location::Bundle => json!({"kind": "bundle"}),
        Location::Metadata(pointer) => json!({"kind": "metadata", "value": pointer}),
        Location::File(path) => json!({"kind": "file", "value": path}),
    };
    json!({
        "severity": format!("{:?}", finding.severity).to_lowercase(),
        "code": finding.code,
        "message": finding.message,
        "location": location,
        "hint": finding.hint,
    })
}

#[test]
fn the_example_is_a_configuration_and_the_finding_is_what_it_says() {
    assert_eq!(check_config::<JsonSchema>(&config()), Ok(()));
    let row = |key: &str, value: &str| json!({"destinationTable": "TransactionKeyValue", "key": key, "value": value});
    let rows = json!([row("Sample", "S-1"), row("Temp C", "warm"), row("Gas", "Ar")]);
    let bundle = BundleBuilder::new(&rows.to_string()).build();
    let findings = validate::<JsonSchema>(&config(), &bundle).unwrap();
    let promised: Value = serde_json::from_str(block("json")).expect("the finding is JSON");
    assert_eq!(wire(&findings[0]), promised);
}
