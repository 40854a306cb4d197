//! The way of a bundle: received, waiting, worked off step by step.
//!
//! - [`Intake`] receives: it makes the job's row, feeds the spool, commits, wakes a worker. What is small and whole at once it
//!   feeds to the spool first.
//! - [`Uploads`] receives in parts, and hands to the intake what is whole.
//! - [`Pipeline`] works off: every step may run twice, and a step that finds its work done goes on.
//! - [`Clearing`] forgets the bundles of jobs that ended well.
//! - [`Replay`] judges again what was judged: by another policy, or by the same one. It touches no job.
//! - [`Retention`] forgets what has been kept for as long as a site wants it.
//! - [`Sweeper`] mends: it wakes jobs whose wake-up was lost, fails uploads whose server died, and clears the spool.
//!
//! This room sees the seams, the spool, the policy and the database; it knows neither HTTP nor queues nor wasmtime.

mod clearing;
mod contents;
mod held;
mod intake;
mod orders;
mod pipeline;
mod progress;
mod replay;
mod retention;
mod sources;
mod steps;
mod sweeper;
mod uploads;
mod whole;

use async_trait::async_trait;
use futures::future::BoxFuture;

pub use clearing::Clearing;
pub use held::Held;
pub use intake::{Intake, IntakeError, Sender, Taken};
pub use orders::OrderError;
pub use pipeline::Pipeline;
pub use replay::{Again, Replay, Replayed, RuleReplayed, Skipped, Summary};
pub use retention::Retention;
pub use sources::Sources;
pub use sweeper::Sweeper;
pub use uploads::{Part, UploadError, UploadState, Uploads};

use crate::model::{JobId, JobKind};

/// Something that tells workers of a job, and has some of its own. A wake-up may get lost: the sweeper sends another one.
#[async_trait]
pub trait Wake: Send + Sync {
    /// Tells a worker that the job can be taken up.
    async fn wake(&self, job: JobId, kind: JobKind);

    /// How many more jobs this process would take up now.
    fn free(&self) -> usize;

    /// A place for one more job that need not be told of, since this process has a hand free for it and no other is to
    /// have it. None otherwise.
    fn slot(&self) -> Option<Slot>;
}

/// A place for one job among those that a worker of this process has in hand.
pub struct Slot(Box<dyn FnOnce(BoxFuture<'static, ()>) + Send>);

impl Slot {
    /// One in which work is begun so.
    pub fn new(begin: impl FnOnce(BoxFuture<'static, ()>) + Send + 'static) -> Self {
        Self(Box::new(begin))
    }

    /// Begins the work, and does not wait for its end.
    pub(crate) fn begin(self, work: impl Future<Output = ()> + Send + 'static) {
        (self.0)(Box::pin(work));
    }
}
