//! What an operator does with a job by hand.

use super::Intake;
use crate::db::{Cancelled, DbError, Retried};
use crate::model::{JobId, Timestamp};

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// There is no such job.
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    /// The job does not stand where it would have to.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Intake {
    /// Lets a failed job wait for a worker again, and wakes one.
    pub async fn retry(&self, id: JobId, by: &str) -> Result<(), OrderError> {
        let job = self.db.get_job(id).await?.ok_or(OrderError::NoSuchJob(id))?;
        match self.db.retry_job(id, Timestamp::now()).await? {
            Retried::Waiting => {}
            Retried::NotFailed => {
                let why = format!("job {id} has not failed, so there is nothing to try again");
                return Err(OrderError::Refused(why));
            }
            Retried::NotReceived => {
                let why = format!("the bytes of job {id} never arrived whole; the uploader has to send them again");
                return Err(OrderError::Refused(why));
            }
            Retried::NoSuchJob => return Err(OrderError::NoSuchJob(id)),
        }
        tracing::info!(job = %id, by, "a failed job is tried again");
        self.wake.wake(id, job.kind).await;
        Ok(())
    }

    /// Ends a job as failed. A worker that has it stops at its next step; the uploader is told the reason.
    pub async fn cancel(&self, id: JobId, by: &str, reason: Option<&str>) -> Result<(), OrderError> {
        let reason = reason.map_or_else(|| format!("Cancelled by {by}"), str::to_owned);
        match self.db.cancel_job(id, Timestamp::now(), &reason).await? {
            Cancelled::Now => {}
            Cancelled::AlreadyDone => return Err(OrderError::Refused(format!("job {id} had ended before"))),
            Cancelled::NoSuchJob => return Err(OrderError::NoSuchJob(id)),
        }
        tracing::info!(job = %id, by, "a job was cancelled");
        Ok(())
    }
}
