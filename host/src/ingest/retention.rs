//! What is forgotten after its time: reports, jobs, events, keys of requests, sessions.
//!
//! In small batches with pauses between, so that whoever writes beside it never waits for long, however much there is to
//! forget. Every worker does it; what one has forgotten, another does not find.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::config::RetentionSettings;
use crate::db::{Db, DbError, Forgotten};
use crate::model::Timestamp;

/// How often it is looked, unless something is kept for less.
const EVERY: Duration = Duration::from_secs(600);
const AT_MOST_EVERY: Duration = Duration::from_millis(100);
/// Rows that one transaction forgets or looks at.
const BATCH: u32 = 500;
/// How long a request is known by its key.
const KEYS_FOR: Duration = Duration::from_secs(86_400);

/// Forgets what has had its time.
pub struct Retention {
    /// Where it is recorded.
    pub db: Db,
    /// How long it is kept.
    pub kept: RetentionSettings,
}

impl Retention {
    /// Forgets until told to stop, the first time at once.
    pub async fn run(&self, stop: CancellationToken) {
        let spans = [Some(EVERY), self.kept.reports, self.kept.jobs, Some(self.kept.events)];
        let every = spans.into_iter().flatten().min().unwrap_or(EVERY).max(AT_MOST_EVERY);
        let mut rounds = tokio::time::interval(every);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            match stop.run_until_cancelled(self.round(Timestamp::now())).await {
                None | Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!(%error, "what is old cannot be forgotten; it is tried again"),
            }
        }
    }

    /// Forgets all that is older than it is to be at this moment.
    async fn round(&self, now: Timestamp) -> Result<(), DbError> {
        let db = &self.db;
        let events = now.before(self.kept.events);
        tell("events", all(|| db.forget_events(events, BATCH)).await?);
        let keys = now.before(KEYS_FOR);
        tell("keys of requests", all(|| db.forget_keys(keys, BATCH)).await?);
        tell("sessions", db.sweep_sessions(now).await?);
        if let Some(keep) = self.kept.reports {
            let before = now.before(keep);
            tell("reports", all(|| db.forget_reports(before, BATCH)).await?);
        }
        if let Some(keep) = self.kept.jobs {
            tell("jobs", self.jobs(now.before(keep)).await?);
        }
        Ok(())
    }

    async fn jobs(&self, before: Timestamp) -> Result<u64, DbError> {
        let (mut jobs, mut after) = (0, None);
        loop {
            let began = Instant::now();
            let Forgotten { jobs: gone, next } = self.db.forget_jobs(before, after, BATCH).await?;
            jobs += gone;
            let Some(next) = next else { return Ok(jobs) };
            after = Some(next);
            pause(began).await;
        }
    }
}

/// Batch after batch, until one is not full.
async fn all<F: Future<Output = Result<u64, DbError>>>(batch: impl Fn() -> F) -> Result<u64, DbError> {
    let mut all = 0;
    loop {
        let began = Instant::now();
        let gone = batch().await?;
        all += gone;
        if gone < u64::from(BATCH) {
            return Ok(all);
        }
        pause(began).await;
    }
}

/// Others have as long as this has taken.
async fn pause(began: Instant) {
    tokio::time::sleep(began.elapsed()).await;
}

fn tell(what: &str, gone: u64) {
    if gone > 0 {
        tracing::info!(gone, "{what} were forgotten: they have been kept for as long as is configured");
    }
}
