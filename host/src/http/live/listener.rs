//! One who listens: what it is told, and from where on.

use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Batch, News, PAGE, Shared, Told, Wanted};
use crate::db::{DbError, JobFilter};
use crate::model::{Change, Job, JobId};

/// A connection on which nothing happens gets a comment, so that it is not taken for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a listener may take nothing of what it is told before it is given up. It can come back.
const SLOW: Duration = Duration::from_secs(20);
/// When a client should come back after its connection was lost.
const RETRY: Duration = Duration::from_secs(2);

/// Why a listener is told nothing more: its connection, or its job, is at its end.
pub(super) struct Over;

/// One who listens.
pub(super) struct Listener {
    shared: Arc<Shared>,
    heard: broadcast::Receiver<Arc<Batch>>,
    events: mpsc::Sender<Told>,
    keep_alive: Interval,
    /// All up to here was told.
    at: Change,
}

/// What a listener has to do.
enum Next {
    Tell(Arc<Batch>),
    /// Something may have been missed.
    Read,
    KeepAlive,
}

impl Listener {
    pub(super) fn new(shared: Arc<Shared>, heard: broadcast::Receiver<Arc<Batch>>, events: mpsc::Sender<Told>) -> Self {
        let mut keep_alive = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { shared, heard, events, keep_alive, at: Change::new(0) }
    }

    pub(super) async fn run(&mut self, wanted: Wanted) -> Result<(), Over> {
        self.send(Event::default().retry(RETRY)).await?;
        match wanted {
            Wanted::One(job) => self.one(job).await,
            Wanted::All { filter, after } => {
                let newest = self.shared.db.newest_change().await.map_err(failed)?;
                // A number that is yet to come is one of a database that is no more.
                self.at = after.unwrap_or(newest).min(newest);
                self.all(&filter).await
            }
        }
    }

    async fn all(&mut self, filter: &JobFilter) -> Result<(), Over> {
        self.read(filter).await?;
        loop {
            match self.next().await? {
                Next::Tell(batch) if batch.from > self.at => self.read(filter).await?,
                Next::Tell(batch) => {
                    for news in batch.news.iter().filter(|news| news.change > self.at && filter.fits(&news.job)) {
                        self.send(event(news)).await?;
                    }
                    self.at = self.at.max(batch.to);
                }
                Next::Read => self.read(filter).await?,
                Next::KeepAlive => self.send(Event::default().comment("")).await?,
            }
        }
    }

    /// Tells what has changed since, as the database has it now.
    async fn read(&mut self, filter: &JobFilter) -> Result<(), Over> {
        loop {
            let changes = self.shared.db.changes_after(self.at, PAGE).await.map_err(failed)?;
            let Some((to, _)) = changes.last() else { return Ok(()) };
            let (to, more) = (*to, changes.len() >= PAGE as usize);
            for news in self.shared.news(changes, |job| filter.fits(job)).await.map_err(failed)? {
                self.send(event(&news)).await?;
            }
            self.at = to;
            if !more {
                return Ok(());
            }
        }
    }

    async fn one(&mut self, id: JobId) -> Result<(), Over> {
        let mut told = self.look(id, "").await?;
        loop {
            match self.next().await? {
                // Where the reader has just begun, it tells nothing of what came before.
                Next::Tell(batch) if batch.news.is_empty() => told = self.look(id, &told).await?,
                Next::Tell(batch) => {
                    let news = batch.news.iter().find(|news| news.job.id == id);
                    if let Some(news) = news.filter(|news| news.change > self.at) {
                        told = self.tell(news.change, &news.job, news.text.clone(), &told).await?;
                    }
                }
                Next::Read => told = self.look(id, &told).await?,
                Next::KeepAlive => {
                    self.send(Event::default().comment("")).await?;
                    // On PostgreSQL a transaction that does not end holds back what the reader may tell, not what is there.
                    told = self.look(id, &told).await?;
                }
            }
        }
    }

    /// Tells how a job is now.
    async fn look(&mut self, id: JobId, told: &str) -> Result<String, Over> {
        let (change, job) = self.shared.db.job_and_change(id).await.map_err(failed)?.ok_or(Over)?;
        let text = self.shared.text(&job).await.map_err(failed)?;
        self.tell(change, &job, text, told).await
    }

    /// Tells of a job what was not told before, and at the end that it is the end.
    async fn tell(&mut self, at: Change, job: &Job, text: String, told: &str) -> Result<String, Over> {
        self.at = self.at.max(at);
        let id = at.get().to_string();
        let changed = Event::default().event("job").data(&text);
        if job.complete() {
            // The number goes with the end: who comes back without it is told of the end again.
            self.send(changed).await?;
            let end = serde_json::json!({ "job_id": job.id, "state": job.state });
            self.send(Event::default().id(id).event("end").data(end.to_string())).await?;
            return Err(Over);
        }
        if text != told {
            self.send(changed.id(id)).await?;
        }
        Ok(text)
    }

    async fn next(&mut self) -> Result<Next, Over> {
        tokio::select! {
            heard = self.heard.recv() => match heard {
                Ok(batch) => Ok(Next::Tell(batch)),
                Err(RecvError::Lagged(_)) => Ok(Next::Read),
                Err(RecvError::Closed) => Err(Over),
            },
            _ = self.keep_alive.tick() => Ok(Next::KeepAlive),
            () = self.events.closed() => Err(Over),
        }
    }

    async fn send(&self, event: Event) -> Result<(), Over> {
        self.events.send_timeout(Ok(event), SLOW).await.map_err(|_| Over)
    }
}

fn event(news: &News) -> Event {
    let event = Event::default().event("job").data(&news.text);
    if news.last { event.id(news.change.get().to_string()) } else { event }
}

/// A listener that cannot be told anything comes back, and is told then.
fn failed(error: DbError) -> Over {
    tracing::warn!(%error, "a listener is sent away: what happens to jobs cannot be read just now");
    Over
}
