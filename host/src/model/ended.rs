//! The end of a job, as others are told of it.

use serde::{Deserialize, Serialize};

use super::{Job, JobId, JobKind, Revision, Task, Timestamp};

/// How a job ended. Receivers rely on these words: they are added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Its files are in the archive, its metadata is recorded.
    Done,
    /// The rules of the site, or its policy service, have refused it.
    Rejected,
    /// Anything else went wrong; or it was ended by hand.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// Its bytes never arrived whole.
    Interrupted,
}

impl Ending {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A job as it was when it ended. It may be tried again later, and then ends once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnded {
    /// The job, whose id is the transaction's.
    pub id: JobId,
    /// Upload or move.
    pub kind: JobKind,
    /// How it ended.
    pub outcome: Ending,
    /// The task that it ended in.
    pub task: Task,
    /// Who sent it, as the site's proxy says.
    pub user: String,
    /// `Transactions.submitter`, where the metadata was read.
    pub submitter: Option<String>,
    /// `Transactions.project`.
    pub project: Option<String>,
    /// `Transactions.instrument`.
    pub instrument: Option<String>,
    /// Number of files, as far as it is known.
    pub files: i64,
    /// Bytes of their contents.
    pub bytes: i64,
    /// The policy revision that judged it; none where it did not come so far.
    pub revision: Option<Revision>,
    /// What went wrong, for the uploader; empty where nothing did.
    pub exception: String,
    /// When the first byte was awaited.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

impl JobEnded {
    /// What is told of a job that has just ended so.
    pub fn of(job: &Job, outcome: Ending) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            outcome,
            task: job.task,
            user: job.user.clone(),
            submitter: job.submitter.clone(),
            project: job.project.clone(),
            instrument: job.instrument.clone(),
            files: job.files,
            bytes: job.bytes,
            revision: job.revision,
            exception: job.exception.clone(),
            created: job.created,
            ended: job.updated,
        }
    }
}
