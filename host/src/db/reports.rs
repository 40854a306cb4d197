//! What the rules said of each job.

use super::arg::{Arg, args};
use super::{Db, DbError, Pools, Result};
use crate::model::{JobId, Report, Timestamp};

/// A report of a job that is held under this epoch.
macro_rules! put_sql {
    ($lock:literal) => {
        concat!(
            "INSERT INTO reports (job_id, revision, accepted, recorded, document)
             SELECT $1, $3, $4, $5, $6 FROM jobs WHERE id = $1 AND lease_epoch = $2 AND stage = 'running' ",
            $lock,
            " ON CONFLICT (job_id) DO UPDATE SET revision = excluded.revision, accepted = excluded.accepted,
                 recorded = excluded.recorded, document = excluded.document"
        )
    };
}

impl Db {
    /// The statement that records a report, for its values. It touches no row where the job is held under another epoch.
    pub(super) fn report_statement(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => put_sql!(""),
            // The job's row is held, so that nobody takes the job up before the report is written.
            Pools::Postgres(_) => put_sql!("FOR UPDATE"),
        }
    }

    /// Records a job's report in the place of any earlier one. Only for who holds the job's lease.
    pub async fn put_report(&self, report: &Report, epoch: i64, now: Timestamp) -> Result<()> {
        let document = report_text(report);
        let args = report_args(report, epoch, now, &document);
        let touched = self.write().await?.execute(self.report_statement(), &args).await?;
        if touched == 0 { Err(DbError::LeaseLost(report.job_id)) } else { Ok(()) }
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

/// A report as its column holds it.
pub(super) fn report_text(report: &Report) -> String {
    serde_json::to_string(report).expect("a report is always JSON")
}

pub(super) fn report_args<'a>(report: &Report, epoch: i64, now: Timestamp, document: &'a str) -> Vec<Arg<'a>> {
    args![report.job_id, epoch, report.revision, i64::from(report.accepted), now, document].to_vec()
}
