//! Ids from the gate's own database, some at a time while they are used up quickly.
//!
//! What has been taken and not used when the program ends is a gap. While nobody is in a hurry, ids are taken one by one, and
//! there is none.

use std::ops::Range;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{Ids, SeamError, kept};
use crate::db::{Db, DbError, IdMode};
use crate::model::{FileId, JobId};

/// Ids that are taken at once, at the most.
const MOST: u64 = 64;
/// Who comes back so soon takes more at once, and who does not takes one.
const SOON: Duration = Duration::from_secs(1);

/// Ids from the gate's own database.
pub struct TableIds {
    db: Db,
    jobs: Mutex<Block>,
    files: Mutex<Block>,
}

impl TableIds {
    /// Ids that are counted in this database.
    pub fn new(db: Db) -> Self {
        let block = |mode| Mutex::new(Block { mode, left: 0..0, size: 0, taken: None });
        Self { db, jobs: block(IdMode::Job), files: block(IdMode::File) }
    }

    async fn take_files(&self, count: u64) -> Result<Range<i64>, DbError> {
        self.files.lock().await.take(&self.db, count).await
    }
}

#[async_trait]
impl Ids for TableIds {
    async fn job(&self) -> Result<JobId, SeamError> {
        Ok(JobId::new(self.jobs.lock().await.take(&self.db, 1).await?.start))
    }

    async fn was_taken(&self) {
        // Whoever brings jobs from elsewhere has the database count on above them.
        self.jobs.lock().await.left = 0..0;
    }

    async fn at_hand(&self, files: u64) -> Option<Range<i64>> {
        // Where the database fails, whoever asks next is told.
        if files == 0 { None } else { self.take_files(files).await.ok() }
    }

    async fn files(&self, job: JobId, count: u64, again: bool) -> Result<Vec<FileId>, SeamError> {
        kept(&self.db, job, count, again, async { Ok(self.take_files(count).await?) }).await
    }
}

/// Ids that are this process's.
struct Block {
    mode: IdMode,
    left: Range<i64>,
    /// How many were asked for, and when.
    size: u64,
    taken: Option<Instant>,
}

impl Block {
    /// So many ids, one after the other.
    async fn take(&mut self, db: &Db, count: u64) -> Result<Range<i64>, DbError> {
        let count_of = |ids: &Range<i64>| (ids.end - ids.start).unsigned_abs();
        if count_of(&self.left) < count {
            let now = Instant::now();
            let soon = self.taken.is_some_and(|taken| now.duration_since(taken) < SOON);
            let size = if soon { (self.size * 2).clamp(1, MOST) } else { 1 };
            let new = db.take_ids(self.mode, size.max(count)).await?;
            // Those before are left out where others have taken some since.
            self.left = if new.start == self.left.end { self.left.start..new.end } else { new };
            (self.size, self.taken) = (size, Some(now));
        }
        let start = self.left.start;
        self.left.start += i64::try_from(count).unwrap_or(i64::MAX);
        Ok(start..self.left.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DatabaseUrl;
    use crate::model::Timestamp;

    async fn db(folder: &tempfile::TempDir) -> Db {
        let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("sluice.db")), true).await.unwrap();
        db.sync(Timestamp::now()).await.unwrap();
        db
    }

    #[tokio::test]
    async fn ids_follow_each_other_and_nobody_else_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(&folder).await;
        let ids = TableIds::new(db.clone());
        for wanted in 1..=100 {
            assert_eq!(ids.job().await.unwrap(), JobId::new(wanted));
        }
        let elsewhere = db.take_ids(IdMode::Job, 1).await.unwrap();
        assert!(elsewhere.start > 100 && elsewhere.start <= 1 + 100 + 64, "{elsewhere:?}");
        // Jobs that came from elsewhere are counted on above, and what was at hand is let go.
        db.count_above(IdMode::Job, 500).await.unwrap();
        ids.was_taken().await;
        assert_eq!(ids.job().await.unwrap(), JobId::new(501));
        let mut last = 501;
        for _ in 0..100 {
            let id = ids.job().await.unwrap().get();
            assert!(id > last && id != elsewhere.start, "{id} after {last}");
            last = id;
        }
    }

    #[tokio::test]
    async fn the_files_of_a_job_have_ids_in_a_row_however_many_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let ids = TableIds::new(db(&folder).await);
        let mut next = 1;
        for count in [1, 3, 200, 5, 1, 70] {
            let taken = ids.at_hand(count).await.unwrap();
            assert_eq!((taken.start, taken.end - taken.start), (next, count as i64));
            next = taken.end;
        }
        assert_eq!(ids.at_hand(0).await, None);
        let job = JobId::new(1);
        let given = ids.files(job, 2, false).await.unwrap();
        assert_eq!(given, [FileId::new(next), FileId::new(next + 1)]);
        assert_eq!(ids.files(job, 2, true).await.unwrap(), given);
        assert_eq!(ids.files(job, 0, false).await.unwrap(), []);
    }

    #[tokio::test]
    async fn who_takes_one_now_and_then_leaves_no_gap() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(&folder).await;
        let mut block = Block { mode: IdMode::Job, left: 0..0, size: 0, taken: None };
        for wanted in 1..10 {
            assert_eq!(block.take(&db, 1).await.unwrap(), wanted..wanted + 1);
            block.taken = Instant::now().checked_sub(SOON);
        }
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 10..11);
    }
}
