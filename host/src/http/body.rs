//! The body of an upload: bounded in size and in silence.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body_util::BodyExt;

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
