//! What the rules said of each job.

use super::arg::args;
use super::{Db, DbError, Durability, Result};
use crate::model::{JobId, Report, Timestamp};

impl Db {
    /// Records a job's report in the place of any earlier one. Only for who holds the job's lease.
    pub async fn put_report(&self, report: &Report, epoch: i64, now: Timestamp) -> Result<()> {
        let document = serde_json::to_string(report).expect("a report is always JSON");
        let mut session = self.begin(Durability::Relaxed).await?;
        // This also holds the job's row, so that nobody takes the job up before the report is written.
        let touched = session
            .execute(
                "UPDATE jobs SET revision = $3 WHERE id = $1 AND lease_epoch = $2 AND stage = 'running'",
                args![report.job_id, epoch, report.revision],
            )
            .await?;
        if touched == 0 {
            return Err(DbError::LeaseLost(report.job_id));
        }
        session
            .execute(
                "INSERT INTO reports (job_id, revision, accepted, recorded, document) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (job_id) DO UPDATE SET revision = excluded.revision, accepted = excluded.accepted,
                     recorded = excluded.recorded, document = excluded.document",
                args![report.job_id, report.revision, i64::from(report.accepted), now, &document],
            )
            .await?;
        session.commit().await
    }

    /// The newest reports, by the ids of their jobs, as JSON.
    pub async fn newest_reports(&self, limit: u32) -> Result<Vec<String>> {
        let sql = "SELECT document FROM reports ORDER BY job_id DESC LIMIT $1";
        let rows = self.read().await?.rows(sql, args![i64::from(limit)]).await?;
        rows.iter().map(|row| row.get("document")).collect()
    }

    /// A job's report, as JSON.
    pub async fn get_report(&self, job: JobId) -> Result<Option<String>> {
        let row = self.read().await?.row("SELECT document FROM reports WHERE job_id = $1", args![job]).await?;
        row.map(|row| row.get("document")).transpose()
    }
}
