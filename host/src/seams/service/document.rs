//! The metadata document as Pacifica's services take it: the rows that were sent, an `_id` on each `Files` row, and a
//! row more for the transaction's own id; keys sorted, indented by four, like the `json.dumps(…, sort_keys=True,
//! indent=4)` that these services have always been sent.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};

use crate::model::{Document, FileId, JobId, RowKind};

/// The document for the policy service; and, with `clipped`, for the metadata service, which takes each `subdir`
/// without its leading `data` and without empty parts.
pub(crate) fn for_services(document: &Document, job: JobId, file_ids: &[FileId], clipped: bool) -> Vec<u8> {
    let mut rows = Vec::with_capacity(document.rows().len() + 1);
    for row in document.rows() {
        // The document was parsed before, so a row is an object.
        let Ok(Value::Object(mut object)) = serde_json::from_str(document.row_text(row)) else { continue };
        if let RowKind::File(file) = row.kind {
            if let Some(id) = file_ids.get(file) {
                object.insert("_id".to_owned(), json!(id));
            }
            if clipped {
                object.insert("subdir".to_owned(), json!(clip(&document.files()[file].subdir)));
            }
        }
        rows.push(Value::Object(object));
    }
    rows.push(json!({"destinationTable": "Transactions._id", "value": job}));
    let sorted = Value::Array(rows.into_iter().map(sorted).collect());
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    sorted.serialize(&mut serializer).expect("JSON always can be written");
    bytes
}

/// With the keys of all objects in order, whatever order maps keep in this build.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        Value::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn clip(subdir: &str) -> String {
    let mut parts = subdir.split('/').peekable();
    parts.next_if_eq(&"data");
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_indented_and_given_their_ids() {
        let text = r#"[
            {"value": 10, "destinationTable": "Transactions.submitter", "zeta": {"b": 1, "a": 2}},
            {"destinationTable": "Files", "subdir": "data//a/b/", "name": "x", "size": 3}
        ]"#;
        let document = Document::parse(text.as_bytes().to_vec()).unwrap();
        let sent =
            |clipped| String::from_utf8(for_services(&document, JobId::new(7), &[FileId::new(12)], clipped)).unwrap();
        let expected = r#"[
    {
        "destinationTable": "Transactions.submitter",
        "value": 10,
        "zeta": {
            "a": 2,
            "b": 1
        }
    },
    {
        "_id": 12,
        "destinationTable": "Files",
        "name": "x",
        "size": 3,
        "subdir": "a/b"
    },
    {
        "destinationTable": "Transactions._id",
        "value": 7
    }
]"#;
        assert_eq!(sent(true), expected);
        assert_eq!(sent(false), expected.replace("\"a/b\"", "\"data//a/b/\""));
    }

    #[test]
    fn a_subdir_is_clipped_as_pacifica_does_it() {
        for (subdir, clipped) in [("data/a/b/", "a/b"), ("a//b", "a/b"), ("data", ""), ("data/data", "data"), ("", "")]
        {
            assert_eq!(clip(subdir), clipped, "{subdir}");
        }
    }
}
