//! The record of a job.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{JobId, JobKind, Revision, Task, Timestamp};

/// Where a job stands between its receipt and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Its bytes are arriving.
    Receiving,
    /// Durable, and waiting for a worker.
    Waiting,
    /// A worker holds its lease.
    Running,
    /// Ended, well or not.
    Done,
}

impl Stage {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Receiving, Self::Waiting, Self::Running, Self::Done]
            .into_iter()
            .find(|stage| stage.name() == text)
            .ok_or_else(|| {
                format!("{text:?} is no stage of a job; the stages are receiving, waiting, running and done")
            })
    }
}

/// Pacifica's two states. Clients stop polling on any other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum State {
    /// Nothing has gone wrong so far.
    #[serde(rename = "OK")]
    Ok,
    /// The job has ended without its purpose.
    #[serde(rename = "FAILED")]
    Failed,
}

impl State {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "OK" => Ok(Self::Ok),
            "FAILED" => Ok(Self::Failed),
            _ => Err(format!("{text:?} is no state of a job; the states are OK and FAILED")),
        }
    }
}

/// When a task began and ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepRecord {
    /// Which task.
    pub task: Task,
    /// When a worker took it up, the last time that it did.
    pub started: Timestamp,
    /// When it was over; none while it runs.
    pub ended: Option<Timestamp>,
}

/// All that is kept of one job, but for its report and its metadata.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Job {
    /// The id of the job and of its transaction.
    #[serde(rename = "job_id")]
    pub id: JobId,
    /// Upload or move.
    pub kind: JobKind,
    /// Who sent it, as the site's proxy says.
    pub user: String,
    /// Where it stands.
    pub stage: Stage,
    /// `OK` until it fails.
    pub state: State,
    /// The task it is in, or ended in.
    pub task: Task,
    /// 0 to 100 of the present task.
    #[serde(rename = "task_percent")]
    pub percent: f64,
    /// What went wrong, for the uploader; empty while nothing has.
    pub exception: String,
    /// When the first byte was awaited.
    pub created: Timestamp,
    /// The last change.
    pub updated: Timestamp,
    /// Bytes of file contents, once they are known.
    pub bytes: i64,
    /// Number of files, once it is known.
    pub files: i64,
    /// `Transactions.submitter` of the bundle.
    pub submitter: Option<String>,
    /// `Transactions.project` of the bundle.
    pub project: Option<String>,
    /// `Transactions.instrument` of the bundle.
    pub instrument: Option<String>,
    /// The policy revision that judged it.
    pub revision: Option<Revision>,
    /// How often a worker has taken it up.
    pub attempts: i64,
    /// When its tasks began and ended, in order.
    pub steps: Vec<StepRecord>,
}

/// What Pacifica's clients read of a job, and its database says of one.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// The job.
    pub id: JobId,
    /// `OK` until it fails.
    pub state: State,
    /// The task it is in, or ended in.
    pub task: Task,
    /// 0 to 100 of that task.
    pub percent: f64,
    /// What went wrong; empty where nothing did.
    pub exception: String,
    /// When the id was given out.
    pub created: Timestamp,
    /// When any of this changed last.
    pub updated: Timestamp,
    /// Whether it has ended, well or not.
    pub complete: bool,
}

impl From<Job> for JobStatus {
    fn from(job: Job) -> Self {
        let complete = job.complete();
        let Job { id, state, task, percent, exception, created, updated, .. } = job;
        Self { id, state, task, percent, exception, created, updated, complete }
    }
}

impl Job {
    /// Whether the job has ended, well or not.
    pub fn complete(&self) -> bool {
        self.stage == Stage::Done
    }
}
