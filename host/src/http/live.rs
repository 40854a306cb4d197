//! What happens to jobs, told to whoever listens.
//!
//! The database numbers the changes of jobs. One reader in a process asks it for those that came since, at once after this
//! process has written and twice a second for what others write, and tells all listeners: only while there are any. A
//! listener that is behind, because it has just come, comes back, or is slow, reads for itself from where it stands; what it
//! has missed is then told as it is by now, each job once. So nothing is lost and nothing piles up.

mod listener;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use self::listener::Listener;
use super::api::jobs::JobDetails;
use crate::db::{Db, JobFilter, Result};
use crate::model::{Change, Job, JobId};

/// How often the reader looks for what others have written.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks there is at least this: many writes in a row are looked at together.
const PAUSE: Duration = Duration::from_millis(20);
/// Jobs that are read at once.
const PAGE: u32 = 100;
/// Batches that a listener may be behind before it has to read for itself.
const BEHIND: usize = 64;
/// Events that are on their way to a listener.
const UNDER_WAY: usize = 8;
/// A listener is sent away after this time, and comes back with its token, which may have been revoked.
const LONGEST: Duration = Duration::from_secs(3600);

/// Tells what happens. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    db: Db,
    seats: Arc<Semaphore>,
    told: broadcast::Sender<Arc<Batch>>,
    /// Whether there is a reader. Held while one begins or ends, and while a listener comes.
    reading: Mutex<bool>,
    stop: CancellationToken,
}

/// The changes between two numbers.
struct Batch {
    from: Change,
    to: Change,
    news: Vec<News>,
}

/// A job that has changed.
struct News {
    change: Change,
    job: Job,
    /// The job as the API shows it.
    text: String,
    /// Whether it is the last of its number: to go on from there is then to have seen all of it.
    last: bool,
}

/// A place among those who listen.
pub(super) struct Seat(#[allow(dead_code, reason = "given back when it is dropped")] OwnedSemaphorePermit);

/// What a listener wants to know.
pub(super) enum Wanted {
    /// All jobs that fit: those that have changed since `after`, where that is given, and each that changes.
    All { filter: JobFilter, after: Option<Change> },
    /// One job: as it is, and each time that it changes, until it has ended.
    One(JobId),
}

/// What a listener is sent.
pub(super) type Told = std::result::Result<Event, std::convert::Infallible>;

impl Live {
    /// For so many listeners at a time, until the server stops.
    pub fn new(db: Db, listeners: usize, stop: CancellationToken) -> Self {
        let (told, _) = broadcast::channel(BEHIND);
        let seats = Arc::new(Semaphore::new(listeners));
        Self(Arc::new(Shared { db, seats, told, reading: Mutex::new(false), stop }))
    }

    /// A place for one more listener, if there is one.
    pub(super) fn seat(&self) -> Option<Seat> {
        self.0.seats.clone().try_acquire_owned().ok().map(Seat)
    }

    /// Tells a listener what it wants to know.
    pub(super) fn tell(&self, seat: Seat, wanted: Wanted) -> mpsc::Receiver<Told> {
        let (sender, events) = mpsc::channel(UNDER_WAY);
        let mut listener = Listener::new(self.0.clone(), self.listen(), sender);
        let stop = self.0.stop.clone();
        tokio::spawn(async move {
            let _seat = seat;
            // Whatever ends it, the stream is over.
            let _ = stop.run_until_cancelled(tokio::time::timeout(LONGEST, listener.run(wanted))).await;
        });
        events
    }

    /// Hears all batches from now on, and sees to it that there are any.
    fn listen(&self) -> broadcast::Receiver<Arc<Batch>> {
        let mut reading = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = self.0.told.subscribe();
        if !*reading {
            *reading = true;
            tokio::spawn(self.0.clone().read());
        }
        heard
    }
}

impl Shared {
    /// Reads what changes and tells it, until nobody listens any more.
    async fn read(self: Arc<Self>) {
        let mut at = None;
        while !self.is_alone() {
            let read = match at {
                None => self.begin().await,
                Some(at) => self.tell_since(at).await,
            };
            match read {
                Ok(to) => at = Some(to),
                Err(error) => tracing::warn!(%error, "what happens to jobs cannot be read just now"),
            }
            let pause = tokio::time::sleep(PAUSE);
            let look = async {
                pause.await;
                tokio::select! {
                    () = self.db.written() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            };
            if self.stop.run_until_cancelled(look).await.is_none() {
                return;
            }
        }
    }

    /// Whether the reader may end. One who comes later begins another.
    fn is_alone(&self) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = self.told.receiver_count() > 0;
        !*reading
    }

    /// Whoever came before is told from where on it is told.
    async fn begin(&self) -> Result<Change> {
        let at = self.db.newest_change().await?;
        self.tell(Batch { from: at, to: at, news: Vec::new() });
        Ok(at)
    }

    async fn tell_since(&self, mut at: Change) -> Result<Change> {
        loop {
            let changes = self.db.changes_after(at, PAGE).await?;
            let Some((to, _)) = changes.last() else { return Ok(at) };
            let (from, to, more) = (at, *to, changes.len() >= PAGE as usize);
            let news = self.news(changes, |_| true).await?;
            self.tell(Batch { from, to, news });
            at = to;
            if !more {
                return Ok(at);
            }
        }
    }

    async fn news(&self, changes: Vec<(Change, Job)>, wanted: impl Fn(&Job) -> bool) -> Result<Vec<News>> {
        let next: Vec<_> = changes.iter().skip(1).map(|(change, _)| Some(*change)).chain([None]).collect();
        let mut news = Vec::with_capacity(changes.len());
        for ((change, job), next) in changes.into_iter().zip(next) {
            if wanted(&job) {
                let text = self.text(&job).await?;
                news.push(News { change, job, text, last: next != Some(change) });
            }
        }
        Ok(news)
    }

    async fn text(&self, job: &Job) -> Result<String> {
        let details = JobDetails::of(&self.db, job.clone()).await?;
        Ok(serde_json::to_string(&details).expect("a job is always JSON"))
    }

    fn tell(&self, batch: Batch) {
        // That nobody listens any more is seen at the next look.
        drop(self.told.send(Arc::new(batch)));
    }
}
