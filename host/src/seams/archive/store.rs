//! An archive in a store of objects: S3 and what speaks like it, Google Cloud Storage, Azure.
//!
//! - An object appears whole or not at all; that is the store's own promise.
//! - Nothing is overwritten. A small file is put on the condition that its place is free, which the store decides. A
//!   large one is put in parts, for which there is no such condition: its place is looked at before the first part and
//!   before the last word, and no other job of the gate can have it, as it is reserved.
//! - Every object names the job that put it. So a step that runs twice knows its own, and what is taken back is never
//!   somebody else's.
//! - The files of a move stay where they were until the job has gone well.
//! - An upload in parts that fails, or that is cut off by a stop, is given up, and the store told so; one that a crash has
//!   cut off is on record ([`Parts`]), and given up when its job is taken up again, or has ended.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _};
use tokio::sync::Semaphore;
use tokio_util::io::StreamReader;

use super::parts::Parts;
use super::{Archive, Contents, Location, Put, SeamError, Taken, missing, source};
use crate::model::JobId;

/// A file up to this size is put at once; a larger one in parts of it, so that memory stays flat.
const PART: u64 = 8 << 20;
/// Stores take 10,000 parts of one object; parts of very large files are larger.
const MOST_PARTS: u64 = 9_000;
/// Parts of one file that are under way at a time.
const PARTS_AT_ONCE: usize = 2;
/// Bytes that are held of each side while an object is compared with a file.
const COMPARED: usize = 256 << 10;
/// What an object says of the job that put it.
const JOB: &str = "sluice-job";

/// The archive.
#[derive(Clone)]
pub(crate) struct StoreArchive {
    store: Arc<dyn ObjectStore>,
    /// None for a store that removes by itself what was never completed, and for who puts nothing there.
    parts: Option<Parts>,
    prefix: Path,
    name: String,
    turns: Arc<Semaphore>,
    concurrency: usize,
}

impl StoreArchive {
    /// The archive below a prefix of a store, sent so many files at a time; `name` is what errors call it.
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        parts: Option<Parts>,
        prefix: Path,
        name: String,
        concurrency: usize,
    ) -> Self {
        Self { store, parts, prefix, name, turns: Arc::new(Semaphore::new(concurrency)), concurrency }
    }

    fn path(&self, location: &Location) -> Result<Path, SeamError> {
        let whole = format!("{}/{location}", self.prefix);
        Path::parse(whole.trim_start_matches('/'))
            .map_err(|error| SeamError::Refused(format!("{} cannot keep a file at {location}: {error}", self.name)))
    }

    /// Runs one call; an error of it is put into words, and into those of which trying again may be a cure.
    async fn call<T>(
        &self,
        what: &str,
        location: &Location,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, SeamError> {
        let began = Instant::now();
        call.await.map_err(|error| {
            let why = format!("{} fails to {what} {location}: {}", self.name, innermost(&error));
            match error {
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. }
                | object_store::Error::InvalidPath { .. }
                | object_store::Error::NotSupported { .. }
                | object_store::Error::NotImplemented { .. }
                | object_store::Error::AlreadyExists { .. }
                | object_store::Error::NotFound { .. } => SeamError::Refused(why),
                _ => SeamError::Silent { why, waited: began.elapsed() },
            }
        })
    }

    /// What is at a place, and which job put it there.
    async fn look(&self, location: &Location) -> Result<Option<(ObjectMeta, Option<JobId>)>, SeamError> {
        let path = self.path(location)?;
        let head = GetOptions { head: true, ..GetOptions::default() };
        let looked = async {
            match self.store.get_opts(&path, head).await {
                Ok(found) => Ok(Some(found)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let found = self.call("look at", location, looked).await?;
        Ok(found.map(|found| {
            let job = found.attributes.get(&Attribute::Metadata(JOB.into())).and_then(|job| job.parse().ok());
            (found.meta, job)
        }))
    }

    /// Whether a file is in its place already, put there by its own job. Another one in its place is an error.
    async fn is_in_place(&self, put: &Put) -> Result<bool, SeamError> {
        match self.look(&put.location).await? {
            None => Ok(false),
            Some((meta, job)) if job == Some(put.job) && meta.size == put.size => Ok(true),
            // Some stores keep no such word, or write it down after the object and can be cut off in between. The place
            // is reserved for this job, so what counts is whether these are its bytes.
            Some((meta, None)) if meta.size == put.size && self.has_its_bytes(put).await? => Ok(true),
            Some(_) => Err(self.taken(put)),
        }
    }

    /// Whether the object at a file's place is the file, byte by byte.
    async fn has_its_bytes(&self, put: &Put) -> Result<bool, SeamError> {
        let Some(file) = source::open(put).await? else { return Ok(false) };
        let mut file = tokio::io::BufReader::with_capacity(COMPARED, tokio::fs::File::from_std(file));
        let object = self.open(&put.location, put.size, 0..put.size).await?;
        let mut object = tokio::io::BufReader::with_capacity(COMPARED, object);
        loop {
            let ours = file.fill_buf().await.map_err(|error| unreadable(put, &error))?;
            let there = object.fill_buf().await.map_err(|error| {
                SeamError::Unavailable(format!("{} breaks off while {} is read: {error}", self.name, put.location))
            })?;
            let length = ours.len().min(there.len());
            if ours[..length] != there[..length] || (length == 0 && ours.len() != there.len()) {
                return Ok(false);
            }
            if length == 0 {
                return Ok(true);
            }
            file.consume(length);
            object.consume(length);
        }
    }

    fn taken(&self, put: &Put) -> SeamError {
        SeamError::Refused(format!(
            "the archive already has a file at {}, and nothing in it is ever overwritten",
            put.location
        ))
    }

    async fn put_one(&self, put: &Put, taken: &Taken) -> Result<(), SeamError> {
        let _turn = self.turns.acquire().await;
        let Some(file) = source::open(put).await? else {
            if !self.is_in_place(put).await? {
                return Err(source::gone(put));
            }
            taken.add(put.size);
            return Ok(());
        };
        let mut file = tokio::fs::File::from_std(file);
        if put.size <= PART {
            // One byte more than there should be tells a file that has grown.
            let bytes = self.read(put, &mut file, put.size + 1).await?;
            self.put_at_once(put, bytes).await?;
            taken.add(put.size);
            return Ok(());
        }
        if self.is_in_place(put).await? {
            taken.add(put.size);
            return Ok(());
        }
        self.put_in_parts(put, file, taken).await
    }

    /// Reads up to so many bytes; the last piece of a file may be shorter.
    async fn read(&self, put: &Put, file: &mut tokio::fs::File, most: u64) -> Result<Bytes, SeamError> {
        // A byte to spare, so that looking for the end does not double the buffer.
        let mut bytes = BytesMut::with_capacity(usize::try_from(most.min(put.size)).unwrap_or_default() + 1);
        let mut limited = file.take(most);
        while (bytes.len() as u64) < most {
            match limited.read_buf(&mut bytes).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(unreadable(put, &error)),
            }
        }
        Ok(bytes.freeze())
    }

    async fn put_at_once(&self, put: &Put, bytes: Bytes) -> Result<(), SeamError> {
        if bytes.len() as u64 != put.size {
            return Err(changed(put));
        }
        let path = self.path(&put.location)?;
        let options = PutOptions { mode: PutMode::Create, attributes: attributes(put), ..PutOptions::default() };
        let stored = async {
            match self.store.put_opts(&path, bytes.into(), options).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        if self.call("take", &put.location, stored).await? || self.is_in_place(put).await? {
            return Ok(());
        }
        // It was there a moment ago, and is not any more.
        Err(SeamError::Unavailable(format!("something is changing {} while it is put there", put.location)))
    }

    async fn put_in_parts(&self, put: &Put, mut file: tokio::fs::File, taken: &Taken) -> Result<(), SeamError> {
        let path = self.path(&put.location)?;
        let options = PutMultipartOptions { attributes: attributes(put), ..PutMultipartOptions::default() };
        let begin = async {
            match &self.parts {
                Some(parts) => parts.begin(&path, options, put.job).await,
                None => self.store.put_multipart_opts(&path, options).await,
            }
        };
        let begun = self.call("begin", &put.location, begin).await?;
        let mut upload = Upload(Some(begun));
        let part = PART.max(put.size.div_ceil(MOST_PARTS));
        let (mut under_way, mut sent) = (VecDeque::new(), 0);
        loop {
            let bytes = self.read(put, &mut file, part).await?;
            let last = bytes.is_empty();
            while under_way.len() >= PARTS_AT_ONCE || (last && !under_way.is_empty()) {
                if let Some((size, part)) = under_way.pop_front() {
                    self.call("take a part of", &put.location, part).await?;
                    taken.add(size);
                }
            }
            if last {
                break;
            }
            let size = bytes.len() as u64;
            sent += size;
            under_way.push_back((size, upload.open()?.put_part(bytes.into())));
        }
        if sent != put.size {
            return Err(changed(put));
        }
        if self.is_in_place(put).await? {
            return Ok(());
        }
        self.call("complete", &put.location, upload.open()?.complete()).await?;
        upload.0 = None;
        Ok(())
    }
}

/// An upload in parts, given up unless it has been completed.
struct Upload(Option<Box<dyn MultipartUpload>>);

impl Upload {
    fn open(&mut self) -> Result<&mut Box<dyn MultipartUpload>, SeamError> {
        self.0.as_mut().ok_or_else(|| SeamError::Unavailable("the upload has ended".to_owned()))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Also where the work was cut off: a drop cannot wait, so another task tells the store.
        if let (Some(mut upload), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "an upload that was given up may have left parts in the store");
                }
            });
        }
    }
}

fn attributes(put: &Put) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(JOB.into()), put.job.to_string())])
}

fn unreadable(put: &Put, error: &std::io::Error) -> SeamError {
    SeamError::Unavailable(format!("{} cannot be read: {error}", put.incoming.path().display()))
}

fn changed(put: &Put) -> SeamError {
    SeamError::Refused(format!("{} changed its size while it was read", put.incoming.path().display()))
}

/// The words of the cause: the outer ones repeat the request, address and all.
fn innermost(error: &object_store::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[async_trait]
impl Archive for StoreArchive {
    async fn put(&self, files: Vec<Put>, taken: &Taken) -> Result<(), SeamError> {
        let puts: Vec<_> = files.iter().map(|put| self.put_one(put, taken)).collect();
        futures::stream::iter(puts).buffer_unordered(self.concurrency).try_collect().await
    }

    async fn give_up(&self, job: JobId) -> Result<(), SeamError> {
        let Some(parts) = &self.parts else { return Ok(()) };
        parts.give_up(job).await.map_err(|error| {
            let why = innermost(&error);
            SeamError::Unavailable(format!("{} fails to give up what was begun: {why}", self.name))
        })
    }

    fn leaves_originals(&self) -> bool {
        true
    }

    async fn take_back(&self, files: Vec<Put>) -> Result<(), SeamError> {
        for put in &files {
            let Some((_, job)) = self.look(&put.location).await? else { continue };
            if job != Some(put.job) {
                continue;
            }
            // What is the only copy is never deleted.
            if !put.incoming.is_there() {
                let path = put.incoming.path().display();
                return Err(SeamError::Refused(format!("{path} is not there any more; {} is all of it", put.location)));
            }
            let path = self.path(&put.location)?;
            self.call("delete", &put.location, self.store.delete(&path)).await?;
        }
        Ok(())
    }

    async fn size(&self, location: &Location) -> Result<Option<u64>, SeamError> {
        Ok(self.look(location).await?.map(|(meta, _)| meta.size))
    }

    async fn open(&self, location: &Location, _size: u64, range: Range<u64>) -> Result<Contents, SeamError> {
        if range.is_empty() {
            return Ok(Box::new(tokio::io::empty()));
        }
        let path = self.path(location)?;
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let opened = async {
            match self.store.get_opts(&path, options).await {
                Ok(found) => Ok(Some(found)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let found = self.call("read", location, opened).await?.ok_or_else(|| missing(location))?;
        Ok(Box::new(StreamReader::new(found.into_stream().map_err(std::io::Error::other).boxed())))
    }
}
