//! Uploads in parts to a store of objects: on record from before their first part until they are over.

use super::arg::args;
use super::{Db, Durability, Result};
use crate::model::{JobId, Timestamp};

impl Db {
    /// Records that a job has begun an upload. Durable.
    pub async fn upload_begun(&self, job: JobId, path: &str, upload: &str, now: Timestamp) -> Result<()> {
        let mut session = self.begin(Durability::Durable).await?;
        let sql = "INSERT INTO store_uploads (job_id, path, upload_id, begun) VALUES ($1, $2, $3, $4)";
        session.execute(sql, args![job, path, upload, now]).await?;
        session.commit().await
    }

    /// Forgets an upload that was completed or given up.
    pub async fn upload_ended(&self, job: JobId, upload: &str) -> Result<()> {
        let sql = "DELETE FROM store_uploads WHERE job_id = $1 AND upload_id = $2";
        self.write().await?.execute(sql, args![job, upload]).await?;
        Ok(())
    }

    /// The paths and the ids of the uploads that are on record of a job.
    pub async fn uploads_of(&self, job: JobId) -> Result<Vec<(String, String)>> {
        let sql = "SELECT path, upload_id FROM store_uploads WHERE job_id = $1 ORDER BY begun";
        let rows = self.read().await?.rows(sql, args![job]).await?;
        rows.iter().map(|row| Ok((row.get("path")?, row.get("upload_id")?))).collect()
    }

    /// Jobs that ended before this moment and have uploads on record.
    pub async fn ended_with_uploads(&self, before: Timestamp) -> Result<Vec<JobId>> {
        let sql = "SELECT id FROM jobs WHERE id IN (SELECT job_id FROM store_uploads)
                   AND stage = 'done' AND updated < $1 ORDER BY id";
        let rows = self.read().await?.rows(sql, args![before]).await?;
        rows.iter().map(|row| Ok(JobId::new(row.get("id")?))).collect()
    }
}
