//! What is forgotten after its time. In small batches, each a transaction of its own, so that nobody waits for long; the same
//! may be asked for by several processes at once.

use super::arg::{Arg, args, numbers};
use super::session::Statement;
use super::{Db, Durability, Result};
use crate::model::{JobId, Timestamp};

/// Reports of jobs that have not ended are still to be read.
pub(super) const OLD_REPORTS: &str = "SELECT job_id FROM reports WHERE recorded < $1
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = job_id AND stage <> 'done')
     ORDER BY recorded LIMIT $2";
pub(super) const OLD_EVENTS: &str = "SELECT number FROM outbox WHERE settled < $1 ORDER BY settled LIMIT $2";
pub(super) const OLD_KEYS: &str =
    "SELECT user_name, key FROM idempotency_keys WHERE created < $1 ORDER BY created LIMIT $2";
/// In the order of ids, which is that of their making: no index over moments is needed, which every update of a job would
/// have to keep.
pub(super) const JOBS_FROM: &str = "SELECT id, stage, created, updated FROM jobs WHERE id > $1 ORDER BY id LIMIT $2";

/// How far a walk through the oldest jobs has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Jobs that are gone.
    pub jobs: u64,
    /// Where to go on; none where all that follow are younger.
    pub next: Option<JobId>,
}

impl Db {
    /// Forgets reports that were written before this moment, at most so many. Their jobs stay.
    pub async fn forget_reports(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let text = format!("DELETE FROM reports WHERE job_id IN ({OLD_REPORTS})");
        self.forget(text, before, limit).await
    }

    /// Forgets events that were delivered or given up before this moment, at most so many.
    pub async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u64> {
        self.forget(format!("DELETE FROM outbox WHERE number IN ({OLD_EVENTS})"), before, limit).await
    }

    /// Forgets keys of requests that are older than this, at most so many.
    pub async fn forget_keys(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let text = format!("DELETE FROM idempotency_keys WHERE (user_name, key) IN ({OLD_KEYS})");
        self.forget(text, before, limit).await
    }

    async fn forget(&self, text: String, before: Timestamp, limit: u32) -> Result<u64> {
        self.write().await?.execute(Statement::built(text, true), args![before, i64::from(limit)]).await
    }

    /// Looks through so many jobs after `after`, the oldest first, and forgets those that ended before this moment: the
    /// record, the report, the number of the last change. What was archived of a job, and its metadata, stay. So does a job
    /// that the archive or a store of objects has open business with, and the one that changed last: changes are counted on
    /// from its number.
    pub async fn forget_jobs(&self, before: Timestamp, after: Option<JobId>, limit: u32) -> Result<Forgotten> {
        let after = after.map_or(i64::MIN, JobId::get);
        let rows = self.read().await?.rows(JOBS_FROM, args![after, i64::from(limit)]).await?;
        let (mut old, mut last, mut all_younger) = (Vec::new(), None, true);
        for row in &rows {
            let id = JobId::new(row.get("id")?);
            let (created, updated) = (row.get::<i64>("created")?, row.get::<i64>("updated")?);
            if row.get::<String>("stage")? == "done" && updated < before.as_micros() {
                old.push(id);
            }
            all_younger &= created >= before.as_micros();
            last = Some(id);
        }
        let full = rows.len() == limit as usize;
        let next = last.filter(|_| full && !all_younger);
        let mut jobs = 0;
        if !old.is_empty() {
            let mut session = self.begin(Durability::Relaxed).await?;
            let mut args = vec![Arg::from(before)];
            args.extend(old.iter().map(|id| Arg::from(*id)));
            // Asked again here: a job may have been taken up anew since it was read.
            let text = format!(
                "DELETE FROM jobs WHERE stage = 'done' AND updated < $1 AND id IN ({})
                     AND NOT EXISTS (SELECT 1 FROM archive_files WHERE job_id = jobs.id AND archived_at IS NULL)
                     AND NOT EXISTS (SELECT 1 FROM store_uploads WHERE job_id = jobs.id)
                     AND NOT EXISTS (SELECT 1 FROM job_changes WHERE job_id = jobs.id
                         AND change = (SELECT MAX(change) FROM job_changes))
                 RETURNING id",
                numbers(2, old.len())
            );
            let gone = session.rows(Statement::built(text, false), &args).await?;
            let gone: Vec<_> = gone.iter().map(|row| Ok(Arg::from(row.get::<i64>("id")?))).collect::<Result<_>>()?;
            jobs = gone.len() as u64;
            if !gone.is_empty() {
                for table in ["reports", "job_changes", "job_file_ids"] {
                    let text = format!("DELETE FROM {table} WHERE job_id IN ({})", numbers(1, gone.len()));
                    session.execute(Statement::built(text, false), &gone).await?;
                }
            }
            session.commit().await?;
        }
        Ok(Forgotten { jobs, next })
    }
}
