//! Errors of the API: problem documents, RFC 9457.

use std::any::Any;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::db::DbError;
use crate::seams::SeamError;

/// What went wrong with a call, for whoever made it.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    code: StatusCode,
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Problem {
    pub(super) fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        let title = code.canonical_reason().unwrap_or("Error");
        Self { code, r#type: "about:blank", title, status: code.as_u16(), detail: detail.into() }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code;
        let mut response = (code, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if code == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        tracing::error!(%error, "the database failed a call");
        if error.is_temporary() {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "the gate's database does not answer; try again later")
        } else {
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the gate's database failed; its log says how")
        }
    }
}

impl From<SeamError> for Problem {
    fn from(error: SeamError) -> Self {
        tracing::error!(%error, "the archive failed a call");
        match error {
            SeamError::Refused(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the archive does not have it; see `sluice archive verify`",
            ),
            SeamError::Unavailable(_) | SeamError::Silent { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the archive does not answer; try again later")
            }
        }
    }
}

/// A path below `/api` that nothing is known by.
pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

/// A path below `/api` that is known by another method.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for {}", uri.path()))
}

/// A handler that panicked: a bug, which the log shows.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let what = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    tracing::error!(panic = what, "a call failed by a bug");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the call failed by a bug; the gate's log has more").into_response()
}
