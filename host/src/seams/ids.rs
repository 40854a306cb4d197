//! Ids of jobs and files.

use async_trait::async_trait;

use super::SeamError;
use crate::db::{Db, IdMode};
use crate::model::JobId;

/// Where the ids of jobs come from. A Pacifica site has a service for them.
#[async_trait]
pub trait Ids: Send + Sync {
    /// An id that no job has.
    async fn job(&self) -> Result<JobId, SeamError>;
}

/// Ids from the gate's own database.
#[derive(Clone)]
pub struct TableIds(pub Db);

#[async_trait]
impl Ids for TableIds {
    async fn job(&self) -> Result<JobId, SeamError> {
        Ok(JobId::new(self.0.take_ids(IdMode::Job, 1).await?.start))
    }
}
