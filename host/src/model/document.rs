//! The metadata document: a JSON array of rows, each meant for one table of Pacifica's metadata.
//!
//! The text is kept as it was sent; a row that this program has no use for is carried along untouched.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{BundlePath, PathError};

/// More mistakes than this are counted, not listed: the first ones tell what is wrong.
const LISTED_MISTAKES: usize = 20;
/// No row of a real uploader nests deeper than a few levels; whoever reads the document after us may recurse.
const NESTING: usize = 128;

/// A parsed metadata document.
#[derive(Clone, Debug)]
pub struct Document {
    text: Arc<str>,
    rows: Vec<Row>,
    transaction: [Option<TransactionValue>; 3],
    key_values: Vec<KeyValue>,
    files: Vec<FileRow>,
}

/// One element of the array.
#[derive(Clone, Debug)]
pub struct Row {
    span: Range<usize>,
    /// What the row is for.
    pub kind: RowKind,
}

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// `Transactions.submitter` and its like.
    Transaction(TransactionField),
    /// `TransactionKeyValue`; the index into [`Document::key_values`].
    KeyValue(usize),
    /// `FileKeyValue`; the index of the file it belongs to, none where it names a file that has no row.
    FileKeyValue(Option<usize>),
    /// `Files`; the index into [`Document::files`].
    File(usize),
    /// Anything else.
    Other,
}

/// The rows of a transaction that every site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionField {
    /// Who took the data.
    Submitter,
    /// What it was taken for.
    Project,
    /// What it was taken with.
    Instrument,
}

impl TransactionField {
    /// All of them, in the usual order.
    pub const ALL: [Self; 3] = [Self::Submitter, Self::Project, Self::Instrument];

    /// The name behind `Transactions.`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitter => "submitter",
            Self::Project => "project",
            Self::Instrument => "instrument",
        }
    }
}

/// The value of a transaction's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionValue {
    /// The row's place in the array.
    pub row: usize,
    /// The value; a number as its decimal text.
    pub value: String,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// The value; a number as its decimal text.
    pub value: String,
}

/// A `Files` row. What is missing is left to the task that needs it, so that each mistake is reported where Pacifica
/// reports it.
#[derive(Clone, Debug)]
pub struct FileRow {
    /// The row's place in the array.
    pub row: usize,
    /// `name`, as it was sent.
    pub name: String,
    /// `subdir`, as it was sent; empty where there is none.
    pub subdir: String,
    /// The path below `data/` that both mean.
    pub path: Result<BundlePath, PathError>,
    /// `size` in bytes.
    pub size: Option<u64>,
    /// `mimetype`.
    pub mimetype: Option<String>,
    /// `hashtype`; `sha1` where there is none.
    pub hash_type: String,
    /// `hashsum` in lower case, without a prefix that repeats the hash type.
    pub hash_sum: Option<String>,
    /// `ctime`, as it was sent.
    pub ctime: Option<String>,
    /// `mtime`, as it was sent.
    pub mtime: Option<String>,
    /// `source`: where the file of a move lies.
    pub source: Option<String>,
    /// The `FileKeyValue` rows that name this file.
    pub key_values: Vec<KeyValue>,
}

/// Why a text is no metadata document. Each mistake stands on a line of its own, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not UTF-8.
    #[error("metadata.txt is not UTF-8: the first bad byte is number {0}")]
    NotText(usize),
    /// Not JSON, or not an array.
    #[error("metadata.txt is not a JSON array of rows: {0}")]
    NotRows(String),
    /// Rows that cannot be what they say they are.
    #[error("metadata.txt has rows that cannot be read:\n{0}")]
    BadRows(String),
}

#[derive(Deserialize)]
struct TableWire<'a> {
    #[serde(borrow, rename = "destinationTable")]
    table: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ValueWire {
    value: Option<Scalar>,
}

#[derive(Deserialize)]
struct KeyValueWire {
    key: Option<Scalar>,
    value: Option<Scalar>,
    file_id: Option<Scalar>,
}

#[derive(Deserialize)]
struct FileWire {
    #[serde(rename = "_id")]
    id: Option<Scalar>,
    name: Option<Scalar>,
    subdir: Option<Scalar>,
    size: Option<Scalar>,
    mimetype: Option<Scalar>,
    hashtype: Option<Scalar>,
    hashsum: Option<Scalar>,
    ctime: Option<Scalar>,
    mtime: Option<Scalar>,
    source: Option<Scalar>,
}

/// A string, a number or a truth value, as text. Uploaders differ in which of them they send.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;

        impl Visitor<'_> for AsText {
            type Value = Scalar;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
                Ok(Scalar(text))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
                Ok(Scalar(truth.to_string()))
            }
        }

        deserializer.deserialize_any(AsText)
    }
}

fn text(scalar: Option<Scalar>) -> Option<String> {
    scalar.map(|Scalar(text)| text)
}

/// Mistakes of rows, in order, the first of them in words.
#[derive(Default)]
struct Mistakes {
    lines: Vec<String>,
    more: usize,
}

impl Mistakes {
    fn add(&mut self, row: usize, field: &str, what: impl std::fmt::Display) {
        if self.lines.len() < LISTED_MISTAKES {
            self.lines.push(format!("/{row}{field}: {what}"));
        } else {
            self.more += 1;
        }
    }

    fn into_result(mut self) -> Result<(), DocumentError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        if self.more > 0 {
            self.lines.push(format!("and {} more", self.more));
        }
        Err(DocumentError::BadRows(self.lines.join("\n")))
    }
}

impl Document {
    /// Reads a document.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, DocumentError> {
        let text: Arc<str> = String::from_utf8(bytes)
            .map_err(|error| DocumentError::NotText(error.utf8_error().valid_up_to() + 1))?
            .into();
        if nesting(&text) > NESTING {
            return Err(DocumentError::NotRows(format!("it nests deeper than {NESTING} levels")));
        }
        let raw: Vec<&RawValue> =
            serde_json::from_str(&text).map_err(|error| DocumentError::NotRows(error.to_string()))?;
        let spans: Vec<Range<usize>> = raw
            .iter()
            .map(|row| {
                // A borrowed row is a part of the text, so its place is the distance between the two.
                let start = row.get().as_ptr() as usize - text.as_ptr() as usize;
                start..start + row.get().len()
            })
            .collect();

        let mut document = Self {
            text: text.clone(),
            rows: Vec::with_capacity(spans.len()),
            transaction: [const { None }; 3],
            key_values: Vec::new(),
            files: Vec::new(),
        };
        let mut mistakes = Mistakes::default();
        let mut file_ids = HashMap::new();
        let mut file_key_values = Vec::new();
        for (row, span) in spans.into_iter().enumerate() {
            let json = &text[span.clone()];
            let kind = document.read_row(row, json, &mut mistakes, &mut file_ids, &mut file_key_values);
            document.rows.push(Row { span, kind });
        }
        for (row, file_id, key_value) in file_key_values {
            let file = file_id.and_then(|id: String| file_ids.get(&id).copied());
            if let Some(file) = file {
                let file: &mut FileRow = &mut document.files[file];
                file.key_values.push(key_value);
            }
            document.rows[row].kind = RowKind::FileKeyValue(file);
        }
        mistakes.into_result()?;
        Ok(document)
    }

    fn read_row(
        &mut self,
        row: usize,
        json: &str,
        mistakes: &mut Mistakes,
        file_ids: &mut HashMap<String, usize>,
        file_key_values: &mut Vec<(usize, Option<String>, KeyValue)>,
    ) -> RowKind {
        if !json.starts_with('{') {
            mistakes.add(row, "", "not an object");
            return RowKind::Other;
        }
        let table = match serde_json::from_str::<TableWire<'_>>(json) {
            Ok(wire) => wire.table,
            Err(error) => {
                mistakes.add(row, "/destinationTable", plain(&error));
                return RowKind::Other;
            }
        };
        macro_rules! read {
            ($wire:ty) => {
                match serde_json::from_str::<$wire>(json) {
                    Ok(wire) => wire,
                    Err(error) => {
                        mistakes.add(row, "", plain(&error));
                        return RowKind::Other;
                    }
                }
            };
        }
        if let Some(field) =
            TransactionField::ALL.into_iter().find(|field| table.strip_prefix("Transactions.") == Some(field.name()))
        {
            // A null means the same as no row: the rule that wants it will say so.
            if let Some(value) = text(read!(ValueWire).value) {
                let known = &mut self.transaction[field as usize];
                match known {
                    Some(known) if known.value != value => {
                        let said = format!("{table} is {value:?} here and {:?} in /{}", known.value, known.row);
                        mistakes.add(row, "/value", said);
                    }
                    Some(_) => {}
                    None => *known = Some(TransactionValue { row, value }),
                }
            }
            return RowKind::Transaction(field);
        }
        match &*table {
            "TransactionKeyValue" | "FileKeyValue" => {
                let wire = read!(KeyValueWire);
                let Some(key) = text(wire.key) else {
                    mistakes.add(row, "/key", format_args!("a {table} row needs a key"));
                    return RowKind::Other;
                };
                let key_value = KeyValue { key, value: text(wire.value).unwrap_or_default() };
                if table == "FileKeyValue" {
                    file_key_values.push((row, text(wire.file_id), key_value));
                    return RowKind::FileKeyValue(None);
                }
                self.key_values.push(key_value);
                RowKind::KeyValue(self.key_values.len() - 1)
            }
            "Files" => {
                let wire = read!(FileWire);
                let Some(name) = text(wire.name) else {
                    mistakes.add(row, "/name", "a Files row needs a name");
                    return RowKind::Other;
                };
                let size = match text(wire.size).map(|size| size.parse::<u64>().map_err(|_| size)) {
                    None => None,
                    Some(Ok(size)) => Some(size),
                    Some(Err(size)) => {
                        mistakes.add(row, "/size", format_args!("{size:?} is no number of bytes"));
                        None
                    }
                };
                let subdir = text(wire.subdir).unwrap_or_default();
                let hash_type = text(wire.hashtype).unwrap_or_else(|| "sha1".to_owned());
                let hash_sum = text(wire.hashsum).map(|sum| plain_sum(&hash_type, &sum));
                if let Some(id) = text(wire.id) {
                    file_ids.insert(id, self.files.len());
                }
                self.files.push(FileRow {
                    row,
                    path: BundlePath::of_row(&subdir, &name),
                    name,
                    subdir,
                    size,
                    mimetype: text(wire.mimetype),
                    hash_type,
                    hash_sum,
                    ctime: text(wire.ctime),
                    mtime: text(wire.mtime),
                    source: text(wire.source),
                    key_values: Vec::new(),
                });
                RowKind::File(self.files.len() - 1)
            }
            _ => RowKind::Other,
        }
    }

    /// The whole document, as it was sent.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// All rows, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One row's JSON, as it was sent.
    pub fn row_text(&self, row: &Row) -> &str {
        &self.text[row.span.clone()]
    }

    /// The submitter, project or instrument, where the document has one.
    pub fn transaction(&self, field: TransactionField) -> Option<&TransactionValue> {
        self.transaction[field as usize].as_ref()
    }

    /// The same, as text alone.
    pub fn value(&self, field: TransactionField) -> Option<&str> {
        self.transaction(field).map(|value| value.value.as_str())
    }

    /// The `TransactionKeyValue` rows, in order.
    pub fn key_values(&self) -> &[KeyValue] {
        &self.key_values
    }

    /// The `Files` rows, in order.
    pub fn files(&self) -> &[FileRow] {
        &self.files
    }
}

/// The deepest nesting of arrays and objects. On what is no JSON the answer means nothing, and the parser will say so.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A row's error without serde's line and column, which count inside the row and so mislead.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

/// A hashsum may repeat its hash type: `sha1:…`.
fn plain_sum(hash_type: &str, sum: &str) -> String {
    let sum = sum.trim().to_ascii_lowercase();
    match sum.split_once(':') {
        Some((prefix, digest)) if prefix.eq_ignore_ascii_case(hash_type) => digest.to_owned(),
        _ => sum,
    }
}

#[cfg(test)]
mod tests {
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
        let json = r#"[ {"destinationTable": "Other",  "value": {"any": ["thing", 1e400]}} ]"#;
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
        let deep = format!(r#"[{{"destinationTable": "x", "value": {}{}}}]"#, "[".repeat(1_000), "]".repeat(1_000));
        assert!(matches!(parse(&deep), Err(DocumentError::NotRows(_))));
        let brackets_in_text = format!(r#"[{{"destinationTable": "x", "value": "\"{}"}}]"#, "[".repeat(1_000));
        assert!(parse(&brackets_in_text).is_ok());
    }
}
