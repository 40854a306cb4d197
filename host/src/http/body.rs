//! The body of a request: bounded in size, in silence and in slowness.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::config::HttpSettings;
use crate::spool::BodyError;

/// What a body may have and must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The most bytes; none for any number.
    pub(super) most: Option<u64>,
    /// How long nothing may arrive.
    pub(super) idle: Duration,
    /// The fewest bytes a second, taken over as long as nothing may arrive; none for any.
    pub(super) rate: Option<u64>,
}

impl Bounds {
    /// Those of this site, for a body of at most so many bytes.
    pub(super) fn of(settings: &HttpSettings, most: Option<u64>) -> Self {
        Self { most, idle: settings.idle_timeout, rate: settings.min_rate }
    }
}

/// What has arrived since it was last looked whether that is enough.
///
/// Only the time counts in which the gate waits for its client: while the disk is slow, so may the client be.
#[derive(Debug, Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Whether what has arrived is too little for the time that it took.
    fn too_slow(&mut self, waited: Duration, bytes: u64, bounds: &Bounds) -> Option<u64> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited < bounds.idle {
            return None;
        }
        let Self { waited, bytes } = std::mem::take(self);
        bounds.rate.filter(|rate| (bytes as f64) < *rate as f64 * waited.as_secs_f64())
    }
}

/// The pieces of a body, until it ends, grows too large, or nothing or too little arrives for too long.
pub(super) fn bounded(body: Body, bounds: Bounds) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    stream::unfold(Some((body, 0_u64, Pace::default())), move |state| async move {
        let (mut body, mut seen, mut pace) = state?;
        loop {
            let began = Instant::now();
            let frame = match tokio::time::timeout(bounds.idle, body.frame()).await {
                Err(_) => return Some((Err(BodyError::Idle(bounds.idle.as_secs())), None)),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some((Err(BodyError::Lost(error.to_string())), None)),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers mean nothing here.
            let Ok(data) = frame.into_data() else { continue };
            seen += data.len() as u64;
            if let Some(rate) = pace.too_slow(began.elapsed(), data.len() as u64, &bounds) {
                return Some((Err(BodyError::Slow(rate)), None));
            }
            return match bounds.most {
                Some(most) if seen > most => Some((Err(BodyError::TooLarge(most)), None)),
                _ => Some((Ok(data), Some((body, seen, pace)))),
            };
        }
    })
}

/// Why a document did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentBodyError {
    /// It is larger than is taken.
    #[error("the body is larger than the {0} bytes taken here")]
    TooLarge(u64),
    /// It took too long.
    #[error("the document did not arrive within {0} s")]
    Late(u64),
    /// The client went away.
    #[error("the document did not arrive whole: {0}")]
    Lost(String),
}

impl DocumentBodyError {
    /// The status that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Lost(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// A document, which is small enough to be held whole.
pub(super) async fn whole(body: Body, most: u64, patience: Duration) -> Result<Bytes, DocumentBodyError> {
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    let read = tokio::time::timeout(patience, Limited::new(body, limit).collect()).await;
    let read = read.map_err(|_| DocumentBodyError::Late(patience.as_secs()))?;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| match error.is::<LengthLimitError>() {
        true => DocumentBodyError::TooLarge(most),
        false => DocumentBodyError::Lost(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_too_slow_by_what_it_sends_while_the_gate_waits_for_it() {
        let second = Duration::from_secs(1);
        let bounds = Bounds { most: None, idle: 10 * second, rate: Some(100) };
        let mut pace = Pace::default();
        // Not before as much time has passed as it may be silent for, and then over all of it.
        assert_eq!(pace.too_slow(9 * second, 1, &bounds), None);
        assert_eq!(pace.too_slow(second, 998, &bounds), Some(100));
        // A new count begins after each look: what was sent earlier is no credit for silence.
        assert_eq!(pace.too_slow(10 * second, 1_000_000, &bounds), None);
        assert_eq!(pace.too_slow(10 * second, 999, &bounds), Some(100));
        assert_eq!(pace.too_slow(10 * second, 1_000, &bounds), None);
        assert_eq!(Pace::default().too_slow(60 * second, 0, &Bounds { rate: None, ..bounds }), None);
    }
}
