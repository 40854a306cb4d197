//! The words of the SDK in the words of the contract, and back.

use crate::bindings::plugin::sluice::plugin::{bundles, types};
use crate::bundle::Backing;
use crate::file::Contents;
use crate::{Failure, FileInfo, Finding, JobKind, KeyValue, Location, Placement, Severity, TransactionField};

impl Backing for bundles::Bundle {
    fn job_id(&self) -> u64 {
        self.job_id()
    }

    fn kind(&self) -> JobKind {
        match self.kind() {
            bundles::JobKind::Upload => JobKind::Upload,
            bundles::JobKind::Move => JobKind::Move,
            bundles::JobKind::Other(name) => JobKind::Other(name),
        }
    }

    fn user(&self) -> String {
        self.user()
    }

    fn received(&self) -> u64 {
        self.received()
    }

    fn transaction(&self, field: TransactionField) -> Option<String> {
        match field {
            TransactionField::Submitter => self.submitter(),
            TransactionField::Project => self.project(),
            TransactionField::Instrument => self.instrument(),
        }
    }

    fn key_values(&self) -> Vec<KeyValue> {
        key_values(self.key_values())
    }

    fn file_count(&self) -> u32 {
        self.file_count()
    }

    fn files(&self, start: u32, count: u32) -> Vec<FileInfo> {
        self.files(start, count)
            .into_iter()
            .zip(start..)
            .map(|(file, index)| FileInfo {
                index,
                id: file.id,
                row: file.row,
                path: file.path,
                size: file.size,
                mimetype: file.mimetype,
                hash_type: file.hash_type,
                hash_sum: file.hash_sum,
                ctime: file.ctime,
                mtime: file.mtime,
                source: file.source,
            })
            .collect()
    }

    fn file_key_values(&self, index: u32) -> Vec<KeyValue> {
        key_values(self.file_key_values(index))
    }

    fn open(&self, path: &str) -> Option<Box<dyn Contents>> {
        self.open(path).map(|file| Box::new(file) as Box<dyn Contents>)
    }

    fn metadata_json(&self) -> String {
        self.metadata_json()
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
