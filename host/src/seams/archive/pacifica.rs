//! A Pacifica archive interface: files over HTTP, each under its id.
//!
//! - A file of an upload is `PUT`; one of a move is `PATCH`ed, and the interface moves it itself, from a volume that it
//!   shares with the gate. Both answers are checked, and so is the size, where the interface tells it.
//! - It overwrites, so where ids are not those of the site's UniqueID service, an id that is in use is looked for first.
//! - It gives nothing back. What a failed job has put there stays, under ids that no metadata names; a retry of the job
//!   finds it.
//! - The interface's own server mixes files up that it handles at the same time (its POSIX back end keeps one open file
//!   for all requests). So calls take turns unless the admin allows more of them.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;

use super::{Archive, Contents, Location, Put, SeamError, Taken, missing, source};
use crate::model::FileId;
use crate::seams::service::{Answer, Call, Service};

/// Read at once.
const BUFFER: usize = 256 << 10;
/// An interface that has all of a file, or that moves one, is given a second more for so many bytes.
const SYNCED_IN_A_SECOND: u64 = 64 << 20;
const MOVED_IN_A_SECOND: u64 = 16 << 20;

/// The archive.
pub(crate) struct PacificaArchive {
    service: Service,
    turns: Arc<Semaphore>,
    concurrency: usize,
    look_first: bool,
    scratch: PathBuf,
}

impl PacificaArchive {
    /// The archive behind this service, sent so many files at a time. With `look_first`, an id is not trusted to be
    /// free. Files that are read are fetched into the folder `scratch`.
    pub(crate) fn new(service: Service, concurrency: usize, look_first: bool, scratch: PathBuf) -> Self {
        Self { service, turns: Arc::new(Semaphore::new(concurrency)), concurrency, look_first, scratch }
    }

    async fn put_one(&self, put: &Put, taken: &Taken) -> Result<(), SeamError> {
        let _turn = self.turns.acquire().await;
        let source = source::open(put).await?;
        let Some(file) = source else {
            if self.stored_size(&put.location).await? != Some(put.size) {
                return Err(source::gone(put));
            }
            taken.add(put.size);
            return Ok(());
        };
        if self.look_first && self.stored_size(&put.location).await?.is_some() {
            return self.is_ours(put, taken).await;
        }
        let sent = if put.moved { self.relocate(put, taken).await } else { self.send(put, file, taken).await };
        match sent {
            Ok(()) => self.check_size(put).await,
            // An interface refuses to write a file twice, with an error that says no more than that something failed.
            Err(error @ SeamError::Unavailable(_)) => match self.stored_size(&put.location).await {
                Ok(Some(size)) if size == put.size => self.is_ours(put, taken).await,
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn send(&self, put: &Put, file: std::fs::File, taken: &Taken) -> Result<(), SeamError> {
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        let modified = modified.ok().and_then(|at| jiff::Timestamp::try_from(at).ok()).unwrap_or_default();
        let pulse = Pulse::default();
        let (beat, count) = (pulse.clone(), taken.clone());
        let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), BUFFER);
        let pieces = pieces.inspect_ok(move |piece| {
            beat.beat(piece.len() as u64);
            count.add(piece.len() as u64);
        });
        let request = self
            .request(Method::PUT, &put.location)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, put.size)
            .header(LAST_MODIFIED, modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .body(Body::wrap_stream(pieces));
        let grace = self.service.timeout() + Duration::from_secs(put.size / SYNCED_IN_A_SECOND);
        let sending = self.service.open(request, Duration::MAX);
        let (call, answer) =
            pulse.watch(put.size, self.service.timeout(), grace, sending).await.unwrap_or_else(|| {
                let why = format!("the archive interface takes nothing: PUT of file {} has stood still", put.location);
                Err(SeamError::Silent { why, waited: self.service.timeout() })
            })?;
        let answer = self.service.settle(&call, answer).await?;
        let added = answer.json().is_some_and(|json| json["message"] == "File added to archive");
        if answer.status != StatusCode::CREATED || !added {
            return Err(self.not(&call, &answer, "201 \"File added to archive\""));
        }
        match total_bytes(&answer) {
            Some(total) if total == put.size => Ok(()),
            _ => Err(self.not(&call, &answer, &format!("a total_bytes of {}", put.size))),
        }
    }

    async fn relocate(&self, put: &Put, taken: &Taken) -> Result<(), SeamError> {
        let document = json!({"path": put.incoming.path().to_string_lossy()}).to_string();
        let request =
            self.request(Method::PATCH, &put.location).header(CONTENT_TYPE, "application/json").body(document);
        let patience = self.service.timeout() + Duration::from_secs(put.size / MOVED_IN_A_SECOND);
        let (call, answer) = self.service.open(request, patience).await?;
        let answer = self.service.settle(&call, answer).await?;
        let moved = answer.json().is_some_and(|json| json["message"] == "File Moved Successfully");
        if answer.status != StatusCode::OK || !moved {
            return Err(self.not(&call, &answer, "200 \"File Moved Successfully\""));
        }
        taken.add(put.size);
        Ok(())
    }

    /// A file of this size is there under the id. It is ours if it has our contents, or if ours has left.
    async fn is_ours(&self, put: &Put, taken: &Taken) -> Result<(), SeamError> {
        let same = !put.incoming.is_there()
            || match self.stored_size(&put.location).await? {
                Some(size) if size == put.size => self.same_contents(put).await?,
                _ => false,
            };
        if same {
            taken.add(put.size);
            return Ok(());
        }
        Err(SeamError::Refused(format!(
            "the archive interface has another file under id {} already, and nothing in it is ever overwritten; are ids \
             taken from the site's UniqueID service?",
            put.location
        )))
    }

    async fn same_contents(&self, put: &Put) -> Result<bool, SeamError> {
        let Some(file) = source::open(put).await? else { return Ok(true) };
        let mut ours = tokio::fs::File::from_std(file);
        let (call, mut theirs) = self.get(&put.location).await?;
        let failed =
            |error: std::io::Error| SeamError::Unavailable(format!("{}: {error}", put.incoming.path().display()));
        let mut buffer = Vec::new();
        while let Some(piece) = self.service.piece(&call, &mut theirs).await? {
            buffer.resize(piece.len(), 0);
            match ours.read_exact(&mut buffer).await {
                Ok(_) if buffer == piece => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(ours.read(&mut [0]).await.map_err(failed)? == 0)
    }

    /// Compares the size with what the interface says it has, where it says that.
    async fn check_size(&self, put: &Put) -> Result<(), SeamError> {
        match self.stored_size(&put.location).await {
            Ok(Some(size)) if size != put.size => Err(SeamError::Unavailable(format!(
                "the archive interface has {size} bytes of file {} and was sent {}: is something else writing to it?",
                put.location, put.size
            ))),
            _ => Ok(()),
        }
    }

    /// The size of a file, by `HEAD`; none where the interface does not say it, be it that there is no such file.
    async fn stored_size(&self, location: &Location) -> Result<Option<u64>, SeamError> {
        let request = self.request(Method::HEAD, location);
        match self.service.open(request, self.service.timeout()).await {
            Ok((_, answer)) if answer.status().is_success() => {
                let size = answer.headers().get("x-content-length");
                Ok(size.and_then(|size| size.to_str().ok()?.parse().ok()))
            }
            // It answers 500 for a file that is not there.
            Ok(_) | Err(SeamError::Unavailable(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get(&self, location: &Location) -> Result<(Call, reqwest::Response), SeamError> {
        let request = self.request(Method::GET, location);
        match self.service.open(request, self.service.timeout()).await {
            Ok((call, answer)) if answer.status() == StatusCode::OK => Ok((call, answer)),
            Ok((_, answer)) if answer.status() == StatusCode::NOT_FOUND => Err(missing(location)),
            Ok((call, answer)) => {
                let answer = self.service.settle(&call, answer).await?;
                Err(self.service.refused(&call, &answer))
            }
            Err(SeamError::Unavailable(why)) if why.contains("No such file") => Err(missing(location)),
            Err(error) => Err(error),
        }
    }

    /// Fetches a file into one that has no name and is gone when it is closed. An interface sends files whole, and a
    /// slow reader must not keep others from their turn.
    async fn fetch(&self, location: &Location, size: u64) -> Result<tokio::fs::File, SeamError> {
        let _turn = self.turns.acquire().await;
        let (call, mut answer) = self.get(location).await?;
        let failed = |error: std::io::Error| {
            SeamError::Unavailable(format!("{} cannot take a file that is fetched: {error}", self.scratch.display()))
        };
        let path = self.scratch.join(format!(".fetched-{:016x}", rand::random::<u64>()));
        let mut options = tokio::fs::OpenOptions::new();
        let mut file = options.read(true).write(true).create_new(true).open(&path).await.map_err(failed)?;
        tokio::fs::remove_file(&path).await.map_err(failed)?;
        let mut fetched = 0;
        while let Some(piece) = self.service.piece(&call, &mut answer).await? {
            fetched += piece.len() as u64;
            file.write_all(&piece).await.map_err(failed)?;
        }
        if fetched != size {
            let what = format!("the archive interface sent {fetched} bytes of file {location}, which has {size}");
            return Err(SeamError::Unavailable(what));
        }
        file.flush().await.map_err(failed)?;
        Ok(file)
    }

    fn request(&self, method: Method, location: &Location) -> RequestBuilder {
        self.service.request(method, self.service.below(location.as_str()))
    }

    /// An answer that is not the one which says that it was done. A 4xx is a no already.
    fn not(&self, call: &Call, answer: &Answer, wanted: &str) -> SeamError {
        if answer.status.is_success() {
            self.service.strange(call, answer, wanted)
        } else {
            self.service.refused(call, answer)
        }
    }
}

/// The number of bytes that an answer says were taken.
fn total_bytes(answer: &Answer) -> Option<u64> {
    match answer.json()?.get("total_bytes")? {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    }
}

/// Whether a body is still being taken.
#[derive(Clone)]
struct Pulse(Arc<Mutex<(u64, Instant)>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((0, Instant::now()))))
    }
}

impl Pulse {
    fn beat(&self, bytes: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (state.0 + bytes, Instant::now());
    }

    /// Waits for the end of `sending`; none where nothing of the body has been taken for `idle`, or nothing came back
    /// for `grace` after all of it was.
    async fn watch<T>(
        &self,
        size: u64,
        idle: Duration,
        grace: Duration,
        sending: impl Future<Output = T>,
    ) -> Option<T> {
        let mut sending = std::pin::pin!(sending);
        loop {
            let (sent, last) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let deadline = last + if sent < size { idle } else { grace };
            match tokio::time::timeout_at(deadline.into(), &mut sending).await {
                Ok(done) => return Some(done),
                Err(_) if self.0.lock().unwrap_or_else(PoisonError::into_inner).1 == last => return None,
                Err(_) => {}
            }
        }
    }
}

#[async_trait]
impl Archive for PacificaArchive {
    fn place(&self, planned: Location, file: FileId) -> Location {
        Location::new(&file.to_string()).unwrap_or(planned)
    }

    async fn put(&self, files: Vec<Put>, taken: &Taken) -> Result<(), SeamError> {
        let puts: Vec<_> = files.iter().map(|put| self.put_one(put, taken)).collect();
        futures::stream::iter(puts).buffer_unordered(self.concurrency).try_collect().await
    }

    async fn take_back(&self, files: Vec<Put>) -> Result<(), SeamError> {
        let left: Vec<_> = files.iter().filter(|put| put.moved && !put.incoming.is_there()).collect();
        if let Some(first) = left.first() {
            return Err(SeamError::Refused(format!(
                "{} is in the archive interface under id {}, and {} more with it; the interface gives nothing back",
                first.incoming.path().display(),
                first.location,
                left.len() - 1
            )));
        }
        if let (Some(first), Some(last)) = (files.first(), files.last()) {
            let (job, first, last) = (first.job, &first.location, &last.location);
            tracing::warn!(%job, %first, %last, "files of a failed job may be in the archive interface, which gives none back");
        }
        Ok(())
    }

    async fn size(&self, location: &Location) -> Result<Option<u64>, SeamError> {
        let _turn = self.turns.acquire().await;
        match self.stored_size(location).await? {
            Some(size) => Ok(Some(size)),
            // What it does not say is found out by reading.
            None => match self.get(location).await {
                Ok((call, mut answer)) => {
                    let mut size = 0;
                    while let Some(piece) = self.service.piece(&call, &mut answer).await? {
                        size += piece.len() as u64;
                    }
                    Ok(Some(size))
                }
                Err(SeamError::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    async fn open(&self, location: &Location, size: u64, range: Range<u64>) -> Result<Contents, SeamError> {
        let mut file = self.fetch(location, size).await?;
        let sought = file.seek(std::io::SeekFrom::Start(range.start)).await;
        sought.map_err(|error| SeamError::Unavailable(format!("a fetched file cannot be read: {error}")))?;
        Ok(Box::new(file.take(range.end - range.start)))
    }
}
