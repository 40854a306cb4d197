//! Ids of jobs and files.

mod pacifica;

use async_trait::async_trait;

use super::SeamError;
use crate::db::{Db, IdMode};
use crate::model::{FileId, JobId};

pub(crate) use pacifica::UniqueIds;

/// Where ids come from. A Pacifica site has a service for them.
#[async_trait]
pub trait Ids: Send + Sync {
    /// An id that no job has.
    async fn job(&self) -> Result<JobId, SeamError>;

    /// Whether the database counts them, so that a job's record is made with its id in one go, and its files get theirs when it is
    /// received.
    fn come_with_jobs(&self) -> bool {
        false
    }

    /// The ids of a job's files, in order. Asked again for as many, it answers the same; `again` is false where nobody can
    /// have asked before.
    async fn files(&self, job: JobId, count: u64, again: bool) -> Result<Vec<FileId>, SeamError>;
}

/// Ids from the gate's own database.
#[derive(Clone)]
pub struct TableIds(pub Db);

#[async_trait]
impl Ids for TableIds {
    async fn job(&self) -> Result<JobId, SeamError> {
        Ok(JobId::new(self.0.take_ids(IdMode::Job, 1).await?.start))
    }

    fn come_with_jobs(&self) -> bool {
        true
    }

    async fn files(&self, job: JobId, count: u64, again: bool) -> Result<Vec<FileId>, SeamError> {
        Ok(self.0.give_file_ids(job, count, again).await?)
    }
}
