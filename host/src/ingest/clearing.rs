//! What follows the end of a job that ended well: that end is flushed to the disk, and then the spool forgets the bundle.
//!
//! Nobody waits for that, so it is done for all jobs together that end within a moment. Until the flush, a power cut takes the end
//! back, as it would take back what is flushed a moment later by whoever records it; the bundle is there still, and the job ends
//! again.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::db::Unflushed;
use crate::failpoint::{self, Point};
use crate::model::JobId;
use crate::spool::Spool;

/// How long others are waited for, and how many there are at the most.
const MOMENT: Duration = Duration::from_millis(20);
const MOST: usize = 1_024;

/// Clears the spool of jobs that have ended well. Cheap to clone.
#[derive(Clone)]
pub struct Clearing {
    ended: mpsc::Sender<(JobId, Unflushed)>,
    stop: CancellationToken,
    running: TaskTracker,
}

impl Clearing {
    /// Begins to wait for jobs.
    pub fn start(spool: Spool) -> Self {
        let (ended, jobs) = mpsc::channel(MOST);
        let (stop, running) = (CancellationToken::new(), TaskTracker::new());
        running.spawn(run(spool, jobs, stop.clone()));
        running.close();
        Self { ended, stop, running }
    }

    /// Clears the spool of a job some time soon, when its end is on the disk. Where that is not done any more, whoever starts next
    /// does it.
    pub(super) async fn clear(&self, job: JobId, end: Unflushed) {
        if self.ended.send((job, end)).await.is_err() {
            tracing::debug!(%job, "the spool of a finished job is not cleared any more");
        }
    }

    /// Returns when what has ended by now is cleared.
    pub async fn close(&self) {
        self.stop.cancel();
        self.running.wait().await;
    }
}

async fn run(spool: Spool, mut ended: mpsc::Receiver<(JobId, Unflushed)>, stop: CancellationToken) {
    loop {
        let first = tokio::select! {
            biased;
            first = ended.recv() => first,
            () = stop.cancelled() => None,
        };
        let Some((first, mut end)) = first else { return };
        let mut jobs = vec![first];
        stop.run_until_cancelled(tokio::time::sleep(MOMENT)).await;
        while jobs.len() < MOST
            && let Ok((job, next)) = ended.try_recv()
        {
            jobs.push(job);
            end = next;
        }
        // A flush that begins now has all ends that were recorded before, whosever it is.
        if let Err(error) = end.flush().await {
            tracing::error!(%error, jobs = jobs.len(), "the ends of jobs are maybe not on the disk; their bundles stay");
            continue;
        }
        let spool = spool.clone();
        let cleared = tokio::task::spawn_blocking(move || {
            for job in jobs {
                // What stays behind is the sweeper's to clear.
                if let Err(error) = spool.remove(job) {
                    tracing::warn!(%job, %error, "the spool of a finished job cannot be cleared now");
                }
                failpoint::pass(Point::SpoolCleared);
            }
        });
        if let Err(error) = cleared.await {
            tracing::warn!(%error, "the spools of finished jobs cannot be cleared now");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::MemberLimits;

    #[tokio::test]
    async fn what_has_ended_is_cleared_before_all_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), MemberLimits { metadata: 1_000, members: 10 }).unwrap();
        let clearing = Clearing::start(spool.clone());
        for job in 1..=100 {
            spool.receive_document(JobId::new(job), b"[]").unwrap();
        }
        for job in 1..100 {
            clearing.clear(JobId::new(job), Unflushed::default()).await;
        }
        clearing.close().await;
        assert_eq!(spool.jobs().unwrap(), [JobId::new(100)]);
        // Whoever comes later is not waited for.
        clearing.clear(JobId::new(100), Unflushed::default()).await;
    }
}
