//! What a document is, and what is none.

use super::*;

fn parse(json: &str) -> Result<Document, DocumentError> {
    Document::parse(json.as_bytes().to_vec())
}

#[test]
fn a_number_and_a_string_mean_the_same_submitter() {
    for value in ["10", "\"10\""] {
        let json = format!(r#"[{{"destinationTable": "Transactions.submitter", "value": {value}}}]"#);
        assert_eq!(parse(&json).unwrap().value(TransactionField::Submitter), Some("10"));
    }
}

#[test]
fn a_row_for_another_table_is_carried_along_untouched() {
    let json = r#"[ {"destinationTable": "Other",  "value": {"any": ["thing", 1e300, "\ud83d\ude00"]}} ]"#;
    let document = parse(json).unwrap();
    let [row] = document.rows() else { panic!("one row") };
    assert_eq!(row.kind, RowKind::Other);
    assert_eq!(document.row_text(row), json[2..json.len() - 2].trim());
}

#[test]
fn a_file_row_is_read_in_all_its_spellings() {
    let json = r#"[
        {"destinationTable": "FileKeyValue", "file_id": 7, "key": "a", "value": 1.5},
        {"destinationTable": "Files", "_id": "7", "name": "x", "subdir": "data/a//b", "size": "12",
         "hashtype": "sha1", "hashsum": "sha1:AB", "metaID": 3}]"#;
    let document = parse(json).unwrap();
    let [file] = document.files() else { panic!("one file") };
    assert_eq!(file.path.as_ref().unwrap().as_str(), "a/b/x");
    assert_eq!((file.size, file.hash_sum.as_deref()), (Some(12), Some("ab")));
    assert_eq!(file.key_values, [KeyValue { key: "a".into(), value: "1.5".into() }]);
    assert_eq!(document.rows()[0].kind, RowKind::FileKeyValue(Some(0)));
}

#[test]
fn every_bad_row_is_named_by_its_place() {
    let json = r#"[3, {"value": 1}, {"destinationTable": "Files"},
        {"destinationTable": "Transactions.project", "value": "a"},
        {"destinationTable": "Transactions.project", "value": "b"},
        {"destinationTable": "Files", "name": "x", "size": -1}]"#;
    let error = parse(json).unwrap_err().to_string();
    for place in ["/0: not an object", "/1/destinationTable: missing field", "/2/name:", "/4/value:", "/5/size:"] {
        assert!(error.contains(place), "{place} in {error}");
    }
}

#[test]
fn what_is_not_an_array_of_rows_is_refused() {
    for json in ["", "{}", "[", "[NaN]", "\"x\"", "[{}] []", r#"["\ud800"]"#] {
        assert!(parse(json).is_err(), "{json}");
    }
    let brackets_in_text = format!(r#"[{{"destinationTable": "x", "value": "\"{}"}}]"#, "[".repeat(1_000));
    assert!(parse(&brackets_in_text).is_ok());
}

/// A document of one row with this value: in a row of no known table, and in one of a known table beside and within
/// what is read.
fn everywhere(value: &str) -> [String; 3] {
    [
        format!(r#"[{{"destinationTable": "Other", "value": {value}}}]"#),
        format!(r#"[{{"destinationTable": "Files", "name": "x", "other": {value}}}]"#),
        format!(r#"[{{"destinationTable": "TransactionKeyValue", "key": "k", "value": {value}}}]"#),
    ]
}

#[test]
fn what_other_programs_cannot_read_is_refused_in_rows_that_nobody_reads_here_too() {
    for (value, words) in [
        (r#""\ud800""#, "half a character"),
        (r#""a \udc00 b""#, "half a character"),
        (r#""\ud800\u0041""#, "half a character"),
        ("1e400", "number out of range"),
        ("-1e400", "number out of range"),
    ] {
        for (json, key) in everywhere(value).iter().zip(["value", "other", "value"]) {
            let error = parse(json).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(&format!("\n/0/{key}: ")), "{error} for {json}");
            assert!(serde_json::from_str::<serde_json::Value>(json).is_err(), "{json}");
        }
    }
    let within = r#"[{"destinationTable": "Other", "\ud800": 1}]"#;
    assert!(parse(within).unwrap_err().to_string().contains("/0: half a character"));
}

#[test]
fn as_deep_as_rules_can_read_is_taken_and_no_deeper() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // Two levels are the array and its row.
    for (levels, taken) in [(NESTING - 2, true), (NESTING - 1, false), (100_000, false)] {
        for json in &everywhere(&nested(levels))[..2] {
            assert_eq!(parse(json).is_ok(), taken, "{levels}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(json).is_ok(), taken, "{levels}");
        }
    }
    for json in everywhere(&nested(NESTING)) {
        let error = parse(&json).unwrap_err().to_string();
        assert!(error.contains("nests deeper than 127 levels, at byte "), "{error}");
    }
}

#[test]
fn a_mistake_does_not_repeat_megabytes() {
    let long = "x".repeat(1 << 20);
    for row in [
        format!(r#"{{"destinationTable": "Files", "name": "a", "size": "{long}"}}"#),
        format!(r#"{{"destinationTable": "Other", "\n{long}": 1e400}}"#),
        format!(
            r#"{{"destinationTable": "Transactions.project", "value": "{long}"}},
               {{"destinationTable": "Transactions.project", "value": "y"}}"#
        ),
    ] {
        let error = parse(&format!("[{row}]")).unwrap_err().to_string();
        assert!(error.len() < 1_000, "{} bytes", error.len());
    }
}
