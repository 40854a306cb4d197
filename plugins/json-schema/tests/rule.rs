//! The rule, on documents that fit schemas and documents that do not.

use json_schema::JsonSchema;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, describe, validate};
use sluice_sdk::{Finding, Severity};

fn judge(check: &Value, rows: &Value) -> Vec<Finding> {
    let bundle = BundleBuilder::new(&rows.to_string()).build();
    validate::<JsonSchema>(&json!({"checks": [check]}).to_string(), &bundle).expect("the configuration can be used")
}

fn seen(check: &Value, rows: &Value) -> Vec<(String, String)> {
    judge(check, rows).into_iter().map(|finding| (finding.code, finding.location.to_string())).collect()
}

fn mistakes(check: Value) -> Vec<String> {
    check_config::<JsonSchema>(&json!({"checks": [check]}).to_string()).unwrap_err()
}

fn pair(code: &str, place: &str) -> (String, String) {
    (code.to_owned(), place.to_owned())
}

fn key(key: &str, value: Value) -> Value {
    json!({"destinationTable": "TransactionKeyValue", "key": key, "value": value})
}

#[test]
fn rows_of_the_table_are_held_against_the_schema_and_named_by_their_place() {
    let check = json!({"of": "rows", "table": "Files", "schema": {
        "required": ["mtime"], "properties": {"size": {"type": "integer", "minimum": 1}}}});
    let rows = json!([
        {"destinationTable": "Other", "size": 0},
        {"destinationTable": "Files", "name": "a", "size": 1, "mtime": "x"},
        {"destinationTable": "Files", "name": "b", "size": 0, "mtime": "x"},
        {"destinationTable": "Files", "name": "c", "size": "7"},
    ]);
    assert_eq!(
        seen(&check, &rows),
        [
            pair("row-mismatch", "metadata.txt /2/size"),
            pair("row-mismatch", "metadata.txt /3"),
            pair("row-mismatch", "metadata.txt /3/size"),
        ]
    );
    assert_eq!(
        judge(&check, &rows)[0].message,
        r#"The row of "Files" does not fit the schema at /properties/size/minimum: 0 is less than the minimum of 1."#
    );
}

#[test]
fn key_values_are_one_object_and_named_by_their_rows() {
    let check = json!({"of": "key-values", "severity": "warning", "hint": "Ask.", "schema": {
        "required": ["Sample"],
        "properties": {"Temp C": {"type": "number", "maximum": 100}, "Gas": {"type": "array", "items": {"enum": ["Ar", "He"]}}},
    }});
    let rows = json!([key("Temp C", json!(200)), key("Gas", json!("Ar")), {"destinationTable": "Other"}, key("Gas", json!("Xe"))]);
    assert_eq!(
        seen(&check, &rows),
        [
            pair("key-values-mismatch", "bundle"),
            pair("key-values-mismatch", "metadata.txt /3/value"),
            pair("key-values-mismatch", "metadata.txt /0/value"),
        ]
    );
    let findings = judge(&check, &rows);
    assert!(findings.iter().all(|f| f.severity == Severity::Warning && f.hint.as_deref() == Some("Ask.")));
    assert_eq!(judge(&check, &json!([key("Sample", json!("S")), key("Temp C", json!(20))])), []);
}

#[test]
fn the_document_is_an_array_of_rows() {
    let check = json!({"of": "document", "schema": {
        "contains": {"properties": {"destinationTable": {"const": "Proposal"}}, "required": ["destinationTable"]},
        "items": {"properties": {"value": {"type": "string"}}}}});
    let findings = seen(&check, &json!([key("a", json!(1))]));
    assert!(findings.contains(&pair("document-mismatch", "bundle")));
    assert!(findings.contains(&pair("document-mismatch", "metadata.txt /0/value")));
    assert_eq!(seen(&check, &json!([{"destinationTable": "Proposal", "value": "x"}])), []);
}

#[test]
fn rows_are_counted() {
    let check = json!({"of": "rows", "table": "Files", "min_rows": 1, "max_rows": 2, "schema": true});
    let rows = |count: usize| json!(vec![json!({"destinationTable": "Files", "name": "a"}); count]);
    assert_eq!(
        judge(&check, &rows(0))[0].message,
        r#"The bundle has 0 rows of the table "Files"; at least 1 are expected."#
    );
    assert_eq!(judge(&check, &rows(1)), []);
    assert_eq!(judge(&check, &rows(3))[0].code, "rows-count");
}

#[test]
fn a_schema_may_be_written_as_json_and_refer_to_itself() {
    let schema = r##"{"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"id": {"pattern": "^S-"}},
        "properties": {"Sample": {"$ref": "#/definitions/id"}}}"##;
    let check = json!({"of": "key-values", "schema": schema});
    assert_eq!(
        seen(&check, &json!([key("Sample", json!("x"))])),
        [pair("key-values-mismatch", "metadata.txt /0/value")]
    );
    assert_eq!(judge(&check, &json!([key("Sample", json!("S-1"))])), []);
}

#[test]
fn formats_are_checked_unless_they_are_remarks() {
    let check = |formats: bool| json!({"of": "key-values", "formats": formats, "schema": {"properties": {"d": {"format": "date"}}}});
    assert_eq!(judge(&check(true), &json!([key("d", json!("01.03.2026"))])).len(), 1);
    assert_eq!(judge(&check(false), &json!([key("d", json!("01.03.2026"))])), []);
}

#[test]
fn values_of_any_length_make_short_messages() {
    let check =
        json!({"of": "rows", "table": "T", "schema": {"properties": {"v": {"maxLength": 1}}, "maxProperties": 1}});
    let findings = judge(&check, &json!([{"destinationTable": "T", "v": "x".repeat(100_000), "w": "a\nb"}]));
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|finding| finding.message.len() < 200), "{findings:?}");
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_place() {
    let wrong = mistakes(json!({"of": "document", "schema": {"properties": {"a": {"type": "text"}}}}));
    assert!(
        wrong[0].starts_with("checks[0].schema: is no schema that can be used at /properties/a/type: "),
        "{wrong:?}"
    );
    for schema in [json!(3), json!("{"), json!("[]"), json!({"pattern": "("})] {
        let wrong = mistakes(json!({"of": "document", "schema": schema}));
        assert!(wrong[0].starts_with("checks[0].schema: "), "{wrong:?}");
    }
}

#[test]
fn nothing_is_fetched() {
    for reference in ["http://127.0.0.1:9/schema", "file:///etc/hostname", "other.json", "#/$defs/none"] {
        let wrong = mistakes(json!({"of": "document", "schema": {"$ref": reference}}));
        assert!(wrong[0].contains("references must lead into the schema itself"), "{wrong:?}");
    }
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({"checks": [
        {"of": "rows", "schema": 1, "min_rows": 2, "max_rows": 1},
        {"of": "document", "table": "Files", "schema": true, "min_rows": 1},
    ]});
    let mistakes = check_config::<JsonSchema>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    assert_eq!(
        keys,
        ["checks[0].schema", "checks[0].table", "checks[0].max_rows", "checks[1].table", "checks[1].min_rows"]
    );
    assert_eq!(check_config::<JsonSchema>(r#"{"checks": []}"#).unwrap_err(), ["checks: names no check"]);
    let unknown = check_config::<JsonSchema>(r#"{"checks": [{"of": "all", "schema": true}]}"#).unwrap_err();
    assert!(unknown[0].starts_with("checks[0].of: "), "{unknown:?}");
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<JsonSchema>();
    assert_eq!(info.name, "json-schema");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_keys_and_values_can_be_judged(pairs in proptest::collection::vec(("\\PC{0,6}|[~/01]{0,4}", "\\PC{0,90}"), 0..6)) {
        let rows: Vec<Value> = pairs.iter().map(|(name, value)| key(name, json!(value))).collect();
        let check = json!({"of": "key-values", "schema": {"additionalProperties": {"const": 1, "minItems": 9}}});
        let findings = judge(&check, &json!(rows));
        prop_assert_eq!(findings.is_empty(), pairs.is_empty());
        // Every key has its row.
        prop_assert!(findings.iter().all(|finding| finding.location.to_string() != "bundle"));
    }
}
