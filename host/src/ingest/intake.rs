//! Receiving bundles.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tracing::{Instrument as _, Span};

use super::held::{Held, Hold};
use super::pipeline::Place;
use super::steps::Opened;
use super::whole::Beginning;
use super::{Pipeline, Wake};
use crate::db::{Arrival, Claim, Created, Db, DbError, IdMode, NewJob, Unflushed};
use crate::failpoint::{self, Point};
use crate::measures;
use crate::model::{Job, JobId, JobKind, Timestamp};
use crate::seams::SeamError;
use crate::seams::ids::Ids;
use crate::spool::{BodyError, Manifest, ReceiveError, Spool, body_channel};

/// Ids that are tried until one is free: an id can have been given to a job that came from elsewhere.
const TRIES: usize = 3;

/// Receives bundles and makes jobs of them.
#[derive(Clone)]
pub struct Intake {
    /// Where jobs are kept.
    pub db: Db,
    /// Where bundles wait.
    pub spool: Spool,
    /// Where ids come from.
    pub ids: Arc<dyn Ids>,
    /// Who is told of a new job.
    pub wake: Arc<dyn Wake>,
    /// What works jobs off in this process, where something does.
    pub worker: Option<Arc<Pipeline>>,
    /// This process, as its leases name it.
    pub owner: Arc<str>,
    /// How long a lease lasts.
    pub lease: std::time::Duration,
    /// The jobs whose leases are renewed.
    pub held: Arc<Held>,
}

/// Who sends a bundle, and by which name.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The acting user.
    pub user: &'a str,
    /// What the client calls the request: the same key of the same user is the same job.
    pub key: Option<&'a str>,
}

/// What became of a bundle that was offered.
#[derive(Clone, Debug)]
pub enum Taken {
    /// A job was made of it.
    Now(Job),
    /// It was offered before, or is just being taken: this is its job, and nothing of the body was read.
    Before(Job),
}

/// Why no job was made.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The body or the spool failed. The job has ended as failed, and nothing of the bundle is kept.
    #[error("job {job}: {error}")]
    Receive {
        /// The job that it would have been.
        job: JobId,
        /// What happened.
        error: ReceiveError,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The source of ids failed.
    #[error("no job id can be had: {0}")]
    Ids(SeamError),
    /// The key stands for a request of another kind.
    #[error("this Idempotency-Key was used for the {0} that is job {1}; give each request a key of its own")]
    OtherKind(JobKind, JobId),
    /// The work was cut off.
    #[error("the server is stopping")]
    Stopping,
}

impl Intake {
    /// Receives an upload. The job's row is there before any of it is kept, unless all of it is there in a moment. When this
    /// returns, the bundle is on disk and the job is committed.
    ///
    /// Should the caller be dropped (its client hung up), the upload ends as one that was interrupted.
    pub async fn upload<S>(&self, sender: Sender<'_>, body: S) -> Result<Taken, IntakeError>
    where
        S: Stream<Item = Result<Bytes, BodyError>>,
    {
        let mut body = std::pin::pin!(body);
        let first = match sender.key {
            // Nothing is read of a bundle that was offered before.
            Some(_) => Vec::new(),
            None => match Beginning::of(body.as_mut()).await {
                Beginning::Whole(bundle) => return self.whole_upload(sender.user, bundle).await.map(Taken::Now),
                Beginning::Part(first) => first,
            },
        };
        let (job, hold) = match self.begin(sender, JobKind::Upload).await? {
            Begun::Now(job, hold) => (job, hold),
            Begun::Before(job) => return Ok(Taken::Before(job)),
        };
        failpoint::pass(Point::IntakeRow);
        let (feed, mut reader) = body_channel();
        // A task of its own, so that the upload is brought to an end whatever becomes of the caller.
        let intake = self.clone();
        let receiving = tokio::spawn(
            async move {
                reader.wait_for_first().await;
                let received =
                    intake.receive(job, move |spool| afresh(spool, job, || spool.receive_tar(job, &mut reader)));
                intake.end(job, received.await?, hold).await
            }
            .in_current_span(),
        );
        forward(futures::stream::iter(first).chain(body), feed).await;
        receiving.await.map_err(|_| IntakeError::Stopping)?.map(Taken::Now)
    }

    /// Receives the document of a move.
    pub async fn relocate(&self, sender: Sender<'_>, document: Bytes) -> Result<Taken, IntakeError> {
        if sender.key.is_none() {
            return self.whole_move(sender.user, document).await.map(Taken::Now);
        }
        let (job, hold) = match self.begin(sender, JobKind::Move).await? {
            Begun::Now(job, hold) => (job, hold),
            Begun::Before(job) => return Ok(Taken::Before(job)),
        };
        failpoint::pass(Point::IntakeRow);
        let intake = self.clone();
        let receiving = tokio::spawn(
            async move {
                let received =
                    intake.receive(job, move |spool| afresh(spool, job, || spool.receive_document(job, &document)));
                intake.end(job, received.await?, hold).await
            }
            .in_current_span(),
        );
        receiving.await.map_err(|_| IntakeError::Stopping)?.map(Taken::Now)
    }

    /// Receives a bundle, or the document of a move, from a file of this machine, under the id of a job that has failed
    /// or is not known; none where the job has not failed.
    pub async fn readmit(
        &self,
        id: JobId,
        kind: JobKind,
        user: &str,
        file: std::fs::File,
    ) -> Result<Option<Job>, IntakeError> {
        let now = Timestamp::now();
        let hold = self.held.hold(id);
        let new = NewJob { kind, user, owner: &self.owner, now, lease_until: now.after(self.lease) };
        if !self.db.readmit_job(id, new).await? {
            if self.db.get_job(id).await?.is_some() {
                return Ok(None);
            }
            self.db.create_job(id, new).await?;
            self.db.count_above(IdMode::Job, id.get()).await?;
        }
        let received = self.receive(id, move |spool| match kind {
            JobKind::Upload => afresh(spool, id, || spool.receive_tar(id, &file)),
            JobKind::Move => {
                let mut document = Vec::new();
                std::io::Read::read_to_end(&mut &file, &mut document).map_err(ReceiveError::Storage)?;
                afresh(spool, id, || spool.receive_document(id, &document))
            }
        });
        let received = received.await?;
        self.end(id, received, hold).await.map(Some)
    }

    async fn begin(&self, sender: Sender<'_>, kind: JobKind) -> Result<Begun, IntakeError> {
        let mut tries = 0;
        loop {
            // Most repeated requests are known as such before an id is taken for them.
            if let Some(key) = sender.key
                && let Some(before) = self.db.job_of_key(sender.user, key).await?
            {
                return if before.kind == kind {
                    Ok(Begun::Before(before))
                } else {
                    Err(IntakeError::OtherKind(before.kind, before.id))
                };
            }
            let now = Timestamp::now();
            let new = NewJob { kind, user: sender.user, owner: &self.owner, now, lease_until: now.after(self.lease) };
            let id = self.ids.job().await.map_err(IntakeError::Ids)?;
            let hold = self.in_hand(id);
            let made = match sender.key {
                None => self.db.create_job(id, new).await.map(|()| Created::Now),
                Some(key) => self.db.create_job_once(id, new, key).await,
            };
            match made {
                Ok(Created::Now) => return Ok(Begun::Now(id, hold)),
                // Another request with the key was quicker: its job is the answer, unless it has been lost since.
                Ok(Created::Before(_)) => {}
                Err(error) if error.is_taken() => {
                    tries += 1;
                    self.was_taken(id, tries).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// An id was given out that is some job's already, for so many times now: fails where no other one is to be tried.
    pub(super) async fn was_taken(&self, id: JobId, tries: usize) -> Result<(), IntakeError> {
        self.ids.was_taken().await;
        if tries < TRIES {
            return Ok(());
        }
        Err(IntakeError::Ids(match self.db.get_job(id).await? {
            // Whoever gives out ids may have begun to count anew.
            Some(Job { created, .. }) => SeamError::Refused(format!(
                "id {id} was given out, and a job of {created} has it: ids are counted twice"
            )),
            None => SeamError::Unavailable(format!(
                "the spool has something by the name of job {id}, which is not on record; it will be looked through"
            )),
        }))
    }

    /// Takes a new job in hand.
    pub(super) fn in_hand(&self, id: JobId) -> Option<Hold> {
        // On all that is logged of the request from here on, and in its trace.
        Span::current().record("job", tracing::field::display(id));
        self.held.hold(id)
    }

    /// Takes a bundle into the spool, where that may block, and a place for its job where this process goes on with it.
    pub(super) async fn receive(
        &self,
        job: JobId,
        receive: impl FnOnce(&Spool) -> Result<Manifest, ReceiveError> + Send + 'static,
    ) -> Result<Result<(Opened, Option<Place>), ReceiveError>, IntakeError> {
        let (spool, worker) = (self.spool.clone(), self.worker.clone());
        let receiving = tokio::task::spawn_blocking(move || {
            let manifest = receive(&spool)?;
            let place = worker.and_then(|worker| worker.place(job));
            // Who goes on with it would have to come back here for the document.
            let opened = if place.is_some() { Opened::read(&spool, job, manifest) } else { Opened::unread(manifest) };
            Ok((opened, place))
        });
        receiving.await.map_err(|_| IntakeError::Stopping)
    }

    /// Commits what was received, or ends the job as an interrupted upload.
    async fn end(
        &self,
        job: JobId,
        received: Result<(Opened, Option<Place>), ReceiveError>,
        hold: Option<Hold>,
    ) -> Result<Job, IntakeError> {
        match received {
            Ok((opened, place)) => {
                let arrival = self.arrival(&opened.manifest, place.is_some()).await;
                // As it is before a worker is told, so that the client sees the job as it was acknowledged.
                match self.db.job_received(job, arrival).await {
                    Ok(recorded) => self.go_on(recorded, opened, place, hold).await,
                    Err(error) => self.not_received(job, error).await,
                }
            }
            Err(error) => {
                self.db.job_lost_upload(job, Timestamp::now(), &error.to_string()).await?;
                Err(IntakeError::Receive { job, error })
            }
        }
    }

    /// What there is to record of a bundle that is on disk, with ids for its files where they are at hand.
    pub(super) async fn arrival(&self, manifest: &Manifest, claimed: bool) -> Arrival<'_> {
        let files = manifest.members.len() as u64;
        let file_ids = self.ids.at_hand(files).await;
        let now = Timestamp::now();
        let lease_until = claimed.then(|| now.after(self.lease));
        Arrival { owner: &self.owner, now, bytes: manifest.bytes(), files, file_ids, lease_until }
    }

    /// Has the work begun on a job that was recorded, and sees that it is on the disk.
    pub(super) async fn go_on(
        &self,
        (job, claim, unflushed): (Job, Option<Claim>, Unflushed),
        opened: Opened,
        place: Option<Place>,
        hold: Option<Hold>,
    ) -> Result<Job, IntakeError> {
        failpoint::pass(Point::IntakeCommitted);
        drop(hold);
        let bytes = opened.manifest.bytes();
        // A worker may begin at once: it flushes this with its own before it touches the archive. The client is told when both
        // are done.
        let woken = async {
            match place.zip(claim) {
                Some((place, claim)) => place.work(claim, opened),
                None => self.wake.wake(job.id, job.kind).await,
            }
            failpoint::pass(Point::IntakeWoken);
        };
        let (flushed, ()) = tokio::join!(unflushed.flush(), woken);
        if let Err(error) = flushed {
            return self.not_received(job.id, error).await;
        }
        measures::received(job.kind, bytes);
        Ok(job)
    }

    /// A commit whose answer was lost may have happened, and then the job is run. So the bundle stays until the sweeper has ended
    /// the row, which needs the database as well.
    pub(super) async fn not_received(&self, job: JobId, error: DbError) -> Result<Job, IntakeError> {
        if !error.is_temporary() {
            self.forget(job).await;
        }
        Err(error.into())
    }

    /// Ends a job whose bundle nobody is receiving any more, though its lease says otherwise.
    pub(super) async fn give_up(&self, job: JobId) -> Result<(), DbError> {
        let why = "the upload was interrupted when its server died; it was taken up again as another job";
        self.db.job_lost_upload(job, Timestamp::now(), why).await?;
        self.forget(job).await;
        Ok(())
    }

    pub(super) async fn forget(&self, job: JobId) {
        let spool = self.spool.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || spool.remove(job)).await {
            tracing::warn!(%job, %error, "what was received of an upload could not be removed");
        }
    }
}

/// Receives what is of a job whose record is this one's: what the spool has of another one by its id is nobody's.
fn afresh(
    spool: &Spool,
    job: JobId,
    mut receive: impl FnMut() -> Result<Manifest, ReceiveError>,
) -> Result<Manifest, ReceiveError> {
    match receive() {
        Err(ReceiveError::Taken) => {
            spool.remove(job).map_err(ReceiveError::Storage)?;
            receive()
        }
        received => received,
    }
}

/// A job in the making, or one that was made before.
enum Begun {
    Now(JobId, Option<Hold>),
    Before(Job),
}

/// Passes a body on until it ends, it fails, or nobody reads it any more.
pub(super) async fn forward<S>(body: S, feed: mpsc::Sender<Result<Bytes, BodyError>>)
where
    S: Stream<Item = Result<Bytes, BodyError>>,
{
    let mut body = std::pin::pin!(body);
    loop {
        let (piece, last) = match body.next().await {
            // Empty means the end to the reader.
            Some(Ok(chunk)) if chunk.is_empty() => continue,
            Some(Ok(chunk)) => (Ok(chunk), false),
            Some(Err(error)) => (Err(error), true),
            None => (Ok(Bytes::new()), true),
        };
        if feed.send(piece).await.is_err() || last {
            return;
        }
    }
}
