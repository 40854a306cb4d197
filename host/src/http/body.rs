//! The body of a request: bounded in size and in silence.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::spool::BodyError;

/// The pieces of a body, until it ends, grows too large, or nothing arrives for too long.
pub(super) fn bounded(
    body: Body,
    most: Option<u64>,
    idle: Duration,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    stream::unfold(Some((body, 0_u64)), move |state| async move {
        let (mut body, mut seen) = state?;
        loop {
            let frame = match tokio::time::timeout(idle, body.frame()).await {
                Err(_) => return Some((Err(BodyError::Idle(idle.as_secs())), None)),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some((Err(BodyError::Lost(error.to_string())), None)),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers mean nothing here.
            let Ok(data) = frame.into_data() else { continue };
            seen += data.len() as u64;
            return match most {
                Some(most) if seen > most => Some((Err(BodyError::TooLarge(most)), None)),
                _ => Some((Ok(data), Some((body, seen)))),
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
