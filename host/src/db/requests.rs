//! The keys by which clients name their requests: the same key of the same user is the same job.

use super::arg::{args, indexed};
use super::jobs::{NewJob, insert_job, job_columns, read_job};
use super::{Db, DbError, Durability, Result};
use crate::model::{Job, JobId};

/// What became of a request that has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is the first of its key, and its job was made.
    Now,
    /// It was made before: this is its job.
    Before(JobId),
}

impl Db {
    /// The job that a key stands for; none where it is free. Free is also the key of a job whose bytes were lost on
    /// their way: it did nothing, and its client is right to try again.
    pub async fn job_of_key(&self, user: &str, key: &str) -> Result<Option<Job>> {
        // In one statement, so that no job is answered that was lost a moment ago.
        let sql = concat!(
            "SELECT ",
            job_columns!(),
            " FROM jobs WHERE id = (SELECT job_id FROM idempotency_keys WHERE user_name = $1 AND key = $2)
                 AND NOT (stage = 'done' AND received IS NULL)"
        );
        self.read().await?.row(sql, args![indexed(user), indexed(key)]).await?.as_ref().map(read_job).transpose()
    }

    /// Makes the record of a job under a key, unless the key stands for one already. Of two requests that come at the
    /// same time, one makes it.
    pub async fn create_job_once(&self, id: JobId, new: NewJob<'_>, key: &str) -> Result<Created> {
        let (user, key) = (indexed(new.user), indexed(key));
        let mut session = self.begin(Durability::Relaxed).await?;
        session
            .execute(
                "DELETE FROM idempotency_keys WHERE user_name = $1 AND key = $2 AND EXISTS
                     (SELECT 1 FROM jobs WHERE id = job_id AND stage = 'done' AND received IS NULL)",
                args![user, key],
            )
            .await?;
        let made = session
            .execute(
                "INSERT INTO idempotency_keys (user_name, key, job_id, created) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (user_name, key) DO NOTHING",
                args![user, key, id, new.now],
            )
            .await?;
        if made == 0 {
            let sql = "SELECT job_id FROM idempotency_keys WHERE user_name = $1 AND key = $2";
            let row = session.row(sql, args![user, key]).await?.ok_or(DbError::Other(sqlx::Error::RowNotFound))?;
            return Ok(Created::Before(JobId::new(row.get("job_id")?)));
        }
        insert_job(&mut session, id, new).await?;
        session.commit().await?;
        Ok(Created::Now)
    }
}
