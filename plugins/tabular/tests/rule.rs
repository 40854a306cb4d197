//! The rule, on tables good and bad.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, describe, validate};
use sluice_sdk::{Finding, Location, Severity};
use tabular::Tabular;

fn judge(table: &Value, content: impl Into<Vec<u8>>) -> Vec<Finding> {
    let mut table = table.clone();
    table["files"] = json!("*.csv");
    let rows = json!([{"destinationTable": "Files", "name": "t.csv"}, {"destinationTable": "Files", "name": "other"}]);
    let bundle = BundleBuilder::new(&rows.to_string()).content("t.csv", content).content("other", "x").build();
    let findings = validate::<Tabular>(&json!({"tables": [table]}).to_string(), &bundle).expect("it can be used");
    assert!(findings.iter().all(|finding| finding.location == Location::File("t.csv".into())));
    findings
}

fn messages(table: &Value, content: impl Into<Vec<u8>>) -> Vec<String> {
    judge(table, content).into_iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

/// The codes of what is said about one column `v` that has these values.
fn codes(column: Value, values: &[&str]) -> String {
    let mut column = column;
    column["name"] = json!("v");
    let rows: Vec<String> = values.iter().map(|value| format!("x,{value}\n")).collect();
    let findings = judge(&json!({"columns": [column], "max_findings": 100}), format!("k,v\n{}", rows.concat()));
    findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>().join(" ")
}

#[test]
fn values_are_held_against_types_and_ranges() {
    for (column, good, bad, code) in [
        (json!({"type": "integer"}), vec!["1", "-2", "+3"], vec!["1.0", "a", "1e3"], "value-wrong-type"),
        (json!({"type": "number"}), vec!["1", "1.5e3", ".5"], vec!["\"1,5\"", "nan"], "value-wrong-type"),
        (json!({"type": "boolean"}), vec!["true", "FALSE", "1"], vec!["yes", "2"], "value-wrong-type"),
        (json!({"type": "date"}), vec!["2024-02-29"], vec!["2026-02-29", "01.03.2026"], "value-wrong-type"),
        (json!({"type": "datetime"}), vec!["2026-03-01T12:30"], vec!["2026-03-01", "12:30"], "value-wrong-type"),
        (json!({"type": "integer", "min": -2, "max": 3}), vec!["-2", "3"], vec!["-3", "4"], "value-out-of-range"),
        (json!({"type": "number", "min": 0.1}), vec!["0.1", "1e300"], vec!["0.09", "-1e300"], "value-out-of-range"),
        (json!({"type": "number", "nan": true, "max": 1}), vec!["NaN", "-inf", "0"], vec!["2"], "value-out-of-range"),
        (json!({"type": "date", "min": "2026-01-01"}), vec!["2026-01-01"], vec!["2025-12-31"], "value-out-of-range"),
        (
            json!({"type": "datetime", "max": "2026-01-01"}),
            vec!["2026-01-01T23:59"],
            vec!["2026-01-02T00:00"],
            "value-out-of-range",
        ),
        (json!({"allowed": ["a", 1]}), vec!["a", "1"], vec!["b", "1.0"], "value-not-allowed"),
        (json!({"pattern": "S-[0-9]+"}), vec!["S-1"], vec!["S-", "xS-1"], "value-malformed"),
        (json!({"min_length": 2, "max_length": 2}), vec!["日本"], vec!["日", "日本語"], "value-length"),
        (json!({}), vec!["any", "\" \""], vec!["", "\"\""], "value-missing"),
        (json!({"may_be_empty": true, "type": "number"}), vec!["", "1"], vec!["-"], "value-wrong-type"),
        (json!({"unique": true}), vec!["a", "b"], vec!["a", "a"], ""),
    ] {
        assert_eq!(codes(column.clone(), &good), "", "{column}");
        if !code.is_empty() {
            assert_eq!(codes(column.clone(), &bad), vec![code; bad.len()].join(" "), "{column}");
        }
    }
    assert_eq!(codes(json!({"unique": true}), &["a", "b", "a", "\"b\""]), "value-not-unique value-not-unique");
}

#[test]
fn findings_name_row_line_and_column() {
    let table = json!({"comment": "#", "columns": [{"name": "k"}, {"name": "a, b", "type": "number"}], "hint": "Ask."});
    let content = "# made by hand\nk,\"a, b\"\n\"two\nlines\",1\n\nx, 2\ny,\"1\"\"\"\n";
    let findings = judge(&table, content);
    let said: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        said,
        [
            r#"Row 2 (line 6), column "a, b": " 2" is not a number (there are blanks around it)."#,
            r#"Row 3 (line 7), column "a, b": "1\"" is not a number."#
        ]
    );
    assert_eq!((findings[0].severity, findings[0].hint.as_deref()), (Severity::Error, Some("Ask.")));
    assert_eq!(
        messages(&json!({"comment": "#", "trim": true, "columns": [{"name": "a, b", "type": "number"}]}), content)
            .len(),
        1
    );
}

#[test]
fn the_header_is_held_against_the_description() {
    let columns = json!([{"name": "a"}, {"name": "b"}, {"name": "c", "may_be_absent": true}]);
    let table = |more: Value| {
        let mut table = json!({"columns": columns});
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        table
    };
    assert_eq!(messages(&table(json!({"ordered": true})), "a,x,b\n1,2,3\n"), Vec::<String>::new());
    assert_eq!(
        messages(&table(json!({"ordered": true})), "b,a\n"),
        [r#"columns-order: The columns are in another order than "a", "b"."#]
    );
    assert_eq!(messages(&table(json!({})), "b,a\n"), Vec::<String>::new());
    assert_eq!(
        messages(&table(json!({"other_columns": false})), "a,a,B\n"),
        [
            r#"column-twice: Two columns are called "a"."#,
            r#"column-unknown: The column "B" does not belong to this table."#,
            r#"column-missing: There is no column "b" (there is one called "B")."#
        ]
    );
    for empty in ["", "\n\n", "\u{feff}"] {
        assert_eq!(judge(&table(json!({})), empty)[0].code, "header-missing");
    }
    // The mark that Excel puts in front is not part of the name.
    assert_eq!(messages(&table(json!({})), "\u{feff}a,b\r\n1,2\r\n"), Vec::<String>::new());
}

#[test]
fn a_table_without_header_has_the_columns_of_the_description() {
    let table = json!({"header": false, "other_columns": false, "delimiter": "tab", "quote": "",
        "columns": [{"name": "x", "type": "number"}, {"name": "y"}]});
    assert_eq!(messages(&table, "1\t\"a\n2\tb"), Vec::<String>::new());
    assert_eq!(messages(&table, "a\tb\n"), [r#"value-wrong-type: Row 1 (line 1), column "x": "a" is not a number."#]);
    assert_eq!(judge(&table, "1\t2\t3\n")[0].code, "columns-count");
}

#[test]
fn rows_are_counted_and_have_as_many_values_as_there_are_columns() {
    let table = json!({"min_rows": 2, "max_rows": 3});
    assert_eq!(messages(&table, "a,b\n1,2\n\n3,4"), Vec::<String>::new());
    assert_eq!(
        messages(&table, "a,b\n1\n"),
        [
            "values-count: Row 1 (line 2) has 1 value; the table has 2 columns.",
            "too-few-rows: The table has 1 rows; at least 2 are expected."
        ]
    );
    assert_eq!(judge(&table, "a\n1\n2\n3\n4\n")[0].code, "too-many-rows");
    assert_eq!(
        messages(&json!({"skip_lines": 2, "min_rows": 1}), "Instrument, 7, x\r\n\r\na,b\r\n1,2\r\n"),
        Vec::<String>::new()
    );
}

#[test]
fn groups_of_columns_come_once_and_a_full_memory_is_told() {
    let mut table = json!({"columns": [{"name": "s"}, {"name": "t", "may_be_empty": true}], "unique": [["s", "t"]]});
    assert_eq!(messages(&table, "s,t\na,1\na,2\nb,1\na,\na,\n"), Vec::<String>::new());
    assert_eq!(
        messages(&table, "s,t\na,1\nb,1\na,1\n"),
        [r#"value-not-unique: Row 3 (line 4), column "s", "t": "a", "1" came before."#]
    );
    table["max_unique"] = json!(1);
    let said: Vec<String> =
        judge(&table, "s,t\na,1\nb,1\nc,1\na,1\n").into_iter().map(|finding| finding.code).collect();
    assert_eq!(said, ["uniqueness-unchecked", "value-not-unique"]);
}

#[test]
fn bytes_that_are_not_utf8_are_found_in_their_column() {
    let latin = b"a,b\n1,2\n3,20 \xb0C\n".to_vec();
    assert_eq!(
        messages(&json!({}), latin.clone()),
        [r#"not-utf8: Row 2 (line 3), column "b": the byte 0xb0 is not UTF-8."#]
    );
    assert_eq!(messages(&json!({"utf8": false}), latin), Vec::<String>::new());
    assert_eq!(judge(&json!({}), b"\xff\xfea\0,\0".to_vec())[0].code, "not-utf8");
    // A character that is cut by the end of a read is whole all the same.
    let long = format!("a,b\n{},1\n", "é".repeat((1 << 19) - 5));
    assert_eq!(messages(&json!({}), long), Vec::<String>::new());
}

#[test]
fn quotes_that_are_not_closed_are_found_and_never_read_for_ever() {
    assert_eq!(
        messages(&json!({}), "a,b\n1,\"2\n"),
        [r#"quote-malformed: Row 1 (line 2), column "b": a quote is opened and never closed."#]
    );
    assert_eq!(judge(&json!({}), "a,b\n1,\"2\"3\n")[0].code, "quote-malformed");
    let endless = format!("a,b\n1,\"{}", "x\n".repeat(3 << 20));
    assert_eq!(
        messages(&json!({}), endless),
        ["row-too-long: Line 2 is longer than 1048576 bytes; the rest was not read."]
    );
}

#[test]
fn only_so_many_findings_of_a_file_are_listed_and_the_others_counted() {
    let table = json!({"columns": [{"name": "a", "type": "number"}], "max_findings": 3, "severity": "warning"});
    let findings = judge(&table, format!("a\n{}", "x\n".repeat(200_000)));
    assert_eq!(findings.len(), 4);
    assert_eq!(findings[3].message, "There is more in this file: 199997 findings of the same or other kinds.");
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
}

#[test]
fn the_first_description_that_means_a_file_counts() {
    let config = json!({"tables": [
        {"files": "a/*.csv", "columns": [{"name": "x"}]},
        {"files": "**/*.csv", "columns": [{"name": "y"}]},
    ]});
    let rows: Vec<Value> = ["a", "b", "c"]
        .iter()
        .map(|dir| json!({"destinationTable": "Files", "subdir": dir, "name": "1.csv"}))
        .collect();
    let bundle =
        BundleBuilder::new(&json!(rows).to_string()).content("a/1.csv", "x\n").content("b/1.csv", "x\n").build();
    let findings = validate::<Tabular>(&config.to_string(), &bundle).unwrap();
    let said: Vec<_> = findings.iter().map(|finding| (finding.code.as_str(), finding.location.to_string())).collect();
    assert_eq!(said, [("column-missing", "data/b/1.csv".to_owned()), ("content-not-at-hand", "bundle".to_owned())]);
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({"tables": [{
        "files": "a**", "delimiter": "ab", "quote": "é", "comment": "", "min_rows": 2, "max_rows": 1,
        "unique": [["z"], []],
        "columns": [
            {"name": "a", "pattern": "(", "min": 1},
            {"name": "a", "type": "number", "min": 2, "max": 1, "allowed": ["x"]},
            {"name": "b", "type": "date", "min": "soon", "nan": true, "min_length": 2, "max_length": 1, "allowed": []},
        ],
    }, {"files": "*", "decimal_comma": true, "quote": ","}]});
    let mistakes = check_config::<Tabular>(&config.to_string()).unwrap_err();
    let mut keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "tables[0].columns[0].min",
            "tables[0].columns[0].pattern",
            "tables[0].columns[1].allowed[0]",
            "tables[0].columns[1].max",
            "tables[0].columns[1].name",
            "tables[0].columns[2].allowed",
            "tables[0].columns[2].max_length",
            "tables[0].columns[2].min",
            "tables[0].columns[2].nan",
            "tables[0].comment",
            "tables[0].delimiter",
            "tables[0].files",
            "tables[0].max_rows",
            "tables[0].quote",
            "tables[0].unique[0]",
            "tables[0].unique[1]",
            "tables[1].delimiter",
            "tables[1].quote",
        ]
    );
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<Tabular>();
    assert_eq!(info.name, "tabular");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn any_bytes_can_be_judged(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\",\r\n#a1".to_vec())], 0..200)) {
        let table = json!({"comment": "#", "skip_lines": 1, "trim": true, "unique": [["a"]],
            "columns": [{"name": "a", "type": "datetime", "min": "2026-01-01", "may_be_absent": true}]});
        judge(&table, bytes);
    }
}

proptest! {
    // Each case reads a megabyte.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What a program writes with every value quoted is read as it was, wherever the reads end.
    #[test]
    fn quoted_values_are_read_as_they_were_written(values in proptest::collection::vec("[a\",\r\né]{1,6}", 1..20), before in 0..40_usize) {
        let rows: Vec<String> = values.iter().map(|value| format!("\"{}\"\r\n", value.replace('"', "\"\""))).collect();
        let filler = format!("\"{}\"\r\n", "x".repeat((1 << 20) - 20 - before));
        let allowed: Vec<String> = values.iter().cloned().chain(["x".repeat((1 << 20) - 20 - before)]).collect();
        let table = json!({"columns": [{"name": "v", "allowed": allowed}], "min_rows": values.len() + 1, "max_rows": values.len() + 1});
        prop_assert_eq!(messages(&table, format!("v\r\n{filler}{}", rows.concat())), Vec::<String>::new());
    }
}
