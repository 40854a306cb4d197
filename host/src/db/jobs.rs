//! The records of jobs: made, looked at, and changed by hand.

use std::ops::Range;

use super::arg::{Arg, args, indexed, numbers, whole};
use super::batch::Batch;
use super::flush::Unflushed;
use super::ids::{KEEP, KEEP_FIRST, ids_args, listed, read_ids};
use super::leases::Claim;
use super::session::{Row, Session, Statement};
use super::{Db, DbError, Durability, Result};
use crate::model::{Ending, Job, JobId, JobKind, JobStatus, Revision, Stage, State, StepRecord, Task, Timestamp};

/// The columns that [`read_job`] reads.
macro_rules! job_columns {
    () => {
        "id, kind, user_name, stage, state, task, percent, exception, created, updated, bytes, files, submitter, \
         project, instrument, revision, attempts, steps"
    };
}
pub(super) use job_columns;

fn read_status(row: &Row) -> Result<JobStatus> {
    let moment = |column| row.get(column).map(Timestamp::from_micros);
    Ok(JobStatus {
        id: JobId::new(row.get("id")?),
        state: row.parse("state")?,
        task: row.parse("task")?,
        percent: row.get("percent")?,
        exception: row.get("exception")?,
        created: moment("created")?,
        updated: moment("updated")?,
        complete: row.parse::<Stage>("stage")? == Stage::Done,
    })
}

pub(super) fn read_job(row: &Row) -> Result<Job> {
    let JobStatus { id, state, task, percent, exception, created, updated, complete: _ } = read_status(row)?;
    let steps: String = row.get("steps")?;
    Ok(Job {
        id,
        kind: row.parse("kind")?,
        user: row.get("user_name")?,
        stage: row.parse("stage")?,
        state,
        task,
        percent,
        exception,
        created,
        updated,
        bytes: row.get("bytes")?,
        files: row.get("files")?,
        submitter: row.get("submitter")?,
        project: row.get("project")?,
        instrument: row.get("instrument")?,
        revision: row.get::<Option<i64>>("revision")?.map(Revision::new),
        attempts: row.get("attempts")?,
        steps: serde_json::from_str(&steps).map_err(|error| DbError::unreadable("steps", error))?,
    })
}

/// Steps as their column holds them.
pub(super) fn steps_text(steps: &[StepRecord]) -> String {
    serde_json::to_string(steps).expect("tasks and moments are always JSON")
}

pub(super) const OLDEST_WAITING: &str = "SELECT MIN(due) AS due FROM jobs WHERE stage = 'waiting'";

pub(super) const COUNT_UNFINISHED: &str =
    "SELECT stage, COUNT(*) AS jobs FROM jobs WHERE stage <> 'done' GROUP BY stage ORDER BY stage";

const RECEIVED: &str = concat!(
    "UPDATE jobs SET stage = 'waiting', received = $3, updated = $3, due = $3,
         bytes = $4, files = $5, lease_owner = NULL, lease_until = NULL
     WHERE id = $1 AND lease_owner = $2 AND stage = 'receiving' RETURNING ",
    job_columns!()
);

const RECEIVED_AND_CLAIMED: &str = concat!(
    "UPDATE jobs SET stage = 'running', received = $3, updated = $3, due = $3, bytes = $4, files = $5,
         lease_until = $6, lease_epoch = lease_epoch + 1, attempts = attempts + 1
     WHERE id = $1 AND lease_owner = $2 AND stage = 'receiving' RETURNING lease_epoch, ",
    job_columns!()
);

const CREATE_RECEIVED: &str =
    "INSERT INTO jobs (id, kind, user_name, stage, state, task, created, updated, due, received,
         bytes, files, lease_owner, lease_until, lease_epoch, attempts)
     VALUES ($1, $2, $3, $4, 'OK', $5, $6, $7, $7, $7, $8, $9, $10, $11, $12, $12)";

/// A job whose bytes are awaited.
#[derive(Clone, Copy, Debug)]
pub struct NewJob<'a> {
    /// Upload or move.
    pub kind: JobKind,
    /// Who sends it.
    pub user: &'a str,
    /// The process that receives it.
    pub owner: &'a str,
    /// The present moment.
    pub now: Timestamp,
    /// When the job is given up unless the owner has been heard of.
    pub lease_until: Timestamp,
}

/// A job whose bytes have come.
#[derive(Clone, Debug)]
pub struct Arrival<'a> {
    /// The process that has received it.
    pub owner: &'a str,
    /// The present moment.
    pub now: Timestamp,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// Its files.
    pub files: u64,
    /// As many ids that were taken for them, where they were; a job that has as many already keeps those.
    pub file_ids: Option<Range<i64>>,
    /// Until when the owner claims the job, where it goes on working on it.
    pub lease_until: Option<Timestamp>,
}

/// Which jobs to list: those that every given field fits.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// `OK` or `FAILED`.
    pub state: Option<State>,
    /// Where they stand.
    pub stage: Option<Stage>,
    /// Uploads or moves.
    pub kind: Option<JobKind>,
    /// Who sent them.
    pub user: Option<String>,
    /// Their submitter.
    pub submitter: Option<String>,
    /// Their project.
    pub project: Option<String>,
    /// Their instrument.
    pub instrument: Option<String>,
    /// Only older ones than this: the last of the page before.
    pub before: Option<JobId>,
    /// How many at the most.
    pub limit: u32,
}

impl JobFilter {
    /// Whether a job is one of those that are looked for, wherever it stands in the list.
    pub fn fits(&self, job: &Job) -> bool {
        // As long as their columns have them.
        let same = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is.map(indexed) == Some(indexed(wanted)))
        };
        self.state.is_none_or(|state| state == job.state)
            && self.stage.is_none_or(|stage| stage == job.stage)
            && self.kind.is_none_or(|kind| kind == job.kind)
            && same(&self.user, Some(&job.user))
            && same(&self.submitter, job.submitter.as_deref())
            && same(&self.project, job.project.as_deref())
            && same(&self.instrument, job.instrument.as_deref())
    }
}

/// What an administrator changes in a job by hand. What is not given stays.
#[derive(Clone, Debug, Default)]
pub struct SetJob {
    /// `FAILED` also ends the job, wherever it stands.
    pub state: Option<State>,
    /// The task it is said to be in.
    pub task: Option<Task>,
    /// 0 to 100 of that task.
    pub percent: Option<f64>,
    /// What is said to have gone wrong.
    pub exception: Option<String>,
}

/// What became of a wish to run a failed job again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It waits for a worker again.
    Waiting,
    /// It has not failed.
    NotFailed,
    /// Its bytes never arrived whole, so there is nothing to run again.
    NotReceived,
    /// There is none.
    NoSuchJob,
}

/// What became of a wish to cancel a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It has failed now; who works on it is refused at its next step.
    Now,
    /// It had ended before.
    AlreadyDone,
    /// There is none.
    NoSuchJob,
}

impl Db {
    /// Makes the record of a job under an id that was taken before: stage receiving, task `UPLOADING`.
    pub async fn create_job(&self, id: JobId, new: NewJob<'_>) -> Result<()> {
        insert_job(&mut self.write().await?, id, new).await
    }

    /// Makes the record of a job whose bytes are on disk already, as [making](Self::create_job) it and
    /// [recording](Self::job_received) that would.
    pub async fn create_received_job(
        &self,
        id: JobId,
        new: NewJob<'_>,
        arrival: Arrival<'_>,
    ) -> Result<(Job, Option<Claim>, Unflushed)> {
        let Arrival { owner, now, bytes, files, file_ids, lease_until } = arrival;
        let (claimed, task) = (lease_until.is_some(), Task::Uploading);
        let stage = if claimed { Stage::Running } else { Stage::Waiting };
        let (user, epoch) = (indexed(new.user), i64::from(claimed));
        let (bytes, files) = (whole(bytes), whole(files));
        let mut batch = Batch::new(true);
        let holder = claimed.then_some(owner);
        let args = args![
            id,
            new.kind.name(),
            user,
            stage.name(),
            task.name(),
            new.now,
            now,
            bytes,
            files,
            holder,
            lease_until,
            epoch
        ];
        batch.add(CREATE_RECEIVED, args);
        if let Some(taken) = &file_ids {
            batch.add(KEEP_FIRST, ids_args(id, taken));
        }
        let (_, unflushed) = self.commit(Durability::Durable, batch).await?;
        let job = Job {
            id,
            kind: new.kind,
            user: user.to_owned(),
            stage,
            state: State::Ok,
            task,
            percent: 0.0,
            exception: String::new(),
            created: new.now,
            updated: now,
            bytes,
            files,
            submitter: None,
            project: None,
            instrument: None,
            revision: None,
            attempts: epoch,
            steps: Vec::new(),
        };
        let file_ids = file_ids.map(listed);
        let claim = claimed.then(|| Claim { job: job.clone(), epoch, received: now, fault_since: None, file_ids });
        Ok((job, claim, unflushed))
    }

    /// Takes a failed job back to its beginning, to be received anew under its id. Whether it had failed.
    pub async fn readmit_job(&self, id: JobId, new: NewJob<'_>) -> Result<bool> {
        let touched = self
            .write()
            .await?
            .execute(
                "UPDATE jobs SET kind = $2, user_name = $3, stage = 'receiving', state = 'OK', task = $4, percent = 0,
                     exception = '', steps = '[]', attempts = 0, fault_since = NULL, revision = NULL, received = NULL,
                     updated = $5, due = $5, lease_owner = $6, lease_until = $7
                 WHERE id = $1 AND stage = 'done' AND state = 'FAILED'",
                args![
                    id,
                    new.kind.name(),
                    indexed(new.user),
                    Task::Uploading.name(),
                    new.now,
                    new.owner,
                    new.lease_until
                ],
            )
            .await?;
        Ok(touched > 0)
    }

    /// Records that a job's bytes are on disk: from here on it waits for a worker, or is the claim of the one that receives it.
    /// The job as it is then, which is durable when it has been flushed.
    ///
    /// Lost is the lease of a job that was given up or cancelled while it was received.
    pub async fn job_received(&self, id: JobId, arrival: Arrival<'_>) -> Result<(Job, Option<Claim>, Unflushed)> {
        let Arrival { owner, now, bytes, files, file_ids, lease_until } = arrival;
        let mut batch = Batch::new(true);
        let args = args![id, owner, now, whole(bytes), whole(files)];
        match lease_until {
            None => batch.add(RECEIVED, args),
            Some(until) => {
                let mut args = args.to_vec();
                args.push(until.into());
                batch.add(RECEIVED_AND_CLAIMED, args);
            }
        }
        if let Some(taken) = &file_ids {
            batch.add(KEEP, ids_args(id, taken));
        }
        let (answers, unflushed) = self.commit(Durability::Durable, batch).await?;
        if let Some(row) = answers.first().and_then(|rows| rows.first()) {
            let job = read_job(row)?;
            if lease_until.is_none() {
                return Ok((job, None, unflushed));
            }
            let given = answers.last().and_then(|rows| rows.first());
            let file_ids = file_ids.is_some().then(|| read_ids(given)).transpose()?;
            let epoch = row.get("lease_epoch")?;
            let claim = Claim { job: job.clone(), epoch, received: now, fault_since: None, file_ids };
            return Ok((job, Some(claim), unflushed));
        }
        // Said before, by a caller who never heard the answer.
        let said = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1 AND received IS NOT NULL");
        let row = self.read().await?.row(said, args![id]).await?;
        Ok((read_job(&row.ok_or(DbError::LeaseLost(id))?)?, None, unflushed))
    }

    /// Ends a job whose bytes will not come any more. Whether it was still being received.
    pub async fn job_lost_upload(&self, id: JobId, now: Timestamp, exception: &str) -> Result<bool> {
        let mut session = self.begin(Durability::Relaxed).await?;
        let sql = concat!(
            "UPDATE jobs SET stage = 'done', state = 'FAILED', exception = $3, updated = $2,
                 lease_owner = NULL, lease_until = NULL
             WHERE id = $1 AND stage = 'receiving' RETURNING ",
            job_columns!()
        );
        let Some(row) = session.row(sql, args![id, now, exception]).await? else { return Ok(false) };
        let told = self.tell(&mut session, &read_job(&row)?, Some(Ending::Interrupted)).await?;
        session.commit().await?;
        self.told(told);
        Ok(true)
    }

    /// A job's record.
    pub async fn get_job(&self, id: JobId) -> Result<Option<Job>> {
        let sql = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1");
        self.read().await?.row(sql, args![id]).await?.as_ref().map(read_job).transpose()
    }

    /// What clients ask for again and again of a job, which is less than all of it.
    pub async fn job_status(&self, id: JobId) -> Result<Option<JobStatus>> {
        let sql = "SELECT id, stage, state, task, percent, exception, created, updated FROM jobs WHERE id = $1";
        self.read().await?.first(sql, args![id]).await?.as_ref().map(read_status).transpose()
    }

    /// Jobs, newest first.
    pub async fn list_jobs(&self, filter: &JobFilter) -> Result<Vec<Job>> {
        let (text, args) = list_statement(filter);
        let rows = self.read().await?.rows(Statement::built(text, true), &args).await?;
        rows.iter().map(read_job).collect()
    }

    /// Changes a job by hand, and returns its record; none where there is no such job.
    pub async fn set_job(&self, id: JobId, change: &SetJob, now: Timestamp) -> Result<Option<Job>> {
        let mut session = self.begin(Durability::Relaxed).await?;
        // This also holds the row, so that nobody else ends the job in between.
        let unended = "UPDATE jobs SET updated = $2 WHERE id = $1 AND stage <> 'done'";
        let unended = session.execute(unended, args![id, now]).await? > 0;
        let row = session
            .row(
                concat!(
                    "UPDATE jobs SET state = COALESCE($2, state), task = COALESCE($3, task),
                         percent = COALESCE($4, percent), exception = COALESCE($5, exception), updated = $6,
                         stage = CASE WHEN $2 = 'FAILED' THEN 'done' ELSE stage END,
                         lease_epoch = CASE WHEN $2 = 'FAILED' THEN lease_epoch + 1 ELSE lease_epoch END,
                         lease_owner = CASE WHEN $2 = 'FAILED' THEN NULL ELSE lease_owner END,
                         lease_until = CASE WHEN $2 = 'FAILED' THEN NULL ELSE lease_until END
                     WHERE id = $1 RETURNING ",
                    job_columns!()
                ),
                args![
                    id,
                    change.state.map(State::name),
                    change.task.map(Task::name),
                    change.percent,
                    change.exception.as_deref(),
                    now
                ],
            )
            .await?;
        let job = row.as_ref().map(read_job).transpose()?;
        let told = match &job {
            Some(job) if unended && job.complete() => self.tell(&mut session, job, Some(Ending::Failed)).await?,
            _ => false,
        };
        session.commit().await?;
        self.told(told);
        Ok(job)
    }

    /// Lets a failed job wait for a worker again, from its first task on.
    pub async fn retry_job(&self, id: JobId, now: Timestamp) -> Result<Retried> {
        let mut session = self.begin(Durability::Relaxed).await?;
        let touched = session
            .execute(
                "UPDATE jobs SET stage = 'waiting', state = 'OK', exception = '', task = $3, percent = 0, steps = '[]',
                     attempts = 0, fault_since = NULL, revision = NULL, updated = $2, due = $2
                 WHERE id = $1 AND stage = 'done' AND state = 'FAILED' AND received IS NOT NULL",
                args![id, now, Task::Uploading.name()],
            )
            .await?;
        let retried = if touched > 0 {
            Retried::Waiting
        } else {
            match session.row("SELECT stage, state FROM jobs WHERE id = $1", args![id]).await? {
                None => Retried::NoSuchJob,
                Some(row) if row.parse::<Stage>("stage")? != Stage::Done => Retried::NotFailed,
                Some(row) if row.parse::<State>("state")? != State::Failed => Retried::NotFailed,
                Some(_) => Retried::NotReceived,
            }
        };
        session.commit().await?;
        Ok(retried)
    }

    /// Ends a job as failed. Who works on it is refused at its next step.
    pub async fn cancel_job(&self, id: JobId, now: Timestamp, exception: &str) -> Result<Cancelled> {
        let mut session = self.begin(Durability::Relaxed).await?;
        let sql = concat!(
            "UPDATE jobs SET stage = 'done', state = 'FAILED', exception = $3, updated = $2,
                 lease_owner = NULL, lease_until = NULL, lease_epoch = lease_epoch + 1
             WHERE id = $1 AND stage <> 'done' RETURNING ",
            job_columns!()
        );
        let Some(row) = session.row(sql, args![id, now, exception]).await? else {
            let known = session.row("SELECT 1 AS one FROM jobs WHERE id = $1", args![id]).await?;
            return Ok(if known.is_some() { Cancelled::AlreadyDone } else { Cancelled::NoSuchJob });
        };
        let told = self.tell(&mut session, &read_job(&row)?, Some(Ending::Cancelled)).await?;
        session.commit().await?;
        self.told(told);
        Ok(Cancelled::Now)
    }

    /// How many jobs are in each stage that is not the last. Costs nothing, however many have ended.
    pub async fn count_unfinished(&self) -> Result<Vec<(Stage, i64)>> {
        let rows = self.read().await?.rows(COUNT_UNFINISHED, &[]).await?;
        rows.iter().map(|row| Ok((row.parse("stage")?, row.get("jobs")?))).collect()
    }

    /// Since when the job waits that waits longest; none where none does.
    pub async fn oldest_waiting(&self) -> Result<Option<Timestamp>> {
        let row = self.read().await?.row(OLDEST_WAITING, &[]).await?;
        Ok(row.map_or(Ok(None), |row| row.get::<Option<i64>>("due"))?.map(Timestamp::from_micros))
    }

    /// How many jobs are in each stage. Counts them all: not for every second.
    pub async fn count_by_stage(&self) -> Result<Vec<(Stage, i64)>> {
        let mut counts = self.count_unfinished().await?;
        let row = self.read().await?.row("SELECT COUNT(*) AS jobs FROM jobs", &[]).await?;
        let all = row.map_or(Ok(0), |row| row.get::<i64>("jobs"))?;
        let unfinished: i64 = counts.iter().map(|(_, jobs)| jobs).sum();
        counts.push((Stage::Done, (all - unfinished).max(0)));
        Ok(counts)
    }

    /// Those of the jobs that have not ended.
    pub async fn which_unfinished(&self, ids: &[JobId]) -> Result<Vec<JobId>> {
        self.which(ids, "stage <> 'done'").await
    }

    /// Which of these jobs ended before their bundle was whole.
    pub async fn which_never_received(&self, ids: &[JobId]) -> Result<Vec<JobId>> {
        self.which(ids, "stage = 'done' AND received IS NULL").await
    }

    async fn which(&self, ids: &[JobId], condition: &str) -> Result<Vec<JobId>> {
        let mut session = self.read().await?;
        let mut which = Vec::new();
        for chunk in ids.chunks(1000) {
            let sql = format!("SELECT id FROM jobs WHERE {condition} AND id IN ({})", numbers(1, chunk.len()));
            let args: Vec<_> = chunk.iter().map(|id| Arg::from(*id)).collect();
            for row in session.rows(Statement::built(sql, false), &args).await? {
                which.push(JobId::new(row.get("id")?));
            }
        }
        Ok(which)
    }
}

/// The statement of [`Db::create_job`], in whatever transaction it belongs to.
pub(super) async fn insert_job(session: &mut Session, id: JobId, new: NewJob<'_>) -> Result<()> {
    session
        .execute(
            "INSERT INTO jobs (id, kind, user_name, stage, state, task, created, updated, due, lease_owner, lease_until)
             VALUES ($1, $2, $3, 'receiving', 'OK', $4, $5, $5, $5, $6, $7)",
            args![
                id,
                new.kind.name(),
                indexed(new.user),
                Task::Uploading.name(),
                new.now,
                new.owner,
                new.lease_until
            ],
        )
        .await?;
    Ok(())
}

/// Names of stages, states and kinds stand in the text, where a partial index is found by them. So does the limit: one that
/// PostgreSQL learned with each call would have it plan anew each time, which takes longer in a large table than the list.
pub(super) fn list_statement(filter: &JobFilter) -> (String, Vec<Arg<'_>>) {
    let mut conditions = Vec::new();
    let mut args = Vec::new();
    if let Some(state) = filter.state {
        conditions.push(format!("state = '{}'", state.name()));
    }
    if let Some(stage) = filter.stage {
        // The second half says what the planner does not conclude, and it lets the index of unfinished jobs be used.
        let unfinished = if stage == Stage::Done { "" } else { " AND stage <> 'done'" };
        conditions.push(format!("stage = '{}'{unfinished}", stage.name()));
    }
    if let Some(kind) = filter.kind {
        conditions.push(format!("kind = '{}'", kind.name()));
    }
    let texts = [
        ("user_name", &filter.user),
        ("submitter", &filter.submitter),
        ("project", &filter.project),
        ("instrument", &filter.instrument),
    ];
    for (column, value) in texts {
        if let Some(value) = value {
            args.push(Arg::from(indexed(value)));
            conditions.push(format!("{column} = ${}", args.len()));
        }
    }
    if let Some(before) = filter.before {
        args.push(Arg::from(before));
        conditions.push(format!("id < ${}", args.len()));
    }
    let limit = filter.limit;
    let filtered = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let text = format!("SELECT {} FROM jobs {filtered} ORDER BY id DESC LIMIT {limit}", job_columns!());
    (text, args)
}
