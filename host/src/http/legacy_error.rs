//! Errors as Pacifica's clients know them.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body::DocumentBodyError;
use super::problem::Problem;
use crate::db::DbError;
use crate::ingest::IntakeError;
use crate::spool::{BodyError, ReceiveError};

/// How long a client should wait where the gate cannot take its bundle just now, in seconds.
const RETRY_SECONDS: &str = "5";

/// An error of a legacy call, as it is sent.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = LegacyError)]
pub(super) struct Wire {
    /// The status in numbers and words.
    status: String,
    message: String,
    /// Always empty.
    traceback: &'static str,
    version: &'static str,
}

/// An error of a legacy call: `{"status", "message", "traceback", "version"}`.
pub(super) struct LegacyError {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, &'static str)>,
}

impl LegacyError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    pub(super) fn with(mut self, header: HeaderName, value: &'static str) -> Self {
        self.header = Some((header, value));
        self
    }

    /// The gate cannot take the bundle just now.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message).with(RETRY_AFTER, RETRY_SECONDS)
    }
}

impl From<LegacyError> for Problem {
    /// The same error, where it is the API that is asked.
    fn from(error: LegacyError) -> Self {
        Self::new(error.status, error.message)
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        LegacyError::from(error).into()
    }
}

impl IntoResponse for LegacyError {
    fn into_response(self) -> Response {
        let wire = Wire {
            status: self.status.to_string(),
            message: self.message,
            traceback: "",
            version: env!("CARGO_PKG_VERSION"),
        };
        let mut response = (self.status, Json(wire)).into_response();
        if let Some((header, value)) = self.header {
            response.headers_mut().insert(header, HeaderValue::from_static(value));
        }
        response
    }
}

impl From<DocumentBodyError> for LegacyError {
    fn from(error: DocumentBodyError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

impl From<DbError> for LegacyError {
    fn from(error: DbError) -> Self {
        tracing::error!(%error, "the database failed a call");
        if let DbError::LeaseLost(job) = error {
            // A database that crashed has forgotten the row of a bundle that it was never promised to keep.
            Self::busy(format!("the gate lost track of job {job} while it was received; send the bundle again"))
        } else if error.is_temporary() {
            Self::busy("the gate's database does not answer; try again later")
        } else {
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the gate's database failed; its log says how")
        }
    }
}

impl From<IntakeError> for LegacyError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Database(error) => error.into(),
            IntakeError::Ids(why) => {
                tracing::error!(error = %why, "no job id can be had");
                Self::busy("no job id can be had just now; try again later")
            }
            error @ IntakeError::OtherKind(..) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            IntakeError::Stopping => Self::busy("the gate is stopping; send the bundle again"),
            IntakeError::Receive { job, error } => {
                tracing::warn!(%job, %error, "a bundle could not be received");
                let message = format!("job {job}: {error}");
                match error {
                    ReceiveError::Body(BodyError::TooLarge(_)) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, message),
                    ReceiveError::Body(BodyError::Idle(_) | BodyError::Slow(_)) => {
                        Self::new(StatusCode::REQUEST_TIMEOUT, message)
                    }
                    ReceiveError::Body(BodyError::Lost(_)) => Self::new(StatusCode::BAD_REQUEST, message),
                    error if error.is_full() => {
                        let message = format!("job {job}: the gate has no room left; try again later");
                        Self::new(StatusCode::INSUFFICIENT_STORAGE, message).with(RETRY_AFTER, RETRY_SECONDS)
                    }
                    ReceiveError::Storage(_) | ReceiveError::Taken => {
                        Self::busy(format!("job {job}: the gate's spool cannot be written"))
                    }
                }
            }
        }
    }
}
