//! The outbox: events that a receiver is to be told of.
//!
//! An event is written in the transaction that ends its job, so that there is one for every end and none for an end that
//! was not. Whoever delivers takes it up under a lease, as a worker does a job; one whose lease has run out is taken up
//! again, under the same id. Of one job, the events are taken up in the order in which they were written.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Notify;

use super::arg::{Arg, args};
use super::session::{Row, Session, Statement};
use super::{Db, DbError, Pools, Result};
use crate::model::{Ending, Job, JobEnded, JobId, State, Task, Timestamp};

/// Which ends of jobs are written into the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// None: nobody is told.
    #[default]
    Nothing,
    /// Those of jobs that ended well.
    Done,
    /// All.
    Everything,
}

/// What this process writes into the outbox, and who waits for it.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    recorded: Recorded,
    written: Arc<Notify>,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventState {
    /// It is to be sent.
    Waiting,
    /// The receiver has taken it.
    Delivered,
    /// It was tried for as long as is configured, or the receiver wants nothing more.
    GivenUp,
}

impl EventState {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Waiting, Self::Delivered, Self::GivenUp]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("{text:?} is no state of an event; the states are waiting, delivered and given-up"))
    }
}

/// An event that was taken up to be sent.
#[derive(Clone, Debug)]
pub struct DueEvent {
    /// Its number in the outbox.
    pub number: i64,
    /// Its id, the same at every attempt.
    pub id: String,
    /// What it says.
    pub ended: JobEnded,
    /// From when its age is counted.
    pub since: Timestamp,
    /// How often it has been taken up, this time included.
    pub attempts: i64,
}

/// An event as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct EventRecord {
    /// Its id.
    pub id: String,
    /// The job.
    #[serde(rename = "job_id")]
    pub job: JobId,
    /// How the job ended.
    pub outcome: Ending,
    /// Where the event stands.
    pub state: EventState,
    /// When the job ended.
    pub ended: Timestamp,
    /// How often it was sent.
    pub attempts: i64,
    /// When it is sent next; none where it is not.
    pub due: Option<Timestamp>,
    /// When it was delivered or given up.
    pub settled: Option<Timestamp>,
    /// What the last attempt came to; empty where nothing was wrong.
    pub problem: String,
}

/// Which events to list.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Where they stand.
    pub state: Option<EventState>,
    /// Of which job.
    pub job: Option<JobId>,
    /// How many at the most.
    pub limit: u32,
}

/// How the outbox stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events to be sent.
    pub waiting: i64,
    /// Events that were given up.
    pub given_up: i64,
    /// From when the age of the oldest counts that is to be sent.
    pub oldest: Option<Timestamp>,
}

/// What is due and has nothing before it of the same job.
pub(super) const DUE_EVENTS: &str =
    "SELECT number FROM outbox AS event WHERE state = 'waiting' AND due <= $1 AND NOT EXISTS
         (SELECT 1 FROM outbox WHERE state = 'waiting' AND job_id = event.job_id AND number < event.number)
     ORDER BY due, number LIMIT $2";

impl Db {
    /// This database, where the ends of jobs are to be recorded so. Holds for this value and its clones.
    #[must_use]
    pub fn recording(mut self, recorded: Recorded) -> Self {
        self.outbox.recorded = recorded;
        self
    }

    /// Whether ends of jobs may have to be told.
    pub(super) fn tells(&self) -> bool {
        self.outbox.recorded != Recorded::Nothing
    }

    /// Writes the event of a job that has just ended into the transaction that ends it. Where `ending` is not given, the
    /// job's record says how it ended. Whether an event was written, which is to be handed to [`told`](Db::told) once
    /// the transaction is committed.
    pub(super) async fn tell(&self, session: &mut Session, job: &Job, ending: Option<Ending>) -> Result<bool> {
        if !self.tells() {
            return Ok(false);
        }
        let ending = match (ending, job.state) {
            (Some(ending), _) => ending,
            (None, State::Ok) => Ending::Done,
            (None, State::Failed) if job.task == Task::PolicyValidation && rejected(session, job).await? => {
                Ending::Rejected
            }
            (None, State::Failed) => Ending::Failed,
        };
        if self.outbox.recorded == Recorded::Done && ending != Ending::Done {
            return Ok(false);
        }
        let ended = JobEnded::of(job, ending);
        // A job does not end twice in one moment; and an id that tells the moment is not given out once more where the
        // database was taken back to an earlier state.
        let id = format!("{}-{}", job.id, ended.ended.as_micros());
        let text = serde_json::to_string(&ended).expect("ids, words and moments are always JSON");
        session
            .execute(
                "INSERT INTO outbox (event_id, job_id, ended, since, due) VALUES ($1, $2, $3, $4, $4)
                 ON CONFLICT (event_id) DO NOTHING",
                args![&id, job.id, &text, ended.ended],
            )
            .await?;
        Ok(true)
    }

    /// Wakes whoever delivers in this process; others look for themselves.
    pub(super) fn told(&self, told: bool) {
        if told {
            self.outbox.written.notify_one();
        }
    }

    /// Returns when this process has written an event, be it before the call. For one who waits.
    pub async fn event_written(&self) {
        self.outbox.written.notified().await;
    }

    /// Takes up events that are due, at most so many, until the end of a lease. Each is taken up by one.
    pub async fn claim_events(&self, now: Timestamp, lease_until: Timestamp, limit: usize) -> Result<Vec<DueEvent>> {
        // One process writes to SQLite at a time. In PostgreSQL, what another is just taking up is passed over.
        let lock = if let Pools::Postgres(_) = self.pools { "FOR UPDATE SKIP LOCKED" } else { "" };
        let text = format!(
            "WITH taken AS MATERIALIZED ({DUE_EVENTS} {lock})
             UPDATE outbox SET due = $3, attempts = attempts + 1 WHERE number IN (SELECT number FROM taken)
             RETURNING number, event_id, ended, since, attempts"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.write().await?.rows(Statement::built(text, true), args![now, limit, lease_until]).await?;
        let mut events = rows
            .iter()
            .map(|row| {
                Ok(DueEvent {
                    number: row.get("number")?,
                    id: row.get("event_id")?,
                    ended: read_ended(row)?,
                    since: row.get("since").map(Timestamp::from_micros)?,
                    attempts: row.get("attempts")?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        events.sort_by_key(|event| event.number);
        Ok(events)
    }

    /// Records that the receiver has taken an event.
    pub async fn event_delivered(&self, number: i64, now: Timestamp) -> Result<()> {
        let sql = "UPDATE outbox SET state = 'delivered', settled = $2, problem = '' WHERE number = $1";
        self.write().await?.execute(sql, args![number, now]).await?;
        Ok(())
    }

    /// Records that an attempt came to nothing, and when the next one is due. Not where somebody else has taken the event
    /// up meanwhile.
    pub async fn event_failed(&self, event: &DueEvent, due: Timestamp, problem: &str) -> Result<()> {
        let sql = "UPDATE outbox SET due = $3, problem = $4
                   WHERE number = $1 AND attempts = $2 AND state = 'waiting'";
        self.write().await?.execute(sql, args![event.number, event.attempts, due, problem]).await?;
        Ok(())
    }

    /// Records that an event is given up. Not where somebody else has taken it up meanwhile.
    pub async fn event_given_up(&self, event: &DueEvent, now: Timestamp, problem: &str) -> Result<()> {
        let sql = "UPDATE outbox SET state = 'given-up', settled = $3, problem = $4
                   WHERE number = $1 AND attempts = $2 AND state = 'waiting'";
        self.write().await?.execute(sql, args![event.number, event.attempts, now, problem]).await?;
        Ok(())
    }

    /// Has an event sent again, at once, whether it was given up, delivered or waits. Whether there is one.
    pub async fn retry_event(&self, id: &str, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE outbox SET state = 'waiting', since = $2, due = $2, settled = NULL WHERE event_id = $1";
        let touched = self.write().await?.execute(sql, args![id, now]).await?;
        self.told(touched > 0);
        Ok(touched > 0)
    }

    /// Has all events sent again that were given up, and at once those that wait. How many there are.
    pub async fn retry_events(&self, now: Timestamp) -> Result<u64> {
        let sql = "UPDATE outbox SET since = CASE WHEN state = 'given-up' THEN $1 ELSE since END, due = $1,
                       settled = NULL, state = 'waiting'
                   WHERE state IN ('waiting', 'given-up')";
        let touched = self.write().await?.execute(sql, args![now]).await?;
        self.told(touched > 0);
        Ok(touched)
    }

    /// Events, newest first.
    pub async fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>> {
        let mut conditions = vec!["TRUE".to_owned()];
        let mut args = vec![Arg::from(i64::from(filter.limit))];
        if let Some(state) = filter.state {
            // In the text, where a partial index is found by it.
            conditions.push(format!("state = '{}'", state.name()));
        }
        if let Some(job) = filter.job {
            args.push(Arg::from(job));
            conditions.push(format!("job_id = ${}", args.len()));
        }
        let text = format!(
            "SELECT event_id, job_id, state, ended, due, attempts, problem, settled FROM outbox
             WHERE {} ORDER BY number DESC LIMIT $1",
            conditions.join(" AND ")
        );
        let rows = self.read().await?.rows(Statement::built(text, true), &args).await?;
        rows.iter().map(read_record).collect()
    }

    /// How the outbox stands. Costs nothing, however much was delivered.
    pub async fn count_events(&self) -> Result<EventCounts> {
        let sql = "SELECT (SELECT COUNT(*) FROM outbox WHERE state = 'waiting') AS waiting,
                       (SELECT COUNT(*) FROM outbox WHERE state = 'given-up') AS given_up,
                       (SELECT MIN(since) FROM outbox WHERE state = 'waiting') AS oldest";
        let row = self.read().await?.row(sql, &[]).await?.ok_or(DbError::Other(sqlx::Error::RowNotFound))?;
        Ok(EventCounts {
            waiting: row.get("waiting")?,
            given_up: row.get("given_up")?,
            oldest: row.get::<Option<i64>>("oldest")?.map(Timestamp::from_micros),
        })
    }
}

/// Whether the present run of a job was refused by the rules: a report of an earlier run says nothing of it.
async fn rejected(session: &mut Session, job: &Job) -> Result<bool> {
    let sql = "SELECT accepted FROM reports WHERE job_id = $1 AND revision = $2";
    let row = session.row(sql, args![job.id, job.revision]).await?;
    Ok(row.map_or(Ok(1), |row| row.get::<i64>("accepted"))? == 0)
}

fn read_ended(row: &Row) -> Result<JobEnded> {
    let text: String = row.get("ended")?;
    serde_json::from_str(&text).map_err(|error| DbError::unreadable("ended", error))
}

fn read_record(row: &Row) -> Result<EventRecord> {
    let ended = read_ended(row)?;
    let state: EventState = row.parse("state")?;
    let due = row.get("due").map(Timestamp::from_micros)?;
    Ok(EventRecord {
        id: row.get("event_id")?,
        job: JobId::new(row.get("job_id")?),
        outcome: ended.outcome,
        state,
        ended: ended.ended,
        attempts: row.get("attempts")?,
        due: (state == EventState::Waiting).then_some(due),
        settled: row.get::<Option<i64>>("settled")?.map(Timestamp::from_micros),
        problem: row.get("problem")?,
    })
}
