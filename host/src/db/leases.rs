//! Who works on a job: claims, heartbeats, and the writes that only the holder of the lease may make.
//!
//! A claim raises the epoch of the job's lease. Every write of a worker names the epoch of its claim; where the job has
//! another one by now, or is not running any more, nothing is written and the answer is [`DbError::LeaseLost`].

use super::arg::{Arg, args, indexed, numbers, whole};
use super::batch::Batch;
use super::flush::Unflushed;
use super::ids::listed;
use super::jobs::{job_columns, read_job, steps_text};
use super::session::{Row, Session, Statement};
use super::{Db, DbError, Durability, Result};
use crate::model::{FileId, Job, JobId, JobKind, Revision, Stage, State, StepRecord, Task, Timestamp};

pub(super) const HOLDERS: &str = "SELECT lease_owner, stage, COUNT(*) AS jobs, MIN(lease_until) AS until FROM jobs
     WHERE lease_until IS NOT NULL AND stage IN ('receiving', 'running')
     GROUP BY lease_owner, stage ORDER BY lease_owner, stage";

/// Limited in both parts, or PostgreSQL would read and sort all that wait for the sake of a few.
pub(super) const LOST_JOBS: &str = "SELECT id, kind, since FROM (
         SELECT id, kind, due AS since FROM jobs WHERE stage = 'waiting' AND due <= $1 ORDER BY due LIMIT $2) AS waiting
     UNION ALL
     SELECT id, kind, since FROM (
         SELECT id, kind, lease_until AS since FROM jobs WHERE stage = 'running' AND lease_until < $1
         ORDER BY lease_until LIMIT $2) AS silent
     ORDER BY since LIMIT $2";

pub(super) const LOST_UPLOADS: &str =
    "SELECT id FROM jobs WHERE stage = 'receiving' AND lease_until < $1 ORDER BY lease_until";

const ADVANCE: &str =
    "UPDATE jobs SET task = $4, percent = 0, steps = $5, revision = COALESCE($6, revision), updated = $3
     WHERE id = $1 AND lease_epoch = $2 AND stage = 'running'";

const ADVANCE_WITH_FACTS: &str =
    "UPDATE jobs SET task = $4, percent = 0, steps = $5, revision = COALESCE($6, revision),
         updated = $3, submitter = $7, project = $8, instrument = $9, files = $10, bytes = $11
     WHERE id = $1 AND lease_epoch = $2 AND stage = 'running'";

/// What is not known of the metadata stays as it was.
macro_rules! finish {
    () => {
        "UPDATE jobs SET stage = 'done', state = $4, task = $5, percent = $6, exception = $7, steps = $8,
             revision = $9, fault_since = NULL, updated = $3, lease_owner = NULL, lease_until = NULL,
             submitter = COALESCE($10, submitter), project = COALESCE($11, project),
             instrument = COALESCE($12, instrument), files = COALESCE($13, files), bytes = COALESCE($14, bytes)
         WHERE id = $1 AND lease_epoch = $2 AND stage = 'running'"
    };
}
/// Of what a statement returns, SQLite makes a table first: this one is for where nobody asks.
pub(super) const FINISH: &str = finish!();
const FINISH_AND_TELL: &str = concat!(finish!(), " RETURNING ", job_columns!());

/// The files of a job that has just ended well are in their places for good. Of one that was cancelled meanwhile they are to be
/// taken back.
const ARCHIVED: &str = "UPDATE archive_files SET archived_at = $2 WHERE job_id = $1 AND archived_at IS NULL
     AND EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND lease_epoch = $3 AND stage = 'done' AND state = 'OK')";

/// A job taken up by a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Its record, with this attempt counted.
    pub job: Job,
    /// What the worker's writes must name.
    pub epoch: i64,
    /// When its bundle was on disk.
    pub received: Timestamp,
    /// Since when temporary faults have kept it from getting on; none while there are none.
    pub fault_since: Option<Timestamp>,
    /// The ids that its files have been given; none where they have not.
    pub file_ids: Option<Vec<FileId>>,
}

impl Claim {
    /// Whether nobody has had the job before, so that nothing of it can have been done.
    pub fn is_first(&self) -> bool {
        self.epoch == 1
    }
}

/// What a job's metadata document says of it.
#[derive(Clone, Debug, Default)]
pub struct JobFacts<'a> {
    /// `Transactions.submitter`.
    pub submitter: Option<&'a str>,
    /// `Transactions.project`.
    pub project: Option<&'a str>,
    /// `Transactions.instrument`.
    pub instrument: Option<&'a str>,
    /// Number of files.
    pub files: u64,
    /// Bytes of their contents.
    pub bytes: u64,
}

/// How far a worker has come.
#[derive(Clone, Debug)]
pub struct Advance<'a> {
    /// The task that it begins.
    pub task: Task,
    /// When the job's tasks began and ended.
    pub steps: &'a [StepRecord],
    /// The policy revision that has judged the job, once there is one.
    pub revision: Option<Revision>,
    /// What the metadata says, for lists, when that has been read.
    pub facts: Option<JobFacts<'a>>,
}

/// How a job ends.
#[derive(Clone, Debug)]
pub struct Finish<'a> {
    /// Well or not.
    pub state: State,
    /// The task it ends in.
    pub task: Task,
    /// 0 to 100 of that task.
    pub percent: f64,
    /// What went wrong; empty where nothing did.
    pub exception: &'a str,
    /// When its tasks began and ended.
    pub steps: &'a [StepRecord],
    /// The policy revision that judged it.
    pub revision: Option<Revision>,
    /// What the metadata says, for lists, when that has been read.
    pub facts: Option<JobFacts<'a>>,
}

/// A process that receives or works off jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, as its leases name it.
    pub owner: String,
    /// What it does with them.
    pub stage: Stage,
    /// How many it has.
    pub jobs: i64,
    /// Until when the first of these leases lasts.
    pub until: Timestamp,
}

impl Db {
    /// The processes that have jobs in hand. Costs nothing, however many jobs have ended.
    pub async fn holders(&self) -> Result<Vec<Holder>> {
        let read = |row: &Row| {
            Ok(Holder {
                owner: row.get("lease_owner")?,
                stage: row.parse("stage")?,
                jobs: row.get("jobs")?,
                until: Timestamp::from_micros(row.get("until")?),
            })
        };
        self.read().await?.rows(HOLDERS, &[]).await?.iter().map(read).collect()
    }

    /// Takes a job up: one that waits and is due, or one whose worker has fallen silent. Of several that ask, one gets
    /// it; none for the others, and where there is nothing to take up.
    pub async fn claim(&self, id: JobId, owner: &str, now: Timestamp, lease_until: Timestamp) -> Result<Option<Claim>> {
        let row = self
            .write()
            .await?
            .row(
                concat!(
                    "UPDATE jobs SET stage = 'running', lease_owner = $2, lease_until = $4,
                         lease_epoch = lease_epoch + 1, attempts = attempts + 1, updated = $3
                     WHERE id = $1
                       AND ((stage = 'waiting' AND due <= $3) OR (stage = 'running' AND lease_until < $3))
                     RETURNING lease_epoch, received, fault_since,
                         (SELECT first_id FROM job_file_ids WHERE job_id = jobs.id) AS first_file,
                         (SELECT count FROM job_file_ids WHERE job_id = jobs.id) AS file_count, ",
                    job_columns!()
                ),
                args![id, owner, now, lease_until],
            )
            .await?;
        row.map(|row| {
            let job = read_job(&row)?;
            let file_ids = row.get::<Option<i64>>("first_file")?.zip(row.get::<Option<i64>>("file_count")?);
            let received = row.get::<Option<i64>>("received")?.map_or(job.created, Timestamp::from_micros);
            Ok(Claim {
                epoch: row.get("lease_epoch")?,
                received,
                fault_since: row.get::<Option<i64>>("fault_since")?.map(Timestamp::from_micros),
                file_ids: file_ids.map(|(first, count)| listed(first..first + count)),
                job,
            })
        })
        .transpose()
    }

    /// Renews the leases of the jobs that this owner receives or works on, and returns those that it still holds. Work
    /// on any other should stop: somebody else has the job, or it was cancelled.
    ///
    /// The jobs are named, so that one which its worker has forgotten, by a panic or a claim whose answer got lost, is
    /// not held for ever by a process that is well.
    pub async fn heartbeat(&self, owner: &str, held: &[JobId], lease_until: Timestamp) -> Result<Vec<JobId>> {
        let mut renewed = Vec::with_capacity(held.len());
        for chunk in held.chunks(1000) {
            let text = format!(
                "UPDATE jobs SET lease_until = $2
                 WHERE lease_owner = $1 AND stage IN ('receiving', 'running') AND id IN ({}) RETURNING id",
                numbers(3, chunk.len())
            );
            let mut args = vec![Arg::from(owner), Arg::from(lease_until)];
            args.extend(chunk.iter().map(|id| Arg::from(*id)));
            for row in self.write().await?.rows(Statement::built(text, false), &args).await? {
                renewed.push(JobId::new(row.get("id")?));
            }
        }
        Ok(renewed)
    }

    /// Records that a worker has come to a task.
    pub async fn advance(&self, id: JobId, epoch: i64, now: Timestamp, to: Advance<'_>) -> Result<()> {
        let steps = steps_text(to.steps);
        let mut args = args![id, epoch, now, to.task.name(), &steps, to.revision].to_vec();
        let sql = match to.facts {
            None => ADVANCE,
            Some(facts) => {
                args.extend(
                    [facts.submitter, facts.project, facts.instrument].map(|value| Arg::from(value.map(indexed))),
                );
                args.extend([facts.files, facts.bytes].map(|count| Arg::from(whole(count))));
                ADVANCE_WITH_FACTS
            }
        };
        let touched = self.write().await?.execute(sql, &args).await?;
        held(id, touched)
    }

    /// Records that a worker is about to have a task fail, and what its steps are by then. Durable: files are taken out of
    /// the archive next.
    pub async fn failing(&self, id: JobId, epoch: i64, now: Timestamp, task: Task, steps: &[StepRecord]) -> Result<()> {
        let steps = steps_text(steps);
        let mut session = self.begin_one(Durability::Durable).await?;
        let args = args![id, epoch, now, task.name(), &steps, None::<i64>];
        let touched = session.execute(ADVANCE, args).await?;
        held(id, touched)?;
        session.commit().await
    }

    /// Records how far the present task is.
    pub async fn progress(&self, id: JobId, epoch: i64, now: Timestamp, percent: f64) -> Result<()> {
        let touched = self
            .write()
            .await?
            .execute(
                "UPDATE jobs SET percent = $4, updated = $3
                 WHERE id = $1 AND lease_epoch = $2 AND stage = 'running'",
                args![id, epoch, now, percent],
            )
            .await?;
        held(id, touched)
    }

    /// Gives a job back, to be taken up again when it is due. `count_attempt` is false where the worker stops for
    /// reasons of its own, so that many restarts do not use up a job's attempts.
    pub async fn hand_back(
        &self,
        id: JobId,
        epoch: i64,
        now: Timestamp,
        due: Timestamp,
        fault_since: Option<Timestamp>,
        count_attempt: bool,
    ) -> Result<()> {
        let mut session = self.begin(Durability::Relaxed).await?;
        let touched = session
            .execute(
                "UPDATE jobs SET stage = 'waiting', due = $4, fault_since = $5, attempts = attempts - $6, updated = $3,
                     lease_owner = NULL, lease_until = NULL
                 WHERE id = $1 AND lease_epoch = $2 AND stage = 'running'",
                args![id, epoch, now, due, fault_since, if count_attempt { 0 } else { 1 }],
            )
            .await?;
        if touched == 0 {
            // Given back before, by a caller who never heard the answer, and not taken up since.
            let said = "SELECT 1 AS one FROM jobs WHERE id = $1 AND lease_epoch = $2 AND stage = 'waiting'";
            session.row(said, args![id, epoch]).await?.ok_or(DbError::LeaseLost(id))?;
        }
        session.commit().await
    }

    /// Ends a job; where it ends well, its files are in their places for good. Durable when it has been flushed. The same end may
    /// be recorded again by the same claim.
    pub async fn finish(&self, id: JobId, epoch: i64, now: Timestamp, end: Finish<'_>) -> Result<Unflushed> {
        let steps = steps_text(end.steps);
        if !self.tells() {
            let mut batch = Batch::new(true);
            end.add_to(&mut batch, FINISH_AND_TELL, id, epoch, now, &steps);
            let (answers, unflushed) = self.commit(Durability::Durable, batch).await?;
            if answers.first().is_none_or(Vec::is_empty) {
                ended(&mut self.read().await?, id, epoch, end.state).await?;
            }
            return Ok(unflushed);
        }
        let mut session = self.begin(Durability::Durable).await?;
        let Some(row) = session.row(FINISH_AND_TELL, &end.args(id, epoch, now, &steps)).await? else {
            ended(&mut session, id, epoch, end.state).await?;
            return Ok(self.unflushed());
        };
        if end.state == State::Ok {
            session.execute(ARCHIVED, args![id, now, epoch]).await?;
        }
        let told = self.tell(&mut session, &read_job(&row)?, None).await?;
        session.commit().await?;
        self.told(told);
        Ok(Unflushed::default())
    }

    /// Jobs that nobody works on and that are due, those that wait longest first: a sweeper wakes workers for them.
    pub async fn lost_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<(JobId, JobKind)>> {
        let rows = self.read().await?.rows(LOST_JOBS, args![now, i64::from(limit)]).await?;
        rows.iter().map(|row| Ok((JobId::new(row.get("id")?), row.parse("kind")?))).collect()
    }

    /// Jobs whose receiving process has fallen silent.
    pub async fn lost_uploads(&self, now: Timestamp) -> Result<Vec<JobId>> {
        let rows = self.read().await?.rows(LOST_UPLOADS, args![now]).await?;
        rows.iter().map(|row| Ok(JobId::new(row.get("id")?))).collect()
    }
}

impl<'a> Finish<'a> {
    /// Adds it to a batch, by one of the statements above.
    pub(super) fn add_to(
        &'a self,
        batch: &mut Batch<'a>,
        statement: &'static str,
        id: JobId,
        epoch: i64,
        now: Timestamp,
        steps: &'a str,
    ) {
        batch.add(statement, self.args(id, epoch, now, steps));
        if self.state == State::Ok {
            batch.add(ARCHIVED, args![id, now, epoch]);
        }
    }

    fn args(&'a self, id: JobId, epoch: i64, now: Timestamp, steps: &'a str) -> Vec<Arg<'a>> {
        let facts = self.facts.as_ref();
        let text = |value: fn(&JobFacts<'a>) -> Option<&'a str>| Arg::from(facts.and_then(value).map(indexed));
        let count = |value: fn(&JobFacts<'a>) -> u64| Arg::from(facts.map(|facts| whole(value(facts))));
        let mut args = args![
            id,
            epoch,
            now,
            self.state.name(),
            self.task.name(),
            self.percent,
            self.exception,
            steps,
            self.revision
        ]
        .to_vec();
        args.extend([text(|facts| facts.submitter), text(|facts| facts.project), text(|facts| facts.instrument)]);
        args.extend([count(|facts| facts.files), count(|facts| facts.bytes)]);
        args
    }
}

/// Fails unless the job was ended so before, by a caller who never heard the answer.
pub(super) async fn ended(session: &mut Session, id: JobId, epoch: i64, state: State) -> Result<()> {
    let said = "SELECT 1 AS one FROM jobs WHERE id = $1 AND lease_epoch = $2 AND stage = 'done' AND state = $3";
    session.row(said, args![id, epoch, state.name()]).await?.ok_or(DbError::LeaseLost(id)).map(drop)
}

fn held(id: JobId, touched: u64) -> Result<()> {
    if touched == 0 { Err(DbError::LeaseLost(id)) } else { Ok(()) }
}
