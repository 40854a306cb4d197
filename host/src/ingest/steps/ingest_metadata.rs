//! `ingest metadata`: the transaction is recorded, which ends the job.

use super::{Run, StepError};
use crate::model::Timestamp;
use crate::seams::metadata::Transaction;

impl Run<'_> {
    /// Records the metadata, and that the files are in the archive for good.
    pub(in crate::ingest) async fn ingest_metadata(&mut self) -> Result<(), StepError> {
        let loaded = self.loaded()?.clone();
        let job = &self.claim.job;
        let transaction = Transaction {
            job: job.id,
            user: job.user.clone(),
            received: job.created,
            document: loaded.document,
            file_ids: loaded.file_ids,
        };
        self.pipeline.metadata.put(&transaction).await?;
        self.pipeline.db.mark_job_archived(self.id(), Timestamp::now()).await?;
        Ok(())
    }
}
