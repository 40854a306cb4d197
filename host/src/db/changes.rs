//! Which jobs have changed, in an order that a reader can go on in.
//!
//! Triggers give every change of a job that a client can see a number on one rising scale, whoever makes it; a job has the
//! number of its last change. A reader that asks for what came after the last number it saw misses no job, however
//! transactions overlap: the migration says how.

use tokio::sync::futures::Notified;

use super::arg::args;
use super::jobs::{job_columns, read_job};
use super::session::Row;
use super::{Db, DbError, Durability, Pools, Result};
use crate::model::{Change, Job, JobId};

pub(super) const CHANGES_SQLITE: &str = concat!(
    "SELECT change, ",
    job_columns!(),
    " FROM job_changes JOIN jobs ON id = job_id WHERE change > $1 ORDER BY change LIMIT $2"
);

/// Numbers below those of all transactions that still run are final.
macro_rules! final_below {
    () => {
        "(SELECT base + CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) FROM job_change_base)"
    };
}

pub(super) const CHANGES_POSTGRES: &str = concat!(
    "SELECT change, ",
    job_columns!(),
    " FROM job_changes JOIN jobs ON id = job_id WHERE change > $1 AND change < ",
    final_below!(),
    " ORDER BY change FETCH FIRST ($2) ROWS WITH TIES"
);

impl Db {
    /// The number up to which everything has been seen by a reader who wants nothing but what comes.
    pub async fn newest_change(&self) -> Result<Change> {
        let sql = match self.pools {
            Pools::Sqlite { .. } => "SELECT COALESCE(MAX(change), 0) AS change FROM job_changes",
            Pools::Postgres(_) => concat!("SELECT ", final_below!(), " - 1 AS change"),
        };
        let row = self.read().await?.row(sql, &[]).await?.ok_or(DbError::Other(sqlx::Error::RowNotFound))?;
        Ok(Change::new(row.get("change")?))
    }

    /// Jobs that have changed since, each once, in the order of their last changes. Jobs that one transaction has changed
    /// have one number: all of them are in the answer or none, so that it may be a few more than `limit`.
    pub async fn changes_after(&self, after: Change, limit: u32) -> Result<Vec<(Change, Job)>> {
        let sql = match self.pools {
            Pools::Sqlite { .. } => CHANGES_SQLITE,
            Pools::Postgres(_) => CHANGES_POSTGRES,
        };
        self.read().await?.rows(sql, args![after, i64::from(limit)]).await?.iter().map(read_change).collect()
    }

    /// A job with the number of its last change: 0 where it has not changed since changes are counted.
    pub async fn job_and_change(&self, id: JobId) -> Result<Option<(Change, Job)>> {
        let sql = concat!(
            "SELECT COALESCE(change, 0) AS change, ",
            job_columns!(),
            " FROM jobs LEFT JOIN job_changes ON id = job_id WHERE id = $1"
        );
        self.read().await?.row(sql, args![id]).await?.as_ref().map(read_change).transpose()
    }

    /// Comes true when this process has written since it was asked for the last time. Others write as well.
    pub fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// A database that was put back into another server has numbers that this one's transactions have yet to reach: from
    /// here on they count from there.
    pub(super) async fn count_changes_on(&self) -> Result<()> {
        let Pools::Postgres(_) = self.pools else { return Ok(()) };
        let mut session = self.begin(Durability::Durable).await?;
        session
            .execute(
                "UPDATE job_change_base SET base = last FROM (SELECT MAX(change) AS last FROM job_changes) AS known
                 WHERE last >= base + CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)",
                &[],
            )
            .await?;
        session.commit().await
    }
}

fn read_change(row: &Row) -> Result<(Change, Job)> {
    Ok((Change::new(row.get("change")?), read_job(row)?))
}
