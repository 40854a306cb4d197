//! What mends: lost wake-ups, uploads whose server died, files of failed jobs, and what of the spool nobody needs any more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::db::NewJob;
use crate::failpoint::{self, Point};
use crate::model::{JobId, JobKind, State, Timestamp};
use crate::spool::UploadStore;

/// A wake-up that was sent this recently may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
/// How often the spool is looked through.
const CLEARING: Duration = Duration::from_secs(600);

/// Mends what crashes leave behind. Every worker has one; they do not get into each other's way.
pub struct Sweeper {
    /// What works jobs off, whose parts are needed here.
    pub pipeline: Arc<Pipeline>,
    /// How often to look.
    pub every: Duration,
    /// Bundles that arrive in parts.
    pub uploads: UploadStore,
    /// How long one of them is kept to which nothing is added.
    pub expire_uploads: Duration,
    /// How long the spool keeps a failed job, which may be tried again until then.
    pub keep_failed: Duration,
}

impl Sweeper {
    /// Sweeps until told to stop, the first time at once.
    pub async fn run(&self, stop: CancellationToken) {
        let mut sweeps = tokio::time::interval(self.every);
        sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let [mut cleared, mut expired]: [Option<Timestamp>; 2] = [None; 2];
        let mut unknown = Vec::new();
        while stop.run_until_cancelled(sweeps.tick()).await.is_some() {
            let now = Timestamp::now();
            if let Err(error) = self.sweep(now).await {
                tracing::warn!(error = format!("{error:#}"), "the sweeper could not do its work; it tries again");
                continue;
            }
            if expired.is_none_or(|last| now.since(last) >= CLEARING.min(self.expire_uploads)) {
                match self.expire_uploads().await {
                    Ok(()) => expired = Some(now),
                    Err(error) => tracing::warn!(error = format!("{error:#}"), "old uploads cannot be removed"),
                }
            }
            if cleared.is_none_or(|last| now.since(last) >= CLEARING.min(self.keep_failed)) {
                match self.clear_spool(now).await {
                    Ok(found) => (cleared, unknown) = (Some(now), found),
                    Err(error) => tracing::warn!(error = format!("{error:#}"), "the spool cannot be cleared"),
                }
            }
            self.record_unknown(&mut unknown).await;
        }
    }

    async fn sweep(&self, now: Timestamp) -> anyhow::Result<()> {
        let pipeline = &self.pipeline;
        for job in pipeline.db.lost_uploads(now).await? {
            let why =
                "the upload was interrupted: the server stopped before the whole bundle had arrived; send it again";
            if pipeline.db.job_lost_upload(job, now, why).await? {
                tracing::warn!(%job, "an upload was interrupted when its server died");
                failpoint::pass(Point::SweepInterrupted);
                let spool = pipeline.spool.clone();
                tokio::task::spawn_blocking(move || spool.remove(job)).await??;
            }
        }
        // While all hands are full, waiting is no sign of a lost wake-up, and another one would help nobody.
        let free = pipeline.wake.free();
        if free > 0 {
            let limit = u32::try_from(free).unwrap_or(u32::MAX);
            for (job, kind) in pipeline.db.lost_jobs(now.before(ON_ITS_WAY), limit).await? {
                tracing::debug!(%job, "woken again");
                pipeline.wake.wake(job, kind).await;
            }
        }
        // Jobs that were ended by hand while a worker was at them, once that worker must have noticed.
        for job in pipeline.db.failed_with_places(now.before(pipeline.lease)).await? {
            match pipeline.take_back(job).await {
                Ok(()) => tracing::info!(%job, "the files of a failed job are out of the archive again"),
                Err(error) => tracing::debug!(%job, %error, "the files of a failed job cannot be taken back"),
            }
        }
        // What their workers were cut off in; of a job that goes on, its next worker sees to that.
        for job in pipeline.db.ended_with_uploads(now.before(pipeline.lease)).await? {
            if let Err(error) = pipeline.archive.give_up(job).await {
                tracing::debug!(%job, %error, "uploads of an ended job cannot be given up");
            }
        }
        Ok(())
    }

    /// Removes uploads that nobody goes on with, and what is kept of those that have become jobs.
    async fn expire_uploads(&self) -> anyhow::Result<()> {
        let (store, keep) = (self.uploads.clone(), self.expire_uploads);
        let gone = tokio::task::spawn_blocking(move || {
            let since = SystemTime::now().checked_sub(keep).unwrap_or(SystemTime::UNIX_EPOCH);
            store.expire(since)
        });
        let gone = gone.await??;
        if gone > 0 {
            tracing::info!(uploads = gone, "old uploads were removed");
        }
        Ok(())
    }

    /// Removes what the spool has of jobs that are done: well, or failed so long ago that nobody will try them again. Returns
    /// those that nobody knows.
    async fn clear_spool(&self, now: Timestamp) -> anyhow::Result<Vec<JobId>> {
        let pipeline = &self.pipeline;
        let spool = pipeline.spool.clone();
        let there = tokio::task::spawn_blocking(move || spool.jobs()).await??;
        let unfinished: HashSet<JobId> = pipeline.db.which_unfinished(&there).await?.into_iter().collect();
        let never: HashSet<JobId> = pipeline.db.which_never_received(&there).await?.into_iter().collect();
        let (mut old, mut unknown) = (Vec::new(), Vec::new());
        for job in there.into_iter().filter(|job| !unfinished.contains(job)) {
            let is_old = match &pipeline.db.get_job(job).await? {
                // Not whole, or promised to nobody: there is nothing to try again. Whoever ended it died before this.
                Some(_) if never.contains(&job) => true,
                Some(job) if job.state == State::Failed => now.since(job.updated) >= self.keep_failed,
                Some(job) => job.complete(),
                None => {
                    unknown.push(job);
                    false
                }
            };
            old.extend(is_old.then_some(job));
        }
        // That they are done has to be on the disk before.
        pipeline.db.unflushed().flush().await?;
        let spool = pipeline.spool.clone();
        tokio::task::spawn_blocking(move || old.into_iter().try_for_each(|job| spool.remove(job))).await??;
        Ok(unknown)
    }

    /// Makes records for what nobody knows of the spool, once whoever received it has fallen silent: small bundles are kept
    /// first. Should one be about to be recorded still, it finds that its id is taken, and is recorded under another one. The
    /// record is that of an upload whose server has died, and such are ended.
    async fn record_unknown(&self, unknown: &mut Vec<JobId>) {
        for job in std::mem::take(unknown) {
            match self.record_if_silent(job).await {
                Ok(true) => {}
                Ok(false) => unknown.push(job),
                Err(error) => {
                    tracing::warn!(%job, error = format!("{error:#}"), "what the spool has of no known job cannot be recorded");
                    unknown.push(job);
                }
            }
        }
    }

    /// Whether there is nothing more to do about it.
    async fn record_if_silent(&self, job: JobId) -> anyhow::Result<bool> {
        let pipeline = &self.pipeline;
        let spool = pipeline.spool.clone();
        let age = tokio::task::spawn_blocking(move || spool.age(job)).await??;
        let Some(age) = age else { return Ok(true) };
        if age < pipeline.lease {
            return Ok(false);
        }
        let now = Timestamp::now();
        // Nobody is known to have sent it.
        let new = NewJob { kind: JobKind::Upload, user: "", owner: &pipeline.owner, now, lease_until: now };
        match pipeline.db.create_job(job, new).await {
            Ok(()) => tracing::warn!(%job, "the spool has something of an upload that is not on record"),
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}
