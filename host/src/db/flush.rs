//! Durable commits of SQLite, many with one flush.
//!
//! A commit with `synchronous=NORMAL` is in the write-ahead log but maybe not on the disk. With `FULL`, SQLite would
//! flush the log inside of every commit and keep the writer waiting. Here the commit is over first, and then the log is
//! flushed from outside; all commits that are over when a flush begins are made durable by it. A commit is visible to
//! others a moment before it is durable, which matters to nobody: whoever saw it loses it together with what he made
//! of it.
//!
//! This relies on what SQLite documents of the WAL mode: a commit is its frames in the log file, frames reach the
//! database file only after the log was flushed, and the log is begun anew only after the database file was.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::error::{DbError, Result};
use crate::failpoint::{self, Point};

/// Flushes one database's log.
#[derive(Clone)]
pub(super) struct Flush(Arc<Shared>);

/// A commit that is maybe not on the disk yet. Others may see it, and build on it: what they make durable comes after it.
#[must_use = "it is durable only when it has been flushed"]
#[derive(Default)]
pub struct Unflushed(Option<Flush>);

impl fmt::Debug for Unflushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unflushed").finish_non_exhaustive()
    }
}

impl Unflushed {
    pub(super) fn by(flush: Flush) -> Self {
        Self(Some(flush))
    }

    /// Returns when it is on the disk.
    pub async fn flush(self) -> Result<()> {
        match self.0 {
            Some(flush) => flush.flush().await,
            None => Ok(()),
        }
    }
}

struct Shared {
    log: PathBuf,
    /// One flush at a time; who waits for it mostly finds his commit flushed.
    turn: Mutex<()>,
    asked: AtomicU64,
    flushed: AtomicU64,
    flushes: AtomicU64,
    broken: AtomicBool,
}

impl Flush {
    pub(super) fn of(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self(Arc::new(Shared {
            log: log.into(),
            turn: Mutex::new(()),
            asked: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        }))
    }

    /// Returns when every commit that was over before the call is on the disk.
    pub(super) async fn flush(&self) -> Result<()> {
        let shared = &self.0;
        let mine = shared.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let _turn = shared.turn.lock().await;
        if shared.flushed.load(Ordering::SeqCst) >= mine {
            return Ok(());
        }
        // After a failed flush the kernel may have dropped the pages, and the next flush would succeed all the same.
        if shared.broken.load(Ordering::SeqCst) {
            return Err(unavailable(io::Error::other(
                "an earlier flush to the disk failed, so what is on it is not known; check the disk and start again",
            )));
        }
        let covered = shared.asked.load(Ordering::SeqCst);
        let shared = self.0.clone();
        // What came of it is noted there and not here, where the caller may have gone away.
        tokio::task::spawn_blocking(move || shared.run(covered))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(unavailable)
    }
}

impl Shared {
    fn run(&self, covered: u64) -> io::Result<()> {
        // Opened anew each time: SQLite replaces the file when its last connection closes.
        let log = File::open(&self.log)?;
        let synced = failpoint::reach(Point::DbFlush).and_then(|()| log.sync_data());
        synced.inspect_err(|_| self.broken.store(true, Ordering::SeqCst))?;
        self.flushes.fetch_add(1, Ordering::SeqCst);
        self.flushed.fetch_max(covered, Ordering::SeqCst);
        Ok(())
    }
}

fn unavailable(error: io::Error) -> DbError {
    DbError::Unavailable(sqlx::Error::Io(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn commits_that_wait_together_share_a_flush() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        std::fs::write(folder.path().join("x.db-wal"), "frames").unwrap();
        let flush = Flush::of(&database);
        let turn = flush.0.turn.lock().await;
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let flush = flush.clone();
                tokio::spawn(async move { flush.flush().await })
            })
            .collect();
        while flush.0.asked.load(Ordering::SeqCst) < 50 {
            tokio::task::yield_now().await;
        }
        drop(turn);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert_eq!(flush.0.flushes.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn after_a_failed_flush_nothing_is_called_durable() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let log = folder.path().join("x.db-wal");
        let flush = Flush::of(&database);
        // A device that cannot be flushed stands for a disk that fails.
        std::os::unix::fs::symlink("/dev/null", &log).unwrap();
        assert!(flush.flush().await.unwrap_err().is_temporary());
        std::fs::remove_file(&log).unwrap();
        std::fs::write(&log, "frames").unwrap();
        assert!(flush.flush().await.is_err());
    }
}
