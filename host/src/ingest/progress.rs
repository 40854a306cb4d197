//! How far a job has come in its task.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::seams::archive::Taken;

/// How often the percentage is written down while it moves.
const EVERY: Duration = Duration::from_millis(250);

/// Bytes done of all that are to be done. Shared with the threads that do them.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    total: u64,
    done: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self { total, done: Arc::default() }
    }

    /// The count that an archive adds to.
    pub(super) fn taken(&self) -> Taken {
        Taken::counting(self.done.clone())
    }

    pub(super) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// 0 to 100.
    pub(super) fn percent(&self) -> f64 {
        let done = self.done.load(Ordering::Relaxed);
        if self.total == 0 { 0.0 } else { (done as f64 / self.total as f64 * 100.0).min(100.0) }
    }

    /// Runs `work`, and `note` with the percentage from time to time while it moves. A note that fails ends the work.
    pub(super) async fn watch<T, E, Note>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        note: impl Fn(f64) -> Note,
    ) -> Result<T, E>
    where
        Note: Future<Output = Result<(), E>>,
    {
        let mut work = std::pin::pin!(work);
        let mut noted = 0.0;
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + EVERY, EVERY);
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = ticks.tick() => {
                    let percent = self.percent();
                    if percent > noted {
                        noted = percent;
                        note(percent).await?;
                    }
                }
            }
        }
    }
}
