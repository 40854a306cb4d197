//! The rule, on bundles made from metadata documents.

use required_keys::RequiredKeys;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, describe, validate};
use sluice_sdk::{Finding, Location, Severity};

fn judge(config: &Value, rows: &Value) -> Vec<Finding> {
    let bundle = BundleBuilder::new(&rows.to_string()).build();
    validate::<RequiredKeys>(&config.to_string(), &bundle).expect("the configuration can be used")
}

fn codes(findings: &[Finding]) -> Vec<(&str, String)> {
    findings.iter().map(|finding| (finding.code.as_str(), finding.location.to_string())).collect()
}

fn transaction(field: &str, value: Value) -> Value {
    json!({"destinationTable": format!("Transactions.{field}"), "value": value})
}

#[test]
fn without_a_configuration_the_three_rows_are_required() {
    let findings = judge(&json!({}), &json!([]));
    assert_eq!(codes(&findings), vec![("transaction-row-missing", "bundle".to_owned()); 3]);
    assert_eq!(findings[1].message, "The bundle names no project.");

    let whole = json!([
        transaction("submitter", json!(10)),
        transaction("project", json!("1234a")),
        transaction("instrument", json!(54)),
    ]);
    assert_eq!(judge(&json!({}), &whole), []);
}

#[test]
fn only_the_rows_that_are_named_are_required() {
    assert_eq!(judge(&json!({"transaction": {}}), &json!([])), []);
    let findings = judge(&json!({"transaction": {"project": {}}}), &json!([transaction("project", Value::Null)]));
    assert_eq!(codes(&findings), [("transaction-row-missing", "bundle".to_owned())]);
}

#[test]
fn a_bad_value_is_located_at_its_row_and_hinted_by_the_facility() {
    let config = json!({
        "transaction": {"project": {"pattern": "[0-9]{4}[a-z]", "hint": "Ask the user office for your project number."}}
    });
    let findings = judge(&config, &json!([{"destinationTable": "Other"}, transaction("project", json!("12"))]));
    assert_eq!(
        findings,
        [Finding {
            severity: Severity::Error,
            code: "value-malformed".into(),
            message: r#"The value "12" of the project does not have the form "[0-9]{4}[a-z]"."#.into(),
            location: Location::Metadata("/1/value".into()),
            hint: Some("Ask the user office for your project number.".into()),
        }]
    );
}

#[test]
fn every_value_of_a_key_is_checked() {
    let config = json!({"transaction": {}, "key_values": {"Temp C": {"allowed": [20, "25"], "severity": "warning"}}});
    let row = |value: Value| json!({"destinationTable": "TransactionKeyValue", "key": "Temp C", "value": value});
    assert_eq!(judge(&config, &json!([row(json!("20")), row(json!(25))])), []);
    let findings = judge(&config, &json!([row(json!(20)), row(json!(30)), row(json!(""))]));
    assert_eq!(
        codes(&findings),
        [
            ("value-not-allowed", "metadata.txt /1/value".to_owned()),
            ("value-empty", "metadata.txt /2/value".to_owned())
        ]
    );
    assert_eq!(findings[0].message, r#"The value "30" of the key "Temp C" is not allowed; allowed are "20", "25"."#);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
    assert_eq!(codes(&judge(&config, &json!([]))), [("key-missing", "bundle".to_owned())]);
}

#[test]
fn file_keys_are_required_of_the_files_that_the_pattern_means() {
    let config = json!({"transaction": {}, "file_keys": [
        {"files": "raw/**/*.dat", "keys": {"Exposure": {"pattern": "[0-9.]+"}}},
        {"keys": {"Scan": {}}},
    ]});
    let file = |id: u32, subdir: &str, name: &str| json!({"destinationTable": "Files", "_id": id, "name": name, "subdir": subdir});
    let key = |id: u32, key: &str, value: &str| json!({"destinationTable": "FileKeyValue", "file_id": id, "key": key, "value": value});
    let findings = judge(
        &config,
        &json!([
            file(1, "data/raw/a", "good.dat"),
            key(1, "Exposure", "0.5"),
            key(1, "Scan", "1"),
            file(2, "raw", "bad.dat"),
            key(2, "Exposure", "long"),
            file(3, "notes", "x.txt"),
            key(3, "Scan", "3"),
        ]),
    );
    assert_eq!(
        codes(&findings),
        [("value-malformed", "data/raw/bad.dat".to_owned()), ("file-key-missing", "data/raw/bad.dat".to_owned())]
    );
}

#[test]
fn ten_thousand_bad_files_make_a_report_that_can_be_read() {
    let rows: Vec<Value> =
        (0..10_000).map(|n| json!({"destinationTable": "Files", "name": format!("{n}.dat")})).collect();
    let findings = judge(&json!({"transaction": {}, "file_keys": [{"keys": {"Scan": {}}}]}), &json!(rows));
    assert_eq!(findings.len(), 101);
    assert_eq!(findings[100].message, "There are 9900 more findings of this kind.");
    assert_eq!(findings[100].severity, Severity::Error);
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({
        "transaction": {"project": {"pattern": "("}, "user": {}},
        "key_values": {"Temp C": {"min_length": 3, "max_length": 2}, "Gas": {"allowed": []}},
    });
    assert_eq!(
        check_config::<RequiredKeys>(&config.to_string()).unwrap_err(),
        ["transaction.user: there is no such key"]
    );

    let config = json!({
        "transaction": {"project": {"pattern": "("}},
        "key_values": {
            "Temp C": {"min_length": 3, "max_length": 2},
            "Gas": {"allowed": []},
            "Mode": {"allowed": ["a1", "b"], "pattern": "[a-z]"},
        },
        "file_keys": [{"files": "a**", "keys": {}}],
    });
    let mistakes = check_config::<RequiredKeys>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    assert_eq!(
        keys,
        [
            "transaction.project.pattern",
            r#"key_values."Gas".allowed"#,
            r#"key_values."Mode".allowed[0]"#,
            r#"key_values."Temp C".max_length"#,
            "file_keys[0].keys",
            "file_keys[0].files",
        ]
    );
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<RequiredKeys>();
    assert_eq!(info.name, "required-keys");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["key_values"].is_object());
}
