//! Uploads in parts of which there is a record, so that what a crash leaves of one in the store is given up later: the
//! store would keep its parts, and charge for them, and no listing of objects shows them.
//!
//! The record is made, durably, before the first part is sent, and goes when the upload is completed or given up. What
//! is on record of a job that nobody else works on is left over.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload, PutResult, Result, UploadPart};

use crate::db::{Db, DbError};
use crate::model::{JobId, Timestamp};

/// A store that takes uploads in parts, and where they are on record.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Arc<dyn MultipartStore>,
    pub(super) db: Db,
}

impl Parts {
    /// Begins an upload.
    pub(super) async fn begin(
        &self,
        path: &Path,
        options: PutMultipartOptions,
        job: JobId,
    ) -> Result<Box<dyn MultipartUpload>> {
        let id = self.store.create_multipart_opts(path, options).await?;
        let recorded = self.db.upload_begun(job, path.as_ref(), &id, Timestamp::now()).await;
        let upload = Recorded { parts: self.clone(), path: path.clone(), id, job, sent: Arc::default(), next: 0 };
        if let Err(error) = recorded {
            // Nobody would ever find it.
            self.store.abort_multipart(path, &upload.id).await?;
            return Err(failed(error));
        }
        Ok(Box::new(upload))
    }

    /// Gives up what is on record of a job. Only for who knows that nobody is sending any of it.
    pub(super) async fn give_up(&self, job: JobId) -> Result<()> {
        for (path, id) in self.db.uploads_of(job).await.map_err(failed)? {
            self.abort(&Path::parse(&path)?, &id, job).await?;
            tracing::info!(%job, path, "an upload that was cut off is given up with the store");
        }
        Ok(())
    }

    async fn abort(&self, path: &Path, id: &str, job: JobId) -> Result<()> {
        match self.store.abort_multipart(path, &id.to_owned()).await {
            // It has been completed or given up before, and only its record was left.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            // Some stores say so of what they do not know any more. Where it is the gate's key that lacks the right, asking
            // again would not help either, and a job must not wait for it.
            Err(
                error @ (object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }),
            ) => {
                tracing::warn!(%job, %path, %error, "the store refuses to give up an upload; its parts may be left there");
            }
            Err(error) => return Err(error),
        }
        self.db.upload_ended(job, id).await.map_err(failed)
    }
}

fn failed(error: DbError) -> object_store::Error {
    object_store::Error::Generic { store: "the database", source: error.into() }
}

/// An upload that is on record.
struct Recorded {
    parts: Parts,
    path: Path,
    id: String,
    job: JobId,
    /// What the store has called the parts that it has, by their place.
    sent: Arc<Mutex<Vec<Option<PartId>>>>,
    next: usize,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("path", &self.path).field("id", &self.id).finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for Recorded {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let number = self.next;
        self.next += 1;
        let (store, path, id) = (self.parts.store.clone(), self.path.clone(), self.id.clone());
        let sent = self.sent.clone();
        async move {
            let part = store.put_part(&path, &id, number, data).await?;
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            if sent.len() <= number {
                sent.resize(number + 1, None);
            }
            sent[number] = Some(part);
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let missing =
            || object_store::Error::Generic { store: "an upload in parts", source: "a part is missing".into() };
        let sent = sent.into_iter().collect::<Option<Vec<_>>>().filter(|sent| sent.len() == self.next);
        let sent = sent.ok_or_else(missing)?;
        let done = self.parts.store.complete_multipart(&self.path, &self.id, sent).await?;
        // The object is there; a record that is left over is found to be of nothing.
        if let Err(error) = self.parts.db.upload_ended(self.job, &self.id).await {
            tracing::debug!(job = %self.job, %error, "the record of an upload is left over");
        }
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.abort(&self.path, &self.id, self.job).await
    }
}
