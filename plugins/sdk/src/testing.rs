//! Bundles for tests: a rule is tested natively, without the gate and without WebAssembly.
//!
//! ```
//! use sluice_sdk::testing::BundleBuilder;
//!
//! let made = BundleBuilder::new(
//!     r#"[{"destinationTable": "Transactions.submitter", "value": 10},
//!         {"destinationTable": "Files", "name": "1.dat", "subdir": "data/scan", "size": 4}]"#,
//! )
//! .content("scan/1.dat", "abcd")
//! .build();
//! let bundle = made.bundle();
//!
//! assert_eq!(bundle.submitter(), Some("10"));
//! let file = bundle.files().next().unwrap();
//! let contents = std::io::read_to_string(bundle.open(&file.path).unwrap())?;
//! assert_eq!(contents, "abcd");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`validate`] and [`plan`] then do with a rule what the gate does.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use serde_json::Value;

use crate::bundle::Backing;
use crate::file::Contents;
use crate::lookup::{LookupError, Response, source as answers};
use crate::tables::source;
use crate::{
    Bundle, Decision, Failure, FileInfo, Finding, Identity, Info, JobKind, KeyValue, Mover, Rule, TransactionField,
    Validator, call, config,
};

/// What the gate is told of the plugin, the schema of its configuration for one.
pub fn describe<R: Rule + Identity>() -> Info {
    call::describe::<R>()
}

/// Holds the file that was given to [`validator!`](crate::validator) or [`mover!`](crate::mover) as `schema` against the
/// type of the configuration. `path` is where the file is: `concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json")`.
///
/// # Panics
///
/// If the file does not say what the type does. Then it is written anew, to be looked at and kept.
pub fn config_schema_is_kept<R: Rule + Identity>(path: &str) {
    let schema = serde_json::to_string_pretty(&config::schema::<R::Config>()).expect("a schema is JSON") + "\n";
    if R::CONFIG_SCHEMA != Some(&schema) {
        std::fs::write(path, schema).unwrap_or_else(|error| panic!("{path} cannot be written: {error}"));
        panic!("{path} was not what the type of the configuration says; it is now. Look at it, and run the test again");
    }
}

/// Looks at a configuration as the gate does before it takes effect.
///
/// # Errors
///
/// Every mistake, with its key.
pub fn check_config<R: Rule>(config_json: &str) -> Result<(), Vec<String>> {
    call::check_config::<R>(config_json)
}

/// Judges a bundle as the gate does.
///
/// # Errors
///
/// The rule could not judge, for instance because its configuration cannot be used.
pub fn validate<V: Validator>(config_json: &str, bundle: &TestBundle) -> Result<Vec<Finding>, Failure> {
    call::validate::<V>(config_json, &bundle.bundle())
}

/// Lets a mover plan as the gate does.
///
/// # Errors
///
/// The rule could not decide, for instance because its configuration cannot be used.
pub fn plan<M: Mover>(config_json: &str, bundle: &TestBundle) -> Result<Decision, Failure> {
    call::plan::<M>(config_json, &bundle.bundle())
}

/// Grants rules a table, for the rest of the test, or of its thread. The first column holds the keys.
///
/// # Panics
///
/// If a row has not as many cells as there are columns.
pub fn table(name: &str, columns: &[&str], rows: &[&[&str]]) {
    let owned = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    assert!(rows.iter().all(|row| row.len() == columns.len()), "every row has a cell for each column");
    let rows = rows.iter().map(|row| owned(row)).collect();
    let table = source::Table { columns: owned(columns), rows };
    source::TABLES.with_borrow_mut(|tables| tables.insert(name.to_owned(), table));
}

/// What is answered to [`lookup::get`](crate::lookup::get) for this very URL, for the rest of the test, or of its thread.
/// Any other URL is denied, as those are that a rule is not granted.
pub fn answer(url: &str, answer: Result<Response, LookupError>) {
    answers::ANSWERS.with_borrow_mut(|answers| answers.insert(url.to_owned(), answer));
}

/// Makes a bundle from a metadata document.
#[derive(Debug)]
pub struct BundleBuilder(TestBundle);

impl BundleBuilder {
    /// A bundle with this metadata.txt, read as the gate reads it. It is upload number 1, by `root`, received on
    /// 2026-03-01 at 12:00 UTC.
    ///
    /// # Panics
    ///
    /// If the document is not an array of rows.
    pub fn new(metadata_json: &str) -> Self {
        Self(TestBundle {
            job_id: 1,
            kind: JobKind::Upload,
            user: "root".to_owned(),
            received: 1_772_366_400,
            transaction: [const { None }; 3],
            key_values: Vec::new(),
            files: Vec::new(),
            file_key_values: HashMap::new(),
            contents: HashMap::new(),
            metadata_json: metadata_json.to_owned(),
        })
        .read(metadata_json)
    }

    /// Another job id.
    pub fn job_id(mut self, job_id: u64) -> Self {
        self.0.job_id = job_id;
        self
    }

    /// Another kind of job.
    pub fn kind(mut self, kind: JobKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Another user.
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.0.user);
        self
    }

    /// Another time, in seconds since 1970-01-01T00:00:00Z.
    pub fn received(mut self, seconds: u64) -> Self {
        self.0.received = seconds;
        self
    }

    /// The contents of the file at a path below `data/`. A file without contents cannot be opened, as in a dry run.
    pub fn content(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.contents.insert(path.to_owned(), bytes.into().into());
        self
    }

    /// The bundle.
    pub fn build(self) -> TestBundle {
        self.0
    }

    /// Reads the rows as the gate does: numbers are their decimal text, a `FileKeyValue` belongs to the file whose `_id`
    /// it names, and of several rows with the same transaction value the first counts.
    fn read(mut self, metadata_json: &str) -> Self {
        let rows: Vec<Value> = serde_json::from_str(metadata_json).expect("metadata.txt is an array of rows");
        let bundle = &mut self.0;
        let mut file_of_id = HashMap::new();
        for (row, number) in rows.iter().zip(0..) {
            let table = row["destinationTable"].as_str().expect("every row has a destinationTable");
            let field = table
                .strip_prefix("Transactions.")
                .and_then(|name| TransactionField::ALL.into_iter().find(|field| field.name() == name));
            if let Some(field) = field {
                let value = &mut bundle.transaction[field as usize];
                *value = value.take().or_else(|| text(&row["value"]));
            } else if table == "TransactionKeyValue" {
                bundle.key_values.push(key_value(row));
            } else if table == "Files" {
                let file = file(row, bundle.files.len() as u32, number);
                if let Some(id) = text(&row["_id"]) {
                    file_of_id.insert(id, file.index);
                }
                bundle.files.push(file);
            }
        }
        for row in rows.iter().filter(|row| row["destinationTable"] == "FileKeyValue") {
            if let Some(file) = text(&row["file_id"]).and_then(|id| file_of_id.get(&id)) {
                bundle.file_key_values.entry(*file).or_default().push(key_value(row));
            }
        }
        self
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn key_value(row: &Value) -> KeyValue {
    KeyValue { key: text(&row["key"]).expect("a row has a key"), value: text(&row["value"]).unwrap_or_default() }
}

fn file(row: &Value, index: u32, number: u32) -> FileInfo {
    let field = |name: &str| text(&row[name]);
    let subdir = field("subdir").unwrap_or_default();
    let mut parts = subdir.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    parts.next_if_eq(&"data");
    let name = field("name").expect("a Files row has a name");
    let path = parts.chain([name.as_str()]).collect::<Vec<_>>().join("/");
    FileInfo {
        index,
        id: u64::from(index) + 1,
        row: number,
        path,
        size: row["size"].as_u64().unwrap_or_default(),
        mimetype: field("mimetype").unwrap_or_default(),
        hash_type: field("hashtype").unwrap_or_else(|| "sha1".to_owned()),
        hash_sum: field("hashsum").unwrap_or_default(),
        ctime: field("ctime"),
        mtime: field("mtime"),
        source: field("source"),
    }
}

/// A bundle for tests. See [`BundleBuilder`].
#[derive(Clone)]
pub struct TestBundle {
    job_id: u64,
    kind: JobKind,
    user: String,
    received: u64,
    transaction: [Option<String>; 3],
    key_values: Vec<KeyValue>,
    files: Vec<FileInfo>,
    file_key_values: HashMap<u32, Vec<KeyValue>>,
    contents: HashMap<String, Rc<[u8]>>,
    metadata_json: String,
}

impl TestBundle {
    /// The bundle as a rule sees it.
    pub fn bundle(&self) -> Bundle<'_> {
        Bundle::new(self)
    }
}

impl fmt::Debug for TestBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBundle").field("metadata_json", &self.metadata_json).finish_non_exhaustive()
    }
}

impl Backing for TestBundle {
    fn job_id(&self) -> u64 {
        self.job_id
    }

    fn kind(&self) -> JobKind {
        self.kind.clone()
    }

    fn user(&self) -> String {
        self.user.clone()
    }

    fn received(&self) -> u64 {
        self.received
    }

    fn transaction(&self, field: TransactionField) -> Option<String> {
        self.transaction[field as usize].clone()
    }

    fn key_values(&self) -> Vec<KeyValue> {
        self.key_values.clone()
    }

    fn file_count(&self) -> u32 {
        self.files.len() as u32
    }

    fn files(&self, start: u32, count: u32) -> Vec<FileInfo> {
        self.files.iter().skip(start as usize).take(count as usize).cloned().collect()
    }

    fn file_key_values(&self, index: u32) -> Vec<KeyValue> {
        self.file_key_values.get(&index).cloned().unwrap_or_default()
    }

    fn open(&self, path: &str) -> Option<Box<dyn Contents>> {
        self.contents.get(path).map(|bytes| Box::new(bytes.clone()) as Box<dyn Contents>)
    }

    fn metadata_json(&self) -> String {
        self.metadata_json.clone()
    }
}

impl Contents for Rc<[u8]> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    /// As the gate does, one read gives at most 1 MiB, so that a rule which takes a short read for the end is found out.
    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, String> {
        let start = usize::try_from(offset).map_or(self.len(), |offset| offset.min(self.len()));
        let end = self.len().min(start + len.min(1 << 20) as usize);
        Ok(self[start..end].to_vec())
    }
}
