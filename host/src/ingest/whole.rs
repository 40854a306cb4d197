//! Bundles that are whole before anything of them is kept. Their jobs are recorded once, when they are on disk: with bundles as
//! small as that, a record made before is a good part of all there is to do.
//!
//! What dies in between leaves a folder in the spool and no record. The [`Sweeper`](super::Sweeper) makes one for it, under
//! which nothing can be recorded any more, before it removes the folder.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::{Stream, StreamExt as _};
use tracing::Instrument as _;

use super::intake::{Intake, IntakeError};
use crate::db::NewJob;
use crate::model::{Job, JobId, JobKind, Timestamp};
use crate::spool::{BodyError, Manifest, ReceiveError, Spool};

/// So much of a body is waited for, so long, before its job is recorded.
const BYTES: usize = 64 << 10;
const PARTS: usize = 64;
const MOMENT: Duration = Duration::from_millis(10);

/// What has come of a body.
pub(super) enum Beginning {
    /// All of it.
    Whole(Bytes),
    /// Some of it, if any.
    Part(Vec<Result<Bytes, BodyError>>),
}

impl Beginning {
    pub(super) async fn of(mut body: Pin<&mut impl Stream<Item = Result<Bytes, BodyError>>>) -> Self {
        let (mut parts, mut bytes) = (Vec::new(), 0);
        let all = async {
            while let Some(part) = body.next().await {
                bytes += part.as_ref().map_or(BYTES, Bytes::len);
                parts.push(part);
                if bytes >= BYTES || parts.len() >= PARTS {
                    return false;
                }
            }
            true
        };
        if !tokio::time::timeout(MOMENT, all).await.unwrap_or(false) {
            return Self::Part(parts);
        }
        let mut parts: Vec<Bytes> = parts.into_iter().flatten().collect();
        Self::Whole(if parts.len() == 1 { parts.remove(0) } else { parts.concat().into() })
    }
}

impl Intake {
    /// Receives an upload that is in memory.
    pub(super) async fn whole_upload(&self, user: &str, bundle: Bytes) -> Result<Job, IntakeError> {
        self.whole(user, JobKind::Upload, move |spool, job| spool.receive_tar(job, bundle.clone().reader())).await
    }

    /// Receives a move.
    pub(super) async fn whole_move(&self, user: &str, document: Bytes) -> Result<Job, IntakeError> {
        self.whole(user, JobKind::Move, move |spool, job| spool.receive_document(job, &document)).await
    }

    /// In a task of its own, so that it is brought to an end whatever becomes of the caller.
    async fn whole<R>(&self, user: &str, kind: JobKind, receive: R) -> Result<Job, IntakeError>
    where
        R: Fn(&Spool, JobId) -> Result<Manifest, ReceiveError> + Clone + Send + Sync + 'static,
    {
        let (intake, user) = (self.clone(), user.to_owned());
        let receiving = async move { intake.keep_whole(&user, kind, receive).await };
        tokio::spawn(receiving.in_current_span()).await.map_err(|_| IntakeError::Stopping)?
    }

    async fn keep_whole<R>(&self, user: &str, kind: JobKind, receive: R) -> Result<Job, IntakeError>
    where
        R: Fn(&Spool, JobId) -> Result<Manifest, ReceiveError> + Clone + Send + Sync + 'static,
    {
        let began = Timestamp::now();
        let new = NewJob { kind, user, owner: &self.owner, now: began, lease_until: began.after(self.lease) };
        let mut tries = 0;
        loop {
            let job = self.ids.job().await.map_err(IntakeError::Ids)?;
            if let Some(kept) = self.keep_under(job, new, receive.clone()).await? {
                return Ok(kept);
            }
            tries += 1;
            self.was_taken(job, tries).await?;
        }
    }

    /// None where the id is another job's, or the spool has something of one that nobody knows.
    async fn keep_under<R>(&self, job: JobId, new: NewJob<'_>, receive: R) -> Result<Option<Job>, IntakeError>
    where
        R: FnOnce(&Spool, JobId) -> Result<Manifest, ReceiveError> + Send + 'static,
    {
        let hold = self.in_hand(job);
        let (opened, place) = match self.receive(job, move |spool| receive(spool, job)).await? {
            Ok(received) => received,
            Err(ReceiveError::Taken) => return Ok(None),
            Err(error) => return self.not_kept(job, new, error).await.map(Some),
        };
        let arrival = self.arrival(&opened.manifest, place.is_some()).await;
        match self.db.create_received_job(job, new, arrival).await {
            Ok(recorded) => self.go_on(recorded, opened, place, hold).await.map(Some),
            Err(error) if error.is_taken() => {
                self.forget(job).await;
                Ok(None)
            }
            Err(error) if self.db.is_embedded() => {
                self.forget(job).await;
                Err(error.into())
            }
            Err(error) => self.not_received(job, error).await.map(Some),
        }
    }

    /// Records the job of a bundle that could not be kept, as one that was interrupted.
    async fn not_kept(&self, job: JobId, new: NewJob<'_>, error: ReceiveError) -> Result<Job, IntakeError> {
        self.db.create_job(job, new).await?;
        self.db.job_lost_upload(job, Timestamp::now(), &error.to_string()).await?;
        Err(IntakeError::Receive { job, error })
    }
}
