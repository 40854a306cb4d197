//! The files of a bundle and their keys, as a rule gets them: whole and in order, however many there are.

use reqwest::Method;
use serde_json::{Value, json};

use super::granted;
use crate::site::Site;

/// More than a rule is handed at a time.
const FILES: usize = 300;

/// A `Files` row. Of every third file something is missing that may be.
fn row(number: usize) -> Value {
    let mut row = json!({
        "_id": number, "destinationTable": "Files", "name": format!("{number}-日本語.dat"), "subdir": "a/b", "size": number,
        "mimetype": "text/plain", "hashtype": "sha256", "hashsum": format!("{number:064x}"),
        "ctime": "2026-01-01T00:00:00", "mtime": format!("mtime {number}"),
    });
    if number.is_multiple_of(3) {
        row.as_object_mut().expect("an object").remove("ctime");
    }
    row
}

/// The keys of a file: none of some, one of most, and three of others, with empty ones among them.
fn keys(number: usize) -> Vec<(String, String)> {
    match number % 5 {
        0 => Vec::new(),
        1 => vec![
            ("größe".to_owned(), format!("{number} µm")),
            (String::new(), "x".to_owned()),
            ("y".to_owned(), String::new()),
        ],
        _ => vec![("sample".to_owned(), format!("s{number}"))],
    }
}

#[tokio::test]
async fn a_rule_gets_all_files_and_all_of_their_keys() {
    let mut site = Site::start().await;
    let mut rule = granted("echo", "", &json!({}));
    rule["mode"] = json!("shadow");
    site.add_rule(rule).await;
    let mut rows: Vec<Value> = [("submitter", json!(10)), ("project", json!("1234a")), ("instrument", json!(54))]
        .into_iter()
        .map(|(field, value)| json!({"destinationTable": format!("Transactions.{field}"), "value": value}))
        .collect();
    rows.extend((0..FILES).map(row));
    for number in 0..FILES {
        let row =
            |(key, value)| json!({"destinationTable": "FileKeyValue", "file_id": number, "key": key, "value": value});
        rows.extend(keys(number).into_iter().map(row));
    }
    let report = site.api(Method::POST, "/api/validate", Some(Value::from(rows))).await.json();
    let rules = report["rules"].as_array().expect("rules");
    let told = rules.iter().find(|rule| rule["rule"] == "told").unwrap_or_else(|| panic!("no rule in {report}"));
    let said = |code: &str| -> Vec<Value> {
        let findings = told["findings"].as_array().expect("findings").iter().filter(|finding| finding["code"] == code);
        findings
            .map(|finding| serde_json::from_str(finding["message"].as_str().expect("a text")).expect("JSON"))
            .collect()
    };
    let file = |number: usize| {
        json!({
            "index": number, "id": number + 1, "row": number + 3, "path": format!("a/b/{number}-日本語.dat"), "size": number,
            "mimetype": "text/plain", "hash_type": "sha256", "hash_sum": format!("{number:064x}"),
            "ctime": row(number).get("ctime"), "mtime": format!("mtime {number}"), "source": null,
        })
    };
    assert_eq!(said("file"), (0..FILES).map(file).collect::<Vec<_>>(), "{told}");
    let pairs = (0..FILES).flat_map(keys).map(|(key, value)| json!({"key": key, "value": value}));
    assert_eq!(said("file-key-value"), pairs.collect::<Vec<_>>());
}
