//! The steps of a job, one a file, and what they hand on to each other.

mod ingest_metadata;
mod judge;
mod load;
mod moved;
mod place;
mod uploaded;

use std::sync::Arc;
use std::time::Duration;

use super::Pipeline;
use crate::db::{Advance, Claim, Db, DbError, JobFacts};
use crate::model::{Document, FileId, JobId, JobKind, Report, Revision, StepRecord, Task, Timestamp, TransactionField};
use crate::plugin::Placement;
use crate::seams::SeamError;
use crate::seams::archive::Incoming;
use crate::seams::metadata::Transaction;

pub(super) use load::Opened;

/// Lines of an exception that lists mistakes.
const LISTED: usize = 20;

/// How a step ends other than well.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// The bundle is at fault, or something that trying again will not mend. The text is for the uploader.
    #[error("{0}")]
    Final(String),
    /// Trying again may help.
    #[error("{0}")]
    Temporary(String),
    /// The same, and so much of the patience is used up by waiting.
    #[error("{0}")]
    Silent(String, Duration),
    /// Another worker has the job now.
    #[error("the lease is lost")]
    Lost,
    /// The database failed: nothing can be said or written.
    #[error(transparent)]
    Database(DbError),
}

impl From<SeamError> for StepError {
    fn from(error: SeamError) -> Self {
        match error {
            SeamError::Refused(why) => Self::Final(why),
            SeamError::Unavailable(why) => Self::Temporary(why),
            SeamError::Silent { why, waited } => Self::Silent(why, waited),
        }
    }
}

/// A job in the hands of a worker.
pub(super) struct Run<'a> {
    pub(super) pipeline: &'a Pipeline,
    claim: Claim,
    steps: Vec<StepRecord>,
    /// Until `open tar`, where this process has just received the bundle.
    received: Option<Opened>,
    /// From `open tar` on.
    opened: Opened,
    /// From `load metadata` on.
    loaded: Option<Loaded>,
    /// From `Policy Validation` on.
    placing: Placing,
    /// The report of a bundle that goes on at once, until the places of its files are reserved.
    unreported: Option<Arc<Report>>,
    /// The revision that judged the bundle.
    revision: Option<Revision>,
    /// Whether a run before this one came to `ingest metadata`.
    came_to_metadata: bool,
    /// Whether such a run found itself failing there, and may have taken files back.
    was_failing: bool,
    /// From `ingest metadata` on, where it is recorded with the end of the job.
    unrecorded: Option<Transaction>,
    /// Files of a move that the archive has copies of.
    originals: Vec<Arc<Incoming>>,
    /// The step in a trace, which ends with it.
    span: tracing::Span,
}

/// What `load metadata` makes.
#[derive(Clone)]
struct Loaded {
    document: Arc<Document>,
    file_ids: Vec<FileId>,
}

/// What lists of jobs show of a document.
fn facts(document: &Document) -> JobFacts<'_> {
    let sizes = document.files().iter().filter_map(|file| file.size);
    JobFacts {
        submitter: document.value(TransactionField::Submitter),
        project: document.value(TransactionField::Project),
        instrument: document.value(TransactionField::Instrument),
        files: document.files().len() as u64,
        bytes: sizes.fold(0, u64::saturating_add),
    }
}

/// That a task has begun.
pub(super) struct Begun {
    id: JobId,
    epoch: i64,
    now: Timestamp,
    task: Task,
    steps: Vec<StepRecord>,
    revision: Option<Revision>,
    /// Once it is loaded.
    document: Option<Arc<Document>>,
    /// What is not written yet.
    report: Option<Arc<Report>>,
}

impl Begun {
    pub(super) async fn note(self, db: &Db) -> Result<(), StepError> {
        let Self { id, epoch, now, task, steps, revision, document, report } = self;
        if let Some(report) = report {
            db.put_report(&report, epoch, now).await?;
        }
        let facts = document.as_deref().map(facts);
        Ok(db.advance(id, epoch, now, Advance { task, steps: &steps, revision, facts }).await?)
    }
}

/// What the policy says of places in the archive.
enum Placing {
    /// A mover's places.
    Planned(Vec<Placement>),
    /// No mover is in scope: the default places.
    Default,
    /// A mover found none: the step that takes files in fails of it.
    Refused(String),
    /// An earlier run has settled it, and the places are reserved.
    Reserved,
}

impl<'a> Run<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, claim: Claim, received: Option<Opened>) -> Self {
        let (steps, revision) = (claim.job.steps.clone(), claim.job.revision);
        // What the steps say, which only workers write: the task of a job can be set by hand.
        let at_metadata = steps.iter().find(|step| step.task == Task::IngestMetadata);
        let came_to_metadata = at_metadata.is_some();
        // Of a job that goes on, that step ends with the job itself; see `note_failing`.
        let was_failing = at_metadata.is_some_and(|step| step.ended.is_some());
        Self {
            pipeline,
            claim,
            steps,
            received,
            opened: Opened::default(),
            loaded: None,
            placing: Placing::Default,
            unreported: None,
            revision,
            came_to_metadata,
            was_failing,
            unrecorded: None,
            originals: Vec::new(),
            span: tracing::Span::none(),
        }
    }

    pub(super) fn id(&self) -> JobId {
        self.claim.job.id
    }

    pub(super) fn kind(&self) -> JobKind {
        self.claim.job.kind
    }

    pub(super) fn epoch(&self) -> i64 {
        self.claim.epoch
    }

    /// Whether nobody has worked on the job before.
    pub(super) fn is_first(&self) -> bool {
        self.claim.is_first()
    }

    pub(super) fn attempts(&self) -> i64 {
        self.claim.job.attempts
    }

    pub(super) fn task(&self) -> Task {
        self.claim.job.task
    }

    pub(super) fn fault_since(&self) -> Option<Timestamp> {
        self.claim.fault_since
    }

    pub(super) fn revision(&self) -> Option<Revision> {
        self.revision
    }

    pub(super) fn steps(&self) -> &[StepRecord] {
        &self.steps
    }

    /// Whether nothing is left to do with the job's files. The originals of a move that are still to be removed must be
    /// found once more.
    pub(super) fn files_are_in_place(&self) -> bool {
        let originals_left = self.kind() == JobKind::Move && self.pipeline.archive.leaves_originals();
        self.came_to_metadata && !self.was_failing && !originals_left
    }

    /// Writes the report that was to be written with the places of the files, which will not be reserved.
    pub(super) async fn report(&mut self, now: Timestamp) -> Result<(), StepError> {
        if let Some(report) = self.unreported.take() {
            self.pipeline.db.put_report(&report, self.epoch(), now).await?;
        }
        Ok(())
    }

    /// Notes that the job is about to fail: from here on its files may be out of the archive again, and a run after this one
    /// must not take them for archived. Fails where the job is another worker's.
    pub(super) async fn note_failing(&mut self, now: Timestamp) -> Result<(), StepError> {
        let (db, id, epoch) = (&self.pipeline.db, self.id(), self.epoch());
        if self.task() == Task::IngestMetadata {
            self.end_step(now);
            db.failing(id, epoch, now, self.task(), &self.steps).await?;
        } else {
            db.progress(id, epoch, now, 0.0).await?;
        }
        Ok(())
    }

    /// Goes on to a task; what is to be noted of that. The tasks that a run before this one has left behind are done again in
    /// silence: they only read, and clients must not see a job go back.
    pub(super) fn begin(&mut self, task: Task) -> Option<Begun> {
        if !self.kind().may_go(self.task(), task) {
            return None;
        }
        if task != self.task() {
            // What kept an earlier task from getting on is over.
            self.claim.fault_since = None;
        }
        let now = Timestamp::now();
        self.end_step(now);
        self.steps.retain(|step| step.task != task);
        self.steps.push(StepRecord { task, started: now, ended: None });
        self.claim.job.task = task;
        self.span = tracing::info_span!("step", otel.name = %task, %task);
        Some(self.begun(now))
    }

    /// That the job has come to its present task.
    pub(super) fn begun(&self, now: Timestamp) -> Begun {
        Begun {
            id: self.id(),
            epoch: self.epoch(),
            now,
            task: self.task(),
            steps: self.steps.clone(),
            revision: self.revision,
            document: self.loaded.as_ref().map(|loaded| loaded.document.clone()),
            report: self.unreported.clone(),
        }
    }

    /// Whether it must be on record that a task has begun before it does. A run after one that was cut off in it has to
    /// know: where the metadata may have been put already, or the originals of a move may be others by then. Nobody has to of
    /// a job that is worked on for the first time, as far as its files come from the spool and its metadata go into the
    /// gate's own tables.
    pub(super) fn is_noted_first(&self, task: Task) -> bool {
        let elsewhere = self.kind() == JobKind::Move || self.pipeline.metadata.is_told_of_repeats();
        !self.is_first() || (task == Task::IngestMetadata && elsewhere)
    }

    /// What is to be recorded with the end of the job, if that is well.
    pub(super) fn unrecorded(&self) -> Option<&Transaction> {
        self.unrecorded.as_ref()
    }

    /// What lists of jobs show of the metadata, once they are loaded.
    pub(super) fn facts(&self) -> Option<JobFacts<'_>> {
        self.loaded.as_ref().map(|loaded| facts(&loaded.document))
    }

    /// Notes when the present task ended.
    pub(super) fn end_step(&mut self, now: Timestamp) {
        if let Some(step) = self.steps.last_mut() {
            step.ended.get_or_insert(now);
        }
        self.span = tracing::Span::none();
    }

    fn loaded(&self) -> Result<&Loaded, StepError> {
        self.loaded.as_ref().ok_or_else(|| StepError::Final("the metadata was not loaded".to_owned()))
    }
}

/// The outcome of checks that note their mistakes.
fn all_well(mut mistakes: Vec<String>) -> Result<(), StepError> {
    if mistakes.is_empty() {
        return Ok(());
    }
    let more = mistakes.len().saturating_sub(LISTED);
    mistakes.truncate(LISTED);
    if more > 0 {
        mistakes.push(format!("and {more} more"));
    }
    Err(StepError::Final(mistakes.join("\n")))
}

/// Runs blocking work of a step.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StepError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StepError::Temporary(format!("the work was cut off: {error}")))
}
