//! Errors of the API: problem documents, RFC 9457.

use std::any::Any;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::task::JoinError;

use super::body::DocumentBodyError;
use crate::db::DbError;
use crate::ingest::OrderError;
use crate::model::shortened;
use crate::policy::PolicyError;
use crate::seams::SeamError;

/// What went wrong with a call, for whoever made it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    code: StatusCode,
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// What is wrong, one by one, where it is several things.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<String>,
    /// Which check was not passed, where something was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        let title = code.canonical_reason().unwrap_or("Error");
        Self {
            code,
            r#type: "about:blank",
            title,
            status: code.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            check: None,
        }
    }

    /// Several things are wrong; the detail says so in a sentence, and here is each.
    pub(super) fn errors(mut self, errors: Vec<String>) -> Self {
        self.errors = errors;
        self
    }

    /// Something was checked and did not pass this.
    pub(super) fn check(mut self, check: &'static str) -> Self {
        self.check = Some(check);
        self
    }

    /// The status it is answered with.
    pub(super) fn status(&self) -> StatusCode {
        self.code
    }

    /// What went wrong, in a sentence.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
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
        if [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INSUFFICIENT_STORAGE].contains(&code) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(error: JsonRejection) -> Self {
        // It may quote the body.
        Self::new(error.status(), shortened(error.body_text()))
    }
}

impl From<DocumentBodyError> for Problem {
    fn from(error: DocumentBodyError) -> Self {
        Self::new(error.status(), error.to_string())
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

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NoSuchJob(_) => Self::not_found(error.to_string()),
            OrderError::Refused(why) => Self::new(StatusCode::CONFLICT, why),
            OrderError::Db(error) => error.into(),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Mistakes(mistakes) => {
                let detail = format!("the policy cannot be used; nothing was changed: {}", mistakes.join("; "));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).errors(mistakes)
            }
            PolicyError::Conflict { .. } => Self::new(StatusCode::PRECONDITION_FAILED, error.to_string()),
            PolicyError::NoSuchRevision(_) => Self::not_found(error.to_string()),
            PolicyError::Db(error) => error.into(),
            PolicyError::Failed(error) => error.into(),
        }
    }
}

/// Work on a thread of its own that came to no end: a bug in it is one of the call.
impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Self::unavailable("the gate is stopping; try again later"),
        }
    }
}

/// What nobody expects to fail. The log has all of it, the caller a word.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<DbError>() {
            Ok(error) => error.into(),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a call failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the gate failed; its log says how")
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
