//! Sending bundles and the documents of moves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};

use super::parcel::{Parcel, ParcelError, body};
use super::{Gate, GateError, JobState, tus};
use crate::model::{JobId, JobKind, Report};

/// From this size on a bundle is sent in a way that can go on after the connection was lost.
const RESUMABLE: u64 = 64 << 20;
/// So many attempts in a row may come to nothing.
const ATTEMPTS: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Why a bundle was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The gate does not take it, or does not answer.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// It cannot be made.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
}

/// How the sending goes on, for whoever watches.
pub trait Watcher: Send + Sync {
    /// So many bytes of the whole have been sent by now.
    fn sent(&self, bytes: u64);
    /// An attempt came to nothing; the next one follows after a pause.
    fn again(&self, why: &str, pause: Duration);
}

/// Attempts, and the pauses between them, which grow while nothing is achieved.
pub(super) struct Attempts {
    left: u32,
    pause: Duration,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self { left: ATTEMPTS, pause: FIRST_PAUSE }
    }

    /// Something was achieved: patience is new.
    pub(super) fn refresh(&mut self) {
        *self = Self::new();
    }

    /// Waits for the next attempt, or gives the error back where it is of no use.
    pub(super) async fn after(&mut self, error: GateError, watcher: &dyn Watcher) -> Result<(), GateError> {
        if !error.is_passing() || self.left == 0 {
            return Err(error);
        }
        self.left -= 1;
        watcher.again(&error.to_string(), self.pause);
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// What the rules say of a document; none where the gate is one that cannot be asked.
pub async fn validate(gate: &Gate, kind: JobKind, document: Vec<u8>) -> Result<Option<Report>, GateError> {
    let request = gate.request(Method::POST, &format!("/api/validate?kind={kind}"));
    match gate.json(json(request, document)).await {
        Ok(report) => Ok(Some(report)),
        Err(GateError::Refused { status, .. }) if matches!(status.as_u16(), 404 | 405 | 501) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends a bundle. A large one goes on where it was when the connection is lost; a small one is sent again, under a key
/// by which the gate knows it, so that one job comes of it either way.
pub async fn send(gate: &Gate, parcel: &Arc<Parcel>, watcher: Arc<dyn Watcher>) -> Result<JobId, SendError> {
    let mut attempts = Attempts::new();
    if parcel.length() >= RESUMABLE {
        let resumable = loop {
            match tus::is_spoken(gate).await {
                Ok(spoken) => break spoken,
                Err(error) => attempts.after(error, &*watcher).await?,
            }
        };
        if resumable {
            return tus::send(gate, parcel, watcher).await;
        }
    }
    let key = idempotency_key();
    loop {
        watcher.sent(0);
        // An attempt whose end the gate has not noticed yet is answered 409, and the next one comes in its place.
        match post(gate, parcel, &key, watcher.clone()).await {
            Ok(state) => return Ok(state.job_id),
            Err(SendError::Gate(error)) => attempts.after(error, &*watcher).await?,
            Err(error) => return Err(error),
        }
    }
}

async fn post(gate: &Gate, parcel: &Arc<Parcel>, key: &str, watcher: Arc<dyn Watcher>) -> Result<JobState, SendError> {
    let request = gate.request(Method::POST, "/upload").header(CONTENT_TYPE, "application/octet-stream");
    let request = request.header("Idempotency-Key", key).header(CONTENT_LENGTH, parcel.length());
    let (tell, fault) = telling(0, watcher);
    let answer = gate.json(request.body(body(parcel, 0, tell, fault.clone()))).await;
    of_parcel(&fault)?;
    Ok(answer?)
}

/// Posts the document of a move, and answers the state of its job.
pub async fn move_files(gate: &Gate, document: Vec<u8>, watcher: &dyn Watcher) -> Result<JobState, GateError> {
    let (key, mut attempts) = (idempotency_key(), Attempts::new());
    loop {
        let request = gate.request(Method::POST, "/move").header("Idempotency-Key", &key);
        match gate.json(json(request, document.clone())).await {
            Ok(state) => return Ok(state),
            Err(error) => attempts.after(error, watcher).await?,
        }
    }
}

fn json(request: RequestBuilder, document: Vec<u8>) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json").body(document)
}

/// Where a fault in the making of a bundle is left, since the body of a request can only break off.
pub(super) type Fault = Arc<Mutex<Option<ParcelError>>>;

/// What one attempt tells of each piece to whoever watches, from this offset on, and the place of its fault.
pub(super) fn telling(offset: u64, watcher: Arc<dyn Watcher>) -> (impl Fn(u64) + Send + 'static, Fault) {
    let sent = std::sync::atomic::AtomicU64::new(offset);
    let tell = move |count| {
        let before = sent.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
        watcher.sent(before + count);
    };
    (tell, Fault::default())
}

/// A bundle that could not be made is the cause of whatever became of its request.
pub(super) fn of_parcel(fault: &Fault) -> Result<(), ParcelError> {
    fault.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
}

/// A key that no other bundle ever has, as a string of a structured field (draft-ietf-httpapi-idempotency-key-header).
fn idempotency_key() -> String {
    format!("\"{:032x}\"", rand::random::<u128>())
}
