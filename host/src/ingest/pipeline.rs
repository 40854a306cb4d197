//! One job, from the claim of its lease to its end.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::clearing::Clearing;
use super::held::{Held, Hold};
use super::steps::{Opened, Run, StepError};
use super::{Slot, Sources, Wake};
use crate::db::{Claim, Db, DbError, Finish, PutTransactionError, Unflushed};
use crate::failpoint::{self, Point};
use crate::measures;
use crate::model::{JobId, JobKind, State, Task, Timestamp};
use crate::policy::PolicyBook;
use crate::seams::archive::Archive;
use crate::seams::ids::Ids;
use crate::seams::metadata::MetadataStore;
use crate::seams::policy::PolicyService;
use crate::spool::Spool;

/// The shortest and the longest wait between two tries of a step that met a temporary fault. In between, a wait is as
/// long as the fault has lasted.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A step that is over by then is noted when the job goes on or ends, and not when it begins: nobody would see it.
const MOMENT: Duration = Duration::from_millis(20);

/// Works jobs off.
#[derive(Clone)]
pub struct Pipeline {
    /// Where jobs are kept.
    pub db: Db,
    /// Where bundles wait.
    pub spool: Spool,
    /// Where files go.
    pub archive: Arc<dyn Archive>,
    /// Where the ids of files come from.
    pub ids: Arc<dyn Ids>,
    /// A service that is asked after the rules.
    pub(crate) policy_service: Option<PolicyService>,
    /// Where metadata goes.
    pub metadata: Arc<dyn MetadataStore>,
    /// The rules.
    pub policy: Arc<PolicyBook>,
    /// Where the files of moves may come from.
    pub sources: Arc<Sources>,
    /// Who is told of a job that is to be tried again.
    pub wake: Arc<dyn Wake>,
    /// This process, as its leases name it.
    pub owner: Arc<str>,
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// The jobs whose leases are renewed.
    pub held: Arc<Held>,
    /// How long temporary faults of one job are put up with.
    pub patience: Duration,
    /// How often a job may be taken up.
    pub max_attempts: u32,
    /// What follows the end of a job that ended well.
    pub clearing: Clearing,
    /// Set when this process is to stop: what is not done by then is handed back.
    pub stop: CancellationToken,
}

impl Pipeline {
    /// Takes a job up, unless another worker has it or there is nothing to do, and brings it as far as it gets.
    pub async fn run(&self, id: JobId) {
        // A second wake-up for a job that is in hand already has nothing to add.
        let Some(_hold) = self.held.hold(id) else { return };
        let now = Timestamp::now();
        match self.db.claim(id, &self.owner, now, now.after(self.lease)).await {
            Ok(Some(claim)) => self.work(claim, None).await,
            Ok(None) => tracing::debug!(job = %id, "nothing to do: it has ended, waits, or is another worker's"),
            Err(error) => tracing::warn!(job = %id, %error, "the job cannot be taken up now; it will be woken again"),
        }
    }

    /// A place for a job that is about to be claimed, where this process has one.
    pub(super) fn place(self: &Arc<Self>, id: JobId) -> Option<Place> {
        let slot = self.wake.slot()?;
        let hold = self.held.hold(id)?;
        Some(Place { pipeline: self.clone(), slot, hold })
    }

    async fn work(&self, claim: Claim, received: Option<Opened>) {
        let (id, kind) = (claim.job.id, claim.job.kind);
        let span = tracing::info_span!("job", job = %id, %kind, outcome = tracing::field::Empty);
        self.bring_on(claim, received).instrument(span).await;
    }

    async fn bring_on(&self, claim: Claim, received: Option<Opened>) {
        let (id, kind, epoch, fault_since) = (claim.job.id, claim.job.kind, claim.epoch, claim.fault_since);
        failpoint::pass(Point::JobClaimed);
        let mut run = Run::new(self, claim, received);
        let ended = tokio::select! {
            biased;
            ended = run.all() => ended,
            () = self.stop.cancelled() => {
                // The step that was cut off is repeated by whoever takes the job up next.
                return self.hand_back(id, epoch, Duration::ZERO, fault_since).await;
            }
        };
        let task = run.task();
        match ended {
            Ok(end) => {
                Span::current().record("outcome", "done");
                tracing::info!(job = %id, %kind, "done");
                failpoint::pass(Point::JobFinished);
                self.clearing.clear(id, end).await;
            }
            Err(StepError::Final(why)) => self.fail(&mut run, why).await,
            Err(error @ (StepError::Temporary(_) | StepError::Silent(..))) => {
                let now = Timestamp::now();
                let waited = if let StepError::Silent(_, waited) = error { waited } else { Duration::ZERO };
                let why = error.to_string();
                let since = run.fault_since().unwrap_or(now.before(waited));
                let lasted = now.since(since);
                if lasted >= self.patience {
                    let why = format!("{why} (tried for {:.0} seconds)", lasted.as_secs_f64());
                    return self.fail(&mut run, why).await;
                }
                let left = self.patience.saturating_sub(lasted).max(SHORTEST_WAIT);
                let wait = lasted.clamp(SHORTEST_WAIT, LONGEST_WAIT).min(left);
                tracing::warn!(job = %id, %task, error = why, ?wait, "a temporary fault; the step is tried again");
                // Clients see where it stands, and the run after this one that the fault is the same.
                if let Err(error) = run.begun(now).note(&self.db).await {
                    tracing::debug!(job = %id, %error, "where the job stands cannot be noted");
                }
                self.hand_back(id, epoch, wait, Some(since)).await;
                self.wake_later(id, kind, wait);
            }
            Err(StepError::Lost) => tracing::warn!(job = %id, %task, "the lease is another worker's now; left to it"),
            Err(StepError::Database(error)) => {
                tracing::warn!(job = %id, %task, %error, "the database failed; the job is taken up again later");
                if error.is_temporary() {
                    self.hand_back(id, epoch, SHORTEST_WAIT, fault_since).await;
                }
            }
        }
    }

    /// Ends a job as failed in its present task, after whatever it has put into the archive is taken back.
    async fn fail(&self, run: &mut Run<'_>, mut why: String) {
        let (id, task) = (run.id(), run.task());
        Span::current().record("outcome", "failed");
        // A worker whose lease is gone must not pull files out from under the one that has it now.
        let now = Timestamp::now();
        let taken_back = match async {
            run.report(now).await?;
            run.note_failing(now).await?;
            failpoint::pass(Point::JobFailing);
            self.take_back(id).await
        }
        .await
        {
            // It never will be, and a job must end: its places stay reserved, so that nothing else is put there.
            Err(StepError::Final(left)) => {
                tracing::error!(job = %id, error = left, "files of a failed job are left in the archive");
                why.push_str("\nFiles that were in the archive already could not be taken back; tell the site's admin");
                Ok(())
            }
            // What does not answer must not keep the job from its end: the sweeper takes them back later.
            Err(left @ (StepError::Temporary(_) | StepError::Silent(..))) => {
                tracing::warn!(job = %id, error = %left, "files of a failed job are taken back when that is possible");
                Ok(())
            }
            other => other,
        };
        let ended = match taken_back {
            Ok(()) => match run.finish(State::Failed, &why).await {
                Ok(end) => end.flush().await.map_err(StepError::from),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => tracing::info!(job = %id, %task, why, "failed"),
            // The lease runs out, and the job fails again, to the end this time.
            Err(error) => tracing::error!(job = %id, %task, %error, "a failed job cannot be ended now"),
        }
    }

    /// Gives the job back, to be due after this wait. It was no fault of the job's, so the attempt does not count.
    ///
    /// Where the database does not take that, be it full or away, it is told again until it does: a lease that runs out
    /// would use up an attempt each time. It is renewed as far as possible meanwhile; where another worker has got the job,
    /// that is the one to go on. What the database cost is not counted as a fault of whatever kept the job before.
    async fn hand_back(&self, id: JobId, epoch: i64, wait: Duration, fault_since: Option<Timestamp>) {
        let began = Timestamp::now();
        loop {
            let now = Timestamp::now();
            let since = fault_since.map(|since| since.after(now.since(began)));
            match self.db.hand_back(id, epoch, now, now.after(wait), since, false).await {
                Ok(()) => return,
                Err(error) if error.is_temporary() && !self.stop.is_cancelled() => {
                    tracing::warn!(job = %id, %error, "the job cannot be handed back yet");
                    self.stop.run_until_cancelled(tokio::time::sleep(LONGEST_WAIT)).await;
                }
                Err(error) => {
                    tracing::warn!(job = %id, %error, "the job cannot be handed back; its lease will run out");
                    return;
                }
            }
        }
    }

    fn wake_later(&self, id: JobId, kind: JobKind, wait: Duration) {
        let wake = self.wake.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            wake.wake(id, kind).await;
        });
    }
}

/// A place in this process for one job.
pub(super) struct Place {
    pipeline: Arc<Pipeline>,
    slot: Slot,
    hold: Hold,
}

impl Place {
    /// Begins the work on the job that the place is for, which was just received.
    pub(super) fn work(self, claim: Claim, received: Opened) {
        let Self { pipeline, slot, hold } = self;
        slot.begin(async move {
            pipeline.work(claim, Some(received)).await;
            drop(hold);
        });
    }
}

impl Run<'_> {
    /// All steps, in order. The end is there when it has been flushed.
    async fn all(&mut self) -> Result<Unflushed, StepError> {
        if self.attempts() > i64::from(self.pipeline.max_attempts) {
            let times = self.pipeline.max_attempts;
            return Err(StepError::Final(format!(
                "given up: {times} workers took the job up and none of them lived to end it"
            )));
        }
        for task in self.kind().tasks().iter().skip(1) {
            match self.begin(*task) {
                None => self.carry_out(*task).await?,
                Some(begun) if self.is_noted_first(*task) => {
                    begun.note(&self.pipeline.db).await?;
                    self.carry_out(*task).await?;
                }
                Some(begun) => {
                    let db = self.pipeline.db.clone();
                    noted_if_long(self.carry_out(*task), begun.note(&db)).await?;
                }
            }
        }
        self.finish(State::Ok, "").await
    }

    /// Boxed, each by itself: together they are kilobytes, which would be copied with all that they are part of.
    fn carry_out(&mut self, task: Task) -> BoxFuture<'_, Result<(), StepError>> {
        match task {
            // The first task is the intake's.
            Task::Uploading => Box::pin(std::future::ready(Ok(()))),
            Task::OpenTar => Box::pin(self.open_tar()),
            Task::LoadMetadata => Box::pin(self.load_metadata()),
            Task::PolicyValidation => Box::pin(self.validate()),
            // A run before this one has put them all into the archive, or it would not have come further.
            Task::IngestFiles | Task::MoveFiles if self.files_are_in_place() => Box::pin(std::future::ready(Ok(()))),
            Task::IngestFiles => Box::pin(self.ingest_files()),
            Task::MoveFiles => Box::pin(self.move_files()),
            Task::IngestMetadata => Box::pin(self.ingest_metadata()),
        }
    }

    async fn finish(&mut self, state: State, exception: &str) -> Result<Unflushed, StepError> {
        let now = Timestamp::now();
        self.end_step(now);
        let percent = if state == State::Ok { 100.0 } else { 0.0 };
        let (task, steps, revision, facts) = (self.task(), self.steps(), self.revision(), self.facts());
        let end = Finish { state, task, percent, exception, steps, revision, facts };
        let (db, id, epoch) = (&self.pipeline.db, self.id(), self.epoch());
        let unflushed = match self.unrecorded() {
            Some(transaction) if state == State::Ok => {
                db.finish_with(id, epoch, now, end, &transaction.rows()).await.map_err(|error| match error {
                    PutTransactionError::Db(error) => error.into(),
                    error => StepError::Final(error.to_string()),
                })?
            }
            _ => db.finish(id, epoch, now, end).await?,
        };
        measures::ended(self.kind(), state, task);
        for step in self.steps() {
            measures::stepped(step.task, step.ended.unwrap_or(now).since(step.started));
        }
        Ok(unflushed)
    }
}

/// Runs a step, and notes that it has begun where it is not over in a moment.
async fn noted_if_long(
    mut step: BoxFuture<'_, Result<(), StepError>>,
    note: impl Future<Output = Result<(), StepError>>,
) -> Result<(), StepError> {
    if let Ok(done) = tokio::time::timeout(MOMENT, &mut step).await {
        return done;
    }
    let mut note = std::pin::pin!(note);
    tokio::select! {
        biased;
        done = &mut step => done.and(note.await),
        noted = &mut note => {
            noted?;
            step.await
        }
    }
}

impl From<DbError> for StepError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::LeaseLost(_) => Self::Lost,
            error => Self::Database(error),
        }
    }
}
