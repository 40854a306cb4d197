//! The bundle under judgement.

use std::cell::OnceCell;
use std::fmt;

use crate::file::{Contents, File, FileInfo};
use crate::finding::Location;
use crate::metadata::Rows;

/// As many files are fetched at once: one call into the gate per file would cost more than the file.
pub(crate) const BATCH: u32 = 128;

/// What brought a bundle to the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobKind {
    /// Files were sent.
    Upload,
    /// Files that the facility has already are to be moved into the archive.
    Move,
    /// Something that this release of the SDK does not know.
    Other(String),
}

/// The rows of a transaction that every site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl fmt::Display for TransactionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// The value; a number as its decimal text.
    pub value: String,
}

/// Where a bundle comes from: the gate, or a test.
pub(crate) trait Backing {
    fn job_id(&self) -> u64;
    fn kind(&self) -> JobKind;
    fn user(&self) -> String;
    fn received(&self) -> u64;
    fn transaction(&self, field: TransactionField) -> Option<String>;
    fn key_values(&self) -> Vec<KeyValue>;
    fn file_count(&self) -> u32;
    fn files(&self, start: u32, count: u32) -> Vec<FileInfo>;
    fn file_key_values(&self, index: u32) -> Vec<KeyValue>;
    fn open(&self, path: &str) -> Option<Box<dyn Contents>>;
    fn metadata_json(&self) -> String;
}

/// The bundle under judgement, lent for one call.
///
/// Nothing is fetched from the gate before it is asked for, and what can be asked for again is kept.
pub struct Bundle<'a> {
    backing: &'a dyn Backing,
    user: OnceCell<String>,
    transaction: [OnceCell<Option<String>>; 3],
    key_values: OnceCell<Vec<KeyValue>>,
    metadata_json: OnceCell<String>,
    rows: OnceCell<Rows>,
}

impl<'a> Bundle<'a> {
    pub(crate) fn new(backing: &'a dyn Backing) -> Self {
        Self {
            backing,
            user: OnceCell::new(),
            transaction: [const { OnceCell::new() }; 3],
            key_values: OnceCell::new(),
            metadata_json: OnceCell::new(),
            rows: OnceCell::new(),
        }
    }

    /// The id of the job, which is the id of the transaction; 0 in a dry run.
    pub fn job_id(&self) -> u64 {
        self.backing.job_id()
    }

    /// What brought the bundle here.
    pub fn kind(&self) -> JobKind {
        self.backing.kind()
    }

    /// Who sent the bundle, as the site's proxy says.
    pub fn user(&self) -> &str {
        self.user.get_or_init(|| self.backing.user())
    }

    /// When the job was received, in seconds since 1970-01-01T00:00:00Z.
    pub fn received(&self) -> u64 {
        self.backing.received()
    }

    /// One of the transaction's rows; a number as its decimal text. None where the row is missing or null.
    pub fn transaction(&self, field: TransactionField) -> Option<&str> {
        self.transaction[field as usize].get_or_init(|| self.backing.transaction(field)).as_deref()
    }

    /// Who took the data.
    pub fn submitter(&self) -> Option<&str> {
        self.transaction(TransactionField::Submitter)
    }

    /// What it was taken for.
    pub fn project(&self) -> Option<&str> {
        self.transaction(TransactionField::Project)
    }

    /// What it was taken with.
    pub fn instrument(&self) -> Option<&str> {
        self.transaction(TransactionField::Instrument)
    }

    /// The `TransactionKeyValue` rows, in order. A key may come more than once.
    pub fn key_values(&self) -> &[KeyValue] {
        self.key_values.get_or_init(|| self.backing.key_values())
    }

    /// How many files the bundle lists.
    pub fn file_count(&self) -> u32 {
        self.backing.file_count()
    }

    /// The files that the bundle lists, in order, fetched in batches.
    pub fn files(&self) -> Files<'_> {
        Files { backing: self.backing, next: 0, count: self.backing.file_count(), batch: Vec::new().into_iter() }
    }

    /// The `FileKeyValue` rows of a file, in order. A key may come more than once.
    pub fn file_key_values(&self, file: &FileInfo) -> Vec<KeyValue> {
        self.backing.file_key_values(file.index)
    }

    /// Opens a file's contents by its path below `data/`. None where the bundle has no such file, where the contents
    /// are not at hand (a dry run), or, on moves, where the source may not be read.
    pub fn open(&self, path: &str) -> Option<File> {
        self.backing.open(path).map(File::new)
    }

    /// The whole of metadata.txt, as it was sent.
    pub fn metadata_json(&self) -> &str {
        self.metadata_json.get_or_init(|| self.backing.metadata_json())
    }

    /// Where in metadata.txt one of the transaction's values stands; the bundle as a whole where it has none.
    ///
    /// This reads the metadata document, once per call of the rule: ask only when there is something to say.
    pub fn locate(&self, field: TransactionField) -> Location {
        value_of(self.rows().transaction(field))
    }

    /// Where in metadata.txt the value at `index` of [`Bundle::key_values`] stands.
    ///
    /// This reads the metadata document, once per call of the rule: ask only when there is something to say.
    pub fn locate_key_value(&self, index: usize) -> Location {
        value_of(self.rows().key_value(index))
    }

    fn rows(&self) -> &Rows {
        self.rows.get_or_init(|| Rows::read(self.metadata_json()))
    }
}

fn value_of(row: Option<usize>) -> Location {
    row.map_or(Location::Bundle, |row| Location::Metadata(format!("/{row}/value")))
}

impl fmt::Debug for Bundle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("job_id", &self.job_id()).finish_non_exhaustive()
    }
}

/// The files of a bundle. See [`Bundle::files`].
pub struct Files<'a> {
    backing: &'a dyn Backing,
    next: u32,
    count: u32,
    batch: std::vec::IntoIter<FileInfo>,
}

impl Iterator for Files<'_> {
    type Item = FileInfo;

    fn next(&mut self) -> Option<FileInfo> {
        if self.batch.as_slice().is_empty() && self.next < self.count {
            let batch = self.backing.files(self.next, BATCH.min(self.count - self.next));
            self.next += BATCH.min(self.count - self.next);
            self.batch = batch.into_iter();
        }
        self.batch.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len() + (self.count - self.next) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Files<'_> {}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("left", &self.len()).finish_non_exhaustive()
    }
}
