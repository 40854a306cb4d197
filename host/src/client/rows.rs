//! The metadata document of a bundle that is made here.

use std::collections::{HashMap, HashSet};

use globset::GlobBuilder;
use serde_json::{Map, Value, json};

use super::walk::LocalFile;
use crate::model::{BundlePath, HashKind, TransactionField};

/// What an uploader says of its files.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The values of `Transactions.*` rows, in the order of [`TransactionField::ALL`].
    pub transaction: [Option<String>; 3],
    /// `TransactionKeyValue` rows.
    pub keys: Vec<(String, String)>,
    /// `FileKeyValue` rows: which files, by a glob over their paths below `data/`, and key and value.
    pub file_keys: Vec<(String, String, String)>,
    /// Rows that were written before; what is said besides goes before them.
    pub rows: Vec<Value>,
}

/// Why no document can be made of what was said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// A row is no object.
    #[error("row {0} of the metadata is no object")]
    NoObject(usize),
    /// A row names a file that is not sent.
    #[error("row {row} of the metadata is of data/{place}, which is not among the files to be sent")]
    NotSent {
        /// The row's number.
        row: usize,
        /// The place.
        place: BundlePath,
    },
    /// A row of a file whose place cannot be told.
    #[error("row {row} of the metadata: {why}")]
    BadFile {
        /// The row's number.
        row: usize,
        /// What is wrong.
        why: String,
    },
    /// A pattern that is none, or fits no file.
    #[error("{0:?} {1}")]
    Pattern(String, String),
}

/// A document whose hashes are still to come.
#[derive(Clone, Debug)]
pub struct Rows {
    rows: Vec<Value>,
    /// The row of each file, and the function that it is to be hashed with.
    files: Vec<(usize, HashKind)>,
}

impl Rows {
    /// The document of these files. With `sources`, each row says where its file lies, as the document of a move does.
    ///
    /// Rows that were written before are kept with all they say, but for what is known here for certain: size, times
    /// and, later, hashes.
    pub fn new(files: &[LocalFile], facts: &Facts, sources: bool) -> Result<Self, FactsError> {
        let mut rows = facts.rows.clone();
        let mut written = written_before(&rows, files)?;
        for (field, value) in TransactionField::ALL.into_iter().zip(&facts.transaction) {
            let Some(value) = value else { continue };
            let table = format!("Transactions.{}", field.name());
            match rows.iter_mut().find(|row| row["destinationTable"] == table.as_str()) {
                Some(row) => row["value"] = json!(value),
                None => rows.push(json!({"destinationTable": table, "value": value})),
            }
        }
        for (key, value) in &facts.keys {
            rows.push(json!({"destinationTable": "TransactionKeyValue", "key": key, "value": value}));
        }
        let mut places = Vec::with_capacity(files.len());
        for file in files {
            let row = written.remove(&file.place).unwrap_or_else(|| {
                rows.push(json!({"destinationTable": "Files"}));
                rows.len() - 1
            });
            let kind = describe(file, &mut rows[row], sources);
            let kind = kind.map_err(|why| FactsError::BadFile { row, why })?;
            places.push((row, kind));
        }
        let mut rows = Self { rows, files: places };
        rows.file_keys(files, &facts.file_keys)?;
        Ok(rows)
    }

    fn file_keys(&mut self, files: &[LocalFile], keys: &[(String, String, String)]) -> Result<(), FactsError> {
        for (pattern, key, value) in keys {
            let wrong = |why: String| FactsError::Pattern(pattern.clone(), why);
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            let glob = glob.map_err(|error| wrong(format!("is no pattern: {}", error.kind())))?.compile_matcher();
            let mut fits = false;
            for (file, (row, _)) in files.iter().zip(&self.files) {
                if !glob.is_match(file.place.as_str()) {
                    continue;
                }
                fits = true;
                // What the rows of one file know each other by, inside of the document; the gate gives ids of its own.
                let id = &mut self.rows[*row]["_id"];
                if id.is_null() {
                    *id = json!(format!("row-{row}"));
                }
                let row = json!({"destinationTable": "FileKeyValue", "key": key, "value": value, "file_id": id});
                self.rows.push(row);
            }
            if !fits {
                return Err(wrong("fits none of the files; * stays inside of a folder, ** does not".to_owned()));
            }
        }
        Ok(())
    }

    /// The function that a file is to be hashed with.
    pub fn hash_kind(&self, file: usize) -> HashKind {
        self.files[file].1
    }

    /// The document with these hashes, in the order of the files; a file whose hash is not known has none.
    pub fn document(&self, hashes: &[Option<String>]) -> Vec<u8> {
        let mut rows = self.rows.clone();
        for ((row, _), hash) in self.files.iter().zip(hashes) {
            let Value::Object(row) = &mut rows[*row] else { continue };
            match hash {
                Some(hash) => row.insert("hashsum".to_owned(), json!(hash)),
                None => row.remove("hashsum"),
            };
        }
        serde_json::to_vec(&rows).expect("rows are JSON")
    }

    /// How long the document is once all hashes are known: the hashes of one function are all of one length.
    pub fn length(&self) -> u64 {
        let blank: Vec<_> = self.files.iter().map(|(_, kind)| Some("0".repeat(2 * kind.bytes()))).collect();
        self.document(&blank).len() as u64
    }
}

/// The Files rows among those that were written before, by place.
fn written_before(rows: &[Value], files: &[LocalFile]) -> Result<HashMap<BundlePath, usize>, FactsError> {
    let sent: HashSet<&BundlePath> = files.iter().map(|file| &file.place).collect();
    let mut written = HashMap::new();
    for (number, row) in rows.iter().enumerate() {
        let Value::Object(row) = row else { return Err(FactsError::NoObject(number)) };
        if row.get("destinationTable").and_then(Value::as_str) != Some("Files") {
            continue;
        }
        let text = |key| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let place = BundlePath::of_row(text("subdir"), text("name"));
        let place = place.map_err(|error| FactsError::BadFile { row: number, why: error.to_string() })?;
        if !sent.contains(&place) {
            return Err(FactsError::NotSent { row: number, place });
        }
        if written.insert(place, number).is_some() {
            let why = "an earlier row is of the same file".to_owned();
            return Err(FactsError::BadFile { row: number, why });
        }
    }
    Ok(written)
}

/// Writes what is known of a file into its row. Times are UTC without a zone, as Pacifica's uploader writes them.
fn describe(file: &LocalFile, row: &mut Value, source: bool) -> Result<HashKind, String> {
    let Value::Object(row) = row else { return Err("it is no object".to_owned()) };
    let kind = match row.get("hashtype").and_then(Value::as_str) {
        Some(name) => name.parse::<HashKind>().map_err(|error| error.to_string())?,
        None => HashKind::default(),
    };
    let (folder, name) = file.place.split();
    let subdir = if folder.is_empty() { "data".to_owned() } else { format!("data/{folder}") };
    let mut put = |key: &str, value: Value| drop(Map::insert(row, key.to_owned(), value));
    put("name", json!(name));
    put("subdir", json!(subdir));
    put("size", json!(file.size));
    put("hashtype", json!(kind.name()));
    put("ctime", json!(file.ctime.pacifica().replace(' ', "T")));
    put("mtime", json!(file.mtime.pacifica().replace(' ', "T")));
    if source {
        let path = std::path::absolute(&file.path).map_err(|error| error.to_string())?;
        let path = path.to_str().ok_or_else(|| format!("the path {} is not UTF-8", path.display()))?;
        put("source", json!(path));
    }
    if !row.contains_key("mimetype") {
        let guess = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
        row.insert("mimetype".to_owned(), json!(guess));
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::walk;
    use crate::model::{Document, RowKind};

    fn found() -> (tempfile::TempDir, Vec<LocalFile>) {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        std::fs::create_dir_all(run.join("b")).unwrap();
        for name in ["a.csv", "b/c.unheard-of"] {
            std::fs::write(run.join(name), name).unwrap();
        }
        let files = walk(&[run]).unwrap().files;
        (folder, files)
    }

    #[test]
    fn the_document_says_all_that_is_known_of_each_file() {
        let (_folder, files) = found();
        let facts = Facts {
            transaction: [Some("10".into()), Some("1234a".into()), Some("54".into())],
            keys: vec![("Temp C".into(), "27".into())],
            file_keys: vec![("run/*.csv".into(), "Detector".into(), "2".into())],
            rows: Vec::new(),
        };
        let rows = Rows::new(&files, &facts, false).unwrap();
        let hashes = [Some("0".repeat(40)), Some("1".repeat(40))];
        let text = rows.document(&hashes);
        assert_eq!(text.len() as u64, rows.length());
        let document = Document::parse(text).unwrap();
        assert_eq!(document.value(TransactionField::Project), Some("1234a"));
        assert_eq!(document.key_values().len(), 1);
        let [csv, other] = document.files() else { panic!("two files") };
        assert_eq!((csv.mimetype.as_deref(), csv.subdir.as_str()), (Some("text/csv"), "data/run"));
        assert_eq!(other.mimetype.as_deref(), Some("application/octet-stream"));
        assert_eq!((other.size, other.hash_sum.as_deref()), (Some(14), hashes[1].as_deref()));
        assert_eq!(csv.key_values.len(), 1);
        assert!(document.rows().iter().any(|row| row.kind == RowKind::FileKeyValue(Some(0))));
    }

    #[test]
    fn rows_written_before_are_kept_and_completed() {
        let (_folder, files) = found();
        let before = json!([
            {"destinationTable": "Transactions.project", "value": "old", "metaID": "project"},
            {"destinationTable": "Files", "name": "a.csv", "subdir": "run", "hashtype": "md5", "size": 0, "extra": 1},
            {"destinationTable": "Site.own", "value": [1]},
        ]);
        let Value::Array(rows) = before else { unreachable!() };
        let facts = Facts { transaction: [None, Some("new".into()), None], rows, ..Facts::default() };
        let rows = Rows::new(&files, &facts, false).unwrap();
        assert_eq!(rows.hash_kind(0), HashKind::Md5);
        let text = rows.document(&[None, None]);
        let kept: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(kept[0], json!({"destinationTable": "Transactions.project", "value": "new", "metaID": "project"}));
        assert_eq!((&kept[1]["extra"], &kept[1]["size"]), (&json!(1), &json!(5)));
        assert_eq!(kept[2]["value"], json!([1]));
        assert_eq!(kept.as_array().unwrap().len(), 4);
        assert!(!String::from_utf8(text).unwrap().contains("hashsum"));
    }

    #[test]
    fn what_fits_no_file_is_a_mistake() {
        let (_folder, files) = found();
        let row = json!({"destinationTable": "Files", "name": "gone", "subdir": "data/run"});
        let facts = Facts { rows: vec![row], ..Facts::default() };
        assert!(matches!(Rows::new(&files, &facts, false), Err(FactsError::NotSent { row: 0, .. })));
        let keys = vec![("*.csv".to_owned(), "k".to_owned(), "v".to_owned())];
        let facts = Facts { file_keys: keys, ..Facts::default() };
        assert!(matches!(Rows::new(&files, &facts, false), Err(FactsError::Pattern(..))));
    }
}
