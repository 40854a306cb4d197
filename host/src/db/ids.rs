//! Ids of jobs and files, counted from 1 each, and the ids that the files of a job were given.

use std::ops::Range;

use super::arg::{Arg, args, whole};
use super::session::Row;
use super::{Db, DbError, Durability, Pools, Result};
use crate::model::{FileId, JobId};

/// Records the ids that were taken for a job which has none.
pub(super) const KEEP_FIRST: &str = "INSERT INTO job_file_ids (job_id, first_id, count) VALUES ($1, $2, $3)";

/// Records the ids that were taken for a job. One with another number of files was given another document, so its old ids
/// mean nothing any more.
pub(super) const KEEP: &str = "INSERT INTO job_file_ids (job_id, first_id, count) VALUES ($1, $2, $3)
     ON CONFLICT (job_id) DO UPDATE SET
         first_id = CASE WHEN job_file_ids.count = excluded.count
                    THEN job_file_ids.first_id ELSE excluded.first_id END,
         count = excluded.count
     RETURNING first_id, count";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdMode {
    /// Jobs, which are transactions.
    Job,
    /// Files.
    File,
}

impl IdMode {
    /// The name in the database.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::File => "file",
        }
    }
}

impl Db {
    /// Takes the next `count` ids. No two callers ever get the same one.
    pub async fn take_ids(&self, mode: IdMode, count: u64) -> Result<Range<i64>> {
        let count = whole(count);
        let mut session = self.begin_one(self.of_ids()).await?;
        let row = session
            .row("UPDATE ids SET next = next + $2 WHERE mode = $1 RETURNING next", args![mode.name(), count])
            .await?
            .ok_or(DbError::Other(sqlx::Error::RowNotFound))?;
        let next: i64 = row.get("next")?;
        session.commit().await?;
        Ok(next - count..next)
    }

    /// A PostgreSQL that crashes may lose its last relaxed commits while this process lives on with the ids, and would give
    /// them out again. What takes SQLite down takes us down as well.
    pub(super) fn of_ids(&self) -> Durability {
        if matches!(self.pools, Pools::Postgres(_)) { Durability::Durable } else { Durability::Relaxed }
    }

    /// Lets ids be counted on above this one, which came from elsewhere.
    pub async fn count_above(&self, mode: IdMode, id: i64) -> Result<()> {
        let raise = "UPDATE ids SET next = $2 WHERE mode = $1 AND next < $2";
        self.write().await?.execute(raise, args![mode.name(), id.saturating_add(1)]).await?;
        Ok(())
    }

    /// Records ids that were taken for the files of a job, here or elsewhere. The job's ids are what this returns: where
    /// it has as many already, those.
    pub async fn keep_file_ids(&self, job: JobId, taken: Range<i64>) -> Result<Vec<FileId>> {
        let row = self.write().await?.row(KEEP, &ids_args(job, &taken)).await?;
        read_ids(row.as_ref())
    }

    /// The ids that the files of a job were given; none where they have not been.
    pub async fn file_ids(&self, job: JobId) -> Result<Option<Vec<FileId>>> {
        let row =
            self.read().await?.row("SELECT first_id, count FROM job_file_ids WHERE job_id = $1", args![job]).await?;
        row.map(|row| read_ids(Some(&row))).transpose()
    }
}

/// The values of [`KEEP`] and of [`KEEP_FIRST`].
pub(super) fn ids_args(job: JobId, taken: &Range<i64>) -> [Arg<'static>; 3] {
    [job.into(), taken.start.into(), (taken.end - taken.start).into()]
}

pub(super) fn read_ids(row: Option<&Row>) -> Result<Vec<FileId>> {
    let row = row.ok_or(DbError::Other(sqlx::Error::RowNotFound))?;
    let (first, count): (i64, i64) = (row.get("first_id")?, row.get("count")?);
    Ok(listed(first..first + count))
}

pub(super) fn listed(ids: Range<i64>) -> Vec<FileId> {
    ids.map(FileId::new).collect()
}
