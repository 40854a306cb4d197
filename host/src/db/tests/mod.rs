//! Every test runs on SQLite and on PostgreSQL, on an empty database of its own.

mod archive;
mod batch;
mod changes;
mod ids;
mod jobs;
mod leases;
mod metadata;
mod migrate;
mod outbox;
mod plans;
mod policy;
mod postgres;
mod requests;
mod retention;
mod sessions;
mod tables;

use std::sync::Arc;

use tempfile::TempDir;

use super::{Advance, Arrival, Claim, Db, Finish, NewJob, Result};
use crate::config::DatabaseUrl;
use crate::model::{Job, JobId, JobKind, Report, Revision, State, StepRecord, Task, Timestamp};

/// A database of a test, gone with this value.
#[derive(Clone)]
struct Place {
    url: DatabaseUrl,
    _kept: Kept,
}

#[derive(Clone)]
#[allow(dead_code, reason = "held for the sake of being dropped last")]
enum Kept {
    Folder(Arc<TempDir>),
    Database(Arc<postgres::Database>),
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("data").join("sluice.db"));
        Self { url, _kept: Kept::Folder(Arc::new(folder)) }
    }

    async fn postgres() -> Option<Self> {
        let database = postgres::Database::create().await?;
        let url = DatabaseUrl::Postgres(database.url().to_owned());
        Some(Self { url, _kept: Kept::Database(Arc::new(database)) })
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.url, DatabaseUrl::Sqlite(_))
    }

    /// Connections of their own, as another process has them.
    async fn open(&self) -> Db {
        Db::open(&self.url, true).await.unwrap()
    }

    /// The same, with all tables.
    async fn db(&self) -> Db {
        let db = self.open().await;
        db.sync(at(0)).await.unwrap();
        db
    }
}

/// Makes two tests of each function: one for each kind of database.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($place:ident) $body:block)*) => {
        $(mod $name {
            use super::*;

            $(#[$doc])*
            async fn body($place: crate::db::tests::Place) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                body(crate::db::tests::Place::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(place) = crate::db::tests::Place::postgres().await {
                    body(place).await;
                }
            }
        })*
    };
}
use on_both;

/// So many seconds after a start.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

/// A job that is being received by `http`, its lease good until second 30.
async fn receiving(db: &Db, id: i64) -> JobId {
    let id = JobId::new(id);
    let new = NewJob { kind: JobKind::Upload, user: "ada", owner: "http", now: at(0), lease_until: at(30) };
    db.create_job(id, new).await.unwrap();
    id
}

/// Records that a job's bytes have arrived, on the disk.
async fn took(db: &Db, id: JobId, owner: &str, now: Timestamp, bytes: u64, files: u64) -> Result<Job> {
    let arrival = Arrival { owner, now, bytes, files, file_ids: None, lease_until: None };
    let (job, _, unflushed) = db.job_received(id, arrival).await?;
    unflushed.flush().await?;
    Ok(job)
}

/// A job that waits since second 1.
async fn waiting(db: &Db, id: i64) -> JobId {
    let id = receiving(db, id).await;
    took(db, id, "http", at(1), 10, 2).await.unwrap();
    id
}

/// A job that `worker` took up in second 2, its lease good until second 60.
async fn running(db: &Db, id: i64) -> (JobId, Claim) {
    let id = waiting(db, id).await;
    (id, db.claim(id, "worker", at(2), at(60)).await.unwrap().expect("a claim"))
}

/// An end in the last task.
fn end(state: State) -> Finish<'static> {
    let (task, revision) = (Task::IngestMetadata, Some(Revision::new(3)));
    Finish { state, task, percent: 100.0, exception: "", steps: &[], revision, facts: None }
}

/// A report that accepts.
fn report(job: JobId, revision: i64) -> Report {
    Report { job_id: job, revision: Revision::new(revision), accepted: true, rules: Vec::new() }
}

/// That a worker has come to a task, and nothing more.
fn to(task: Task, steps: &[StepRecord]) -> Advance<'_> {
    Advance { task, steps, revision: None, facts: None }
}
