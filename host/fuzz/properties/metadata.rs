//! A metadata document that is accepted can be read by all who come after us, written again, and read to the same rows. The
//! error of one that is refused is short and says where.

use serde_json::Value;
use sluice::model::{Document, DocumentError, RowKind};

pub(crate) fn check(data: &[u8]) {
    match Document::parse(data.to_vec()) {
        Ok(document) => accepted(&document),
        Err(error) => refused(data, &error),
    }
}

fn accepted(document: &Document) {
    let values: Vec<Value> = serde_json::from_str(document.text()).expect("the rules read it with serde_json, whole");
    assert_eq!(values.len(), document.rows().len());
    for (row, value) in document.rows().iter().zip(&values) {
        assert_eq!(serde_json::from_str::<Value>(document.row_text(row)).expect("a row is JSON by itself"), *value);
        let table = value["destinationTable"].as_str().expect("a row has a table");
        let said = match row.kind {
            RowKind::Transaction(field) => table.strip_prefix("Transactions.") == Some(field.name()),
            RowKind::KeyValue(at) => table == "TransactionKeyValue" && at < document.key_values().len(),
            RowKind::FileKeyValue(file) => table == "FileKeyValue" && file.is_none_or(|at| at < document.files().len()),
            RowKind::File(at) => table == "Files" && document.files()[at].name == text(&value["name"]),
            RowKind::Other => !matches!(table, "Files" | "TransactionKeyValue" | "FileKeyValue"),
        };
        assert!(said, "{:?} for {value}", row.kind);
    }
    let joined: Vec<&str> = document.rows().iter().map(|row| document.row_text(row)).collect();
    for written in [format!("[{}]", joined.join(",")), Value::from(values).to_string()] {
        let again = Document::parse(written.into_bytes()).expect("it is accepted again");
        assert_eq!(facts(&again), facts(document));
    }
}

/// A string, a number or a truth value, as the document has it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}

/// All that is read of a document.
fn facts(document: &Document) -> String {
    let kinds: Vec<RowKind> = document.rows().iter().map(|row| row.kind).collect();
    let values = sluice::model::TransactionField::ALL.map(|field| document.transaction(field));
    format!("{kinds:?} {values:?} {:?} {:?}", document.key_values(), document.files())
}

fn refused(data: &[u8], error: &DocumentError) {
    let text = error.to_string();
    assert!(text.len() < 20 * 1_300, "{} bytes of mistakes", text.len());
    match error {
        DocumentError::NotText(byte) => {
            let valid = std::str::from_utf8(data).expect_err("it is not UTF-8").valid_up_to();
            assert_eq!(*byte, valid + 1);
        }
        DocumentError::NotRows(what) => assert!(what.contains(" at line ") || what.contains(" at byte "), "{what}"),
        DocumentError::BadRows(lines) => {
            let placed = |line: &str| {
                let row = line.strip_prefix('/').and_then(|rest| rest.split([':', '/']).next());
                row.is_some_and(|row| row.parse::<usize>().is_ok())
            };
            assert!(lines.lines().count() <= 21);
            for line in lines.lines() {
                assert!(placed(line) || (line.starts_with("and ") && line.ends_with(" more")), "{line}");
            }
        }
    }
}
