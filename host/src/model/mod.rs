//! The words of the gate: jobs, tasks, metadata documents, findings, digests. Pure values; nothing here does I/O.

mod access;
mod digest;
mod document;
mod ended;
mod ids;
mod job;
mod path;
mod quoted;
mod report;
mod table;
mod task;
mod time;

pub use access::Role;
pub use digest::{Digest, HashKind, Hasher, UnknownHash};
pub use document::{Document, DocumentError, FileRow, KeyValue, Row, RowKind, TransactionField, TransactionValue};
pub use ended::{Ending, JobEnded};
pub use ids::{Change, FileId, JobId, Revision};
pub use job::{Job, JobStatus, Stage, State, StepRecord};
pub use path::{BundlePath, PathError};
pub use quoted::{Quoted, shortened};
pub use report::{
    CallLimits, Failure, FailureKind, Finding, Location, LookupReport, Mode, Outcome, Report, RuleReport, Severity,
    explain_findings,
};
pub use table::{LARGEST_TABLE, Table, TableFormat, TableName};
pub use task::{JobKind, Task};
pub use time::Timestamp;
