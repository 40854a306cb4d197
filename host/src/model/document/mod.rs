//! The metadata document: a JSON array of rows, each meant for one table of Pacifica's metadata.
//!
//! The text is kept as it was sent; a row that this program has no use for is carried along untouched. What is accepted can
//! be read by serde_json, whole, and so by the rules.

mod wire;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeSeed as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::wire::{FileWire, KeyValueWire, Scalar, TableOf, ValueWire, plain};
use super::{BundlePath, PathError, Quoted};

/// More mistakes than this are counted, not listed: the first ones tell what is wrong.
const LISTED_MISTAKES: usize = 20;
/// No row of a real uploader nests deeper than a few levels; whoever reads the document after us may recurse. serde_json,
/// which reads it in the rules, goes no deeper.
const NESTING: usize = 127;

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
        if let Some(byte) = too_deep(&text) {
            let what = format!("it nests deeper than {NESTING} levels, at byte {}", byte + 1);
            return Err(DocumentError::NotRows(what));
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
        let mut place = String::new();
        // A row is whole JSON already: nothing can come after it.
        let table = match (TableOf { place: &mut place }).deserialize(&mut serde_json::Deserializer::from_str(json)) {
            Ok(table) => table,
            Err(error) => {
                mistakes.add(row, &place, plain(&error));
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
                        let (here, there) = (Quoted(&value), Quoted(&known.value));
                        let said = format!("{table} is {here} here and {there} in /{}", known.row);
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
                        mistakes.add(row, "/size", format_args!("{} is no number of bytes", Quoted(&size)));
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

/// Where arrays and objects nest too deeply. On what is no JSON the answer may mean nothing; it is refused in any case.
fn too_deep(json: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (place, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > NESTING {
                    return Some(place);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
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
mod tests;
