//! The words of the SDK in the words of the contract, and back.

use std::cell::RefCell;

use crate::bindings::plugin::sluice::plugin::{bundles, types};
use crate::bundle::{BATCH, Backing};
use crate::file::Contents;
use crate::packed::{self, KeyValues};
use crate::{Failure, FileInfo, Finding, JobKind, KeyValue, Location, Placement, Severity, TransactionField};

/// The bundle that the gate lends for a call.
pub(crate) struct Lent<'a> {
    bundle: &'a bundles::Bundle,
    /// The rows of the files that were asked for last, with those around them: mostly they are asked for next.
    key_values: RefCell<Option<KeyValues>>,
}

impl<'a> Lent<'a> {
    pub(crate) fn new(bundle: &'a bundles::Bundle) -> Self {
        Self { bundle, key_values: RefCell::new(None) }
    }
}

impl Backing for Lent<'_> {
    fn job_id(&self) -> u64 {
        self.bundle.job_id()
    }

    fn kind(&self) -> JobKind {
        match self.bundle.kind() {
            bundles::JobKind::Upload => JobKind::Upload,
            bundles::JobKind::Move => JobKind::Move,
            bundles::JobKind::Other(name) => JobKind::Other(name),
        }
    }

    fn user(&self) -> String {
        self.bundle.user()
    }

    fn received(&self) -> u64 {
        self.bundle.received()
    }

    fn transaction(&self, field: TransactionField) -> Option<String> {
        match field {
            TransactionField::Submitter => self.bundle.submitter(),
            TransactionField::Project => self.bundle.project(),
            TransactionField::Instrument => self.bundle.instrument(),
        }
    }

    fn key_values(&self) -> Vec<KeyValue> {
        key_values(self.bundle.key_values())
    }

    fn file_count(&self) -> u32 {
        self.bundle.file_count()
    }

    fn files(&self, start: u32, count: u32) -> Vec<FileInfo> {
        packed::files(&self.bundle.packed_files(start, count), start)
    }

    fn file_key_values(&self, index: u32) -> Vec<KeyValue> {
        let mut kept = self.key_values.borrow_mut();
        if let Some(rows) = kept.as_ref().and_then(|kept| kept.of(index)) {
            return rows;
        }
        let start = index - index % BATCH;
        let fetched = KeyValues::new(start, self.bundle.packed_file_key_values(start, BATCH));
        kept.insert(fetched).of(index).unwrap_or_default()
    }

    fn open(&self, path: &str) -> Option<Box<dyn Contents>> {
        self.bundle.open(path).map(|file| Box::new(file) as Box<dyn Contents>)
    }

    fn metadata_json(&self) -> String {
        self.bundle.metadata_json()
    }
}

impl Contents for bundles::File {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, String> {
        self.read(offset, len).map_err(|error| match error {
            bundles::ReadError::Unavailable(why) | bundles::ReadError::Other(why) => why,
        })
    }
}

fn key_values(rows: Vec<bundles::KeyValue>) -> Vec<KeyValue> {
    rows.into_iter().map(|row| KeyValue { key: row.key, value: row.value }).collect()
}

impl From<Finding> for types::Finding {
    fn from(finding: Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Info => types::Severity::Info,
                Severity::Warning => types::Severity::Warning,
                Severity::Error => types::Severity::Error,
            },
            code: finding.code,
            message: finding.message,
            location: match finding.location {
                Location::Bundle => types::Location::Bundle,
                Location::Metadata(pointer) => types::Location::Metadata(pointer),
                Location::File(path) => types::Location::File(path),
            },
            hint: finding.hint,
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::BadConfig(why) => Self::BadConfig(why),
            Failure::Unavailable(what) => Self::Unavailable(what),
            Failure::Other(what) => Self::Other(what),
        }
    }
}

impl From<Placement> for types::Placement {
    fn from(placement: Placement) -> Self {
        Self { file: placement.file, path: placement.path }
    }
}
