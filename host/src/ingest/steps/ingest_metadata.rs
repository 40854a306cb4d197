//! `ingest metadata`: the transaction is recorded, the last thing that a job has to do.

use super::{Run, StepError, blocking};
use crate::failpoint::{self, Point};
use crate::seams::metadata::Transaction;

impl Run<'_> {
    /// Records the metadata.
    pub(in crate::ingest) async fn ingest_metadata(&mut self) -> Result<(), StepError> {
        let loaded = self.loaded()?.clone();
        let job = &self.claim.job;
        let transaction = Transaction {
            job: job.id,
            user: job.user.clone(),
            received: job.created,
            document: loaded.document,
            file_ids: loaded.file_ids,
            again: self.came_to_metadata,
        };
        // Nothing can have been recorded of a job that is worked on for the first time.
        if self.is_first() && self.originals.is_empty() && self.pipeline.metadata.may_wait(&transaction)? {
            self.unrecorded = Some(transaction);
            return Ok(());
        }
        self.pipeline.metadata.put(&transaction).await?;
        failpoint::pass(Point::MetadataRecorded);
        self.remove_originals().await;
        Ok(())
    }

    /// Removes the files of a move that the archive has copies of: only now can nothing send them back any more. One that
    /// cannot be removed is no reason to fail: all that was asked for is done.
    async fn remove_originals(&mut self) {
        let (originals, job) = (std::mem::take(&mut self.originals), self.id());
        if originals.is_empty() {
            return;
        }
        let removing = blocking(move || {
            for original in originals {
                if let Err(error) = original.remove() {
                    let path = original.path().display();
                    tracing::error!(%job, %path, %error, "a file is in the archive and cannot be removed from where it was");
                }
            }
        });
        drop(removing.await);
    }
}
