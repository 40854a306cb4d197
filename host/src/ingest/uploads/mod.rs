//! Bundles that arrive in parts, through as many connections as it takes.
//!
//! Parts are appended to one file of the spool; when the last byte is there, the file goes the way of every upload, and
//! the job of it is made once, whatever dies meanwhile: the intake knows the upload by its id, as it knows a request by
//! its key. Whoever asks for an upload that is whole and has no job yet has the job made.

mod error;
mod stored;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::Stream;

pub use error::UploadError;
use stored::stored;

use super::intake::{Intake, IntakeError, Sender, Taken, forward};
use crate::failpoint::{self, Point};
use crate::model::{Digest, HashKind, Job, JobId, Stage, Timestamp};
use crate::spool::{BodyError, Locked, Purpose, UploadId, UploadRecord, UploadStore, body_channel};

/// A job that a process was making of an upload when it died is given up, and another one made, so often.
const TRIES: usize = 3;

/// Receives uploads in parts.
#[derive(Clone)]
pub struct Uploads {
    /// What makes jobs of whole bundles.
    pub intake: Intake,
    /// Where parts wait.
    pub store: UploadStore,
    /// How long an upload is kept to which nothing is added.
    pub expire: Duration,
}

/// An upload as its client sees it.
#[derive(Clone, Debug)]
pub struct UploadState {
    /// What is known of it.
    pub record: UploadRecord,
    /// How many of its bytes are here for good.
    pub offset: u64,
    /// When it is forgotten unless something is added.
    pub expires: Timestamp,
}

/// A part of an upload.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it begins.
    pub offset: u64,
    /// What it is to be.
    pub checksum: Option<Digest>,
}

impl Uploads {
    /// Begins an upload: of one file, or of a part that is to be put together with others.
    pub async fn create(
        &self,
        user: &str,
        length: u64,
        metadata: Option<String>,
        part: bool,
    ) -> Result<UploadState, UploadError> {
        let purpose = if part { Purpose::Part } else { Purpose::Job };
        let record = self.record(user, length, metadata, purpose);
        self.created(record).await
    }

    /// Puts whole parts together, in this order, and makes a job of them.
    pub async fn concatenate(
        &self,
        user: &str,
        parts: Vec<UploadId>,
        metadata: Option<String>,
    ) -> Result<UploadState, UploadError> {
        let (mut length, mut jobs) = (0, Vec::new());
        for id in &parts {
            let part = self.look(user, id).await?;
            if part.record.purpose != Purpose::Part {
                return Err(UploadError::Parts(format!("upload {id} was not begun as a part")));
            }
            if part.offset < part.record.length {
                let missing = part.record.length - part.offset;
                return Err(UploadError::Parts(format!("upload {id} lacks {missing} bytes yet")));
            }
            length += part.record.length;
            jobs.push(part.record.job);
        }
        if parts.is_empty() {
            return Err(UploadError::Parts("there are no parts to be put together".to_owned()));
        }
        let record = self.record(user, length, metadata, Purpose::Parts(parts));
        // Asked again, because the answer was lost, it is the same job: the bytes of the parts have gone into it.
        if let Some(job) = jobs[0]
            && jobs.iter().all(|other| *other == Some(job))
        {
            let state = self.created(record).await?;
            return self.settle(state.record, job).await;
        }
        if jobs.iter().any(Option::is_some) {
            return Err(UploadError::Parts("some of the parts have become another job already".to_owned()));
        }
        let state = self.created(record).await?;
        self.look_and_finish(state).await
    }

    fn record(&self, user: &str, length: u64, metadata: Option<String>, purpose: Purpose) -> UploadRecord {
        let id = UploadId::new(rand::random());
        UploadRecord { id, user: user.to_owned(), length, metadata, purpose, job: None }
    }

    async fn created(&self, record: UploadRecord) -> Result<UploadState, UploadError> {
        let (store, made) = (self.store.clone(), record.clone());
        blocking(move || Ok(store.create(&made)?)).await?;
        Ok(UploadState { record, offset: 0, expires: Timestamp::now().after(self.expire) })
    }

    /// An upload as it stands. One that is whole becomes a job first, if it has not yet.
    pub async fn state(&self, user: &str, id: &UploadId) -> Result<UploadState, UploadError> {
        let state = self.look(user, id).await?;
        match self.look_and_finish(state.clone()).await {
            // Somebody else is at it.
            Err(UploadError::Busy) => Ok(state),
            other => other,
        }
    }

    async fn look(&self, user: &str, id: &UploadId) -> Result<UploadState, UploadError> {
        let (store, sought) = (self.store.clone(), id.clone());
        let found = blocking(move || {
            let Some(record) = store.record(&sought)? else { return Ok(None) };
            let offset = match record.job {
                Some(_) => record.length,
                None => store.offset(&sought)?,
            };
            Ok(Some((record, offset, store.touched(&sought)?)))
        });
        let (record, offset, touched) = match found.await {
            Ok(Some(found)) if found.0.user == user => found,
            Ok(_) => return Err(UploadError::Unknown(id.clone())),
            // Its bytes went between two looks.
            Err(UploadError::Storage(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(UploadError::Busy);
            }
            Err(error) => return Err(error),
        };
        let age = touched.elapsed().unwrap_or_default();
        if age >= self.expire {
            return Err(UploadError::Expired(id.clone()));
        }
        Ok(UploadState { record, offset, expires: Timestamp::now().after(self.expire - age) })
    }

    /// Adds a part. What arrives of it is kept even when the rest does not, unless it has a checksum. With the last byte
    /// the upload becomes a job.
    pub async fn append<S>(&self, user: &str, id: &UploadId, part: Part, body: S) -> Result<UploadState, UploadError>
    where
        S: Stream<Item = Result<Bytes, BodyError>>,
    {
        let state = self.look(user, id).await?;
        if matches!(state.record.purpose, Purpose::Parts(_)) {
            return Err(UploadError::Final);
        }
        if state.record.job.is_some() {
            let (given, there) = (part.offset, state.offset);
            return if given == there { Ok(state) } else { Err(UploadError::Offset { given, there }) };
        }
        let (feed, reader) = body_channel();
        // A task of its own: what has arrived is to be kept, and the last part to become a job, whatever becomes of the
        // caller.
        let uploads = self.clone();
        let appending = tokio::spawn(async move {
            let (store, record) = (uploads.store.clone(), state.record.clone());
            let locked = blocking(move || {
                let mut locked = store.lock(&record.id)?;
                let (given, there) = (part.offset, locked.offset());
                if given != there {
                    return Err(UploadError::Offset { given, there });
                }
                locked.append(reader, record.length - there, part.checksum.as_ref())?;
                failpoint::pass(Point::UploadsAppended);
                Ok(locked)
            });
            let locked = locked.await?;
            let offset = locked.offset();
            let state = UploadState { offset, expires: Timestamp::now().after(uploads.expire), ..state };
            uploads.finish(state, locked).await
        });
        forward(body, feed).await;
        appending.await.map_err(|_| IntakeError::Stopping)?
    }

    /// Ends an upload that its client wants no more. The job of one that has become one is not touched.
    pub async fn terminate(&self, user: &str, id: &UploadId) -> Result<(), UploadError> {
        let state = self.look(user, id).await?;
        let (store, id) = (self.store.clone(), id.clone());
        blocking(move || {
            // Held while it is removed, so that no request goes on writing to what is gone.
            let _locked = match state.record.job {
                Some(_) => None,
                None => Some(store.lock(&id)?),
            };
            Ok(store.remove(&id)?)
        })
        .await
    }

    /// Makes the job of an upload that is whole and has none.
    async fn look_and_finish(&self, state: UploadState) -> Result<UploadState, UploadError> {
        let whole = state.offset == state.record.length || matches!(state.record.purpose, Purpose::Parts(_));
        if state.record.job.is_some() || state.record.purpose == Purpose::Part || !whole {
            return Ok(state);
        }
        let uploads = self.clone();
        let finishing = tokio::spawn(async move {
            let (store, id) = (uploads.store.clone(), state.record.id.clone());
            let locked = blocking(move || Ok(store.lock(&id)?)).await?;
            uploads.finish(state, locked).await
        });
        finishing.await.map_err(|_| IntakeError::Stopping)?
    }

    /// Makes the job, if this was the last part. The lock is held until it is made.
    async fn finish(&self, state: UploadState, locked: Locked) -> Result<UploadState, UploadError> {
        let UploadState { record, offset, .. } = &state;
        let key = match &record.purpose {
            Purpose::Part => return Ok(state),
            Purpose::Job if *offset < record.length => return Ok(state),
            // No client's key has a blank.
            Purpose::Job => format!("upload {}", record.id),
            Purpose::Parts(parts) => {
                let names: Vec<_> = parts.iter().map(ToString::to_string).collect();
                format!("parts {}", Digest::of(HashKind::Sha256, names.join(" ").as_bytes()).hex)
            }
        };
        let job = self.make_job(record, &key).await?;
        failpoint::pass(Point::UploadsJob);
        let state = self.settle(state.record, job).await?;
        drop(locked);
        Ok(state)
    }

    async fn make_job(&self, record: &UploadRecord, key: &str) -> Result<JobId, UploadError> {
        let sender = Sender { user: &record.user, key: Some(key) };
        for _ in 0..TRIES {
            let files = match &record.purpose {
                Purpose::Parts(parts) => parts.clone(),
                _ => vec![record.id.clone()],
            };
            let body = stored(self.store.clone(), files);
            match self.intake.upload(sender, body).await? {
                Taken::Now(job) => return Ok(job.id),
                // Nobody can be receiving it any more, since the upload is in our hands: whoever was has died.
                Taken::Before(Job { id, stage: Stage::Receiving, .. }) => {
                    self.intake.give_up(id).await.map_err(IntakeError::from)?;
                }
                Taken::Before(job) => return Ok(job.id),
            }
        }
        Err(UploadError::Busy)
    }

    /// Records the job, of an upload and of the parts it was put together from, and lets the bytes go.
    async fn settle(&self, record: UploadRecord, job: JobId) -> Result<UploadState, UploadError> {
        let store = self.store.clone();
        let record = blocking(move || {
            if let Purpose::Parts(parts) = &record.purpose {
                for part in parts {
                    if let Some(part) = store.record(part)? {
                        store.done(&part, job)?;
                    }
                }
            }
            Ok(store.done(&record, job)?)
        });
        let record = record.await?;
        Ok(UploadState { offset: record.length, record, expires: Timestamp::now().after(self.expire) })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| IntakeError::Stopping)?
}
