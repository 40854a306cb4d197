//! Ids of jobs and files.

mod pacifica;
mod table;

use std::ops::Range;

use async_trait::async_trait;

use super::SeamError;
use crate::db::Db;
use crate::model::{FileId, JobId};

pub(crate) use pacifica::UniqueIds;
pub use table::TableIds;

/// Where ids come from. A Pacifica site has a service for them.
#[async_trait]
pub trait Ids: Send + Sync {
    /// An id that no job has.
    async fn job(&self) -> Result<JobId, SeamError>;

    /// An id that was given out is some job's already, and so may be others that are at hand.
    async fn was_taken(&self) {}

    /// Ids for so many files of a job that is just being recorded; none where they cost more than to be asked for when it is
    /// known how many it takes.
    async fn at_hand(&self, _files: u64) -> Option<Range<i64>> {
        None
    }

    /// The ids of a job's files, in order. Asked again for as many, it answers the same; `again` is false where nobody can
    /// have asked before.
    async fn files(&self, job: JobId, count: u64, again: bool) -> Result<Vec<FileId>, SeamError>;
}

/// The ids that a job's files have already, or else those that are taken now.
async fn kept(
    db: &Db,
    job: JobId,
    count: u64,
    again: bool,
    take: impl Future<Output = Result<Range<i64>, SeamError>>,
) -> Result<Vec<FileId>, SeamError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if again
        && let Some(known) = db.file_ids(job).await?
        && known.len() as u64 == count
    {
        return Ok(known);
    }
    Ok(db.keep_file_ids(job, take.await?).await?)
}
