//! The jobs that this process receives or works on, whose leases it renews.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::model::{JobId, Timestamp};

/// The jobs in the hands of this process.
#[derive(Debug, Default)]
pub struct Held {
    jobs: Mutex<HashSet<JobId>>,
}

/// A job in hand, until this is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    held: Arc<Held>,
    job: JobId,
}

impl Held {
    /// Takes a job in hand; none where it is already.
    pub(super) fn hold(self: &Arc<Self>, job: JobId) -> Option<Hold> {
        let fresh = self.lock().insert(job);
        fresh.then(|| Hold { held: self.clone(), job })
    }

    /// Renews the leases, until told to stop. Three renewals fit into a lease, so that one may fail.
    pub async fn renew(&self, db: Db, owner: Arc<str>, lease: Duration, stop: CancellationToken) {
        let mut beats = tokio::time::interval(lease / 3);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beats.tick()).await.is_some() {
            let held: Vec<JobId> = self.lock().iter().copied().collect();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = db.heartbeat(&owner, &held, Timestamp::now().after(lease)).await {
                tracing::warn!(%error, jobs = held.len(), "leases cannot be renewed; other workers may take the jobs");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<JobId>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.lock().remove(&self.job);
    }
}
