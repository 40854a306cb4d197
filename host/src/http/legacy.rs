//! The calls of Pacifica Ingest, as its clients know them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, Request};
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Site;
use super::access::Who;
use super::body::{Bounds, DocumentBodyError, bounded, whole};
use super::caller::Caller;
use super::legacy_error::LegacyError;
use super::openapi::{Binary, NotTaken};
use crate::ingest::{Sender, Taken};
use crate::model::{Job, JobId, JobStatus, Stage, State, Task};

/// A key is a name, not a document.
const LONGEST_KEY: usize = 255;

/// The state of a job: the keys, and the types of their values, that Pacifica's clients read.
#[derive(Serialize, ToSchema)]
struct JobState {
    job_id: JobId,
    #[schema(value_type = State)]
    state: &'static str,
    #[schema(value_type = Task)]
    task: &'static str,
    task_percent: String,
    /// Whether it has ended.
    complete: bool,
    updated: String,
    created: String,
    exception: String,
}

fn example_state() -> Value {
    json!({
        "job_id": 17, "state": "OK", "task": "ingest files", "task_percent": "50.00000", "complete": false,
        "updated": "2026-01-25 16:54:50.012345", "created": "2026-01-25 16:54:49.000000", "exception": "",
    })
}

/// What monitoring reads.
#[derive(ToSchema)]
#[allow(dead_code, reason = "the answer is spelled to the letter")]
struct Message {
    message: String,
}

impl From<JobStatus> for JobState {
    fn from(job: JobStatus) -> Self {
        Self {
            job_id: job.id,
            state: job.state.name(),
            task: job.task.name(),
            task_percent: format!("{:.5}", job.percent),
            complete: job.complete,
            updated: job.updated.pacifica(),
            created: job.created.pacifica(),
            exception: job.exception,
        }
    }
}

/// `GET /`
#[utoipa::path(
    get,
    path = "/",
    tag = "pacifica",
    operation_id = "isUp",
    summary = "Whether the gate is up",
    responses((status = 200, description = "It is", body = inline(Message))),
)]
pub(super) async fn root() -> Response {
    // To the letter, space and all: monitoring compares it.
    ([(CONTENT_TYPE, "application/json")], r#"{"message": "Pacifica Ingest Up and Running"}"#).into_response()
}

/// `POST /upload`: a bundle. Answers when it is durable.
#[utoipa::path(
    post,
    path = "/upload",
    tag = "pacifica",
    operation_id = "upload",
    summary = "Send a bundle",
    params(("idempotency-key" = Option<String>, Header, description = "A name for this request, in quotes: the same name of the same user is the same job")),
    request_body(content = inline(Binary), content_type = "application/octet-stream", description = "A tar of metadata.txt and data/"),
    responses(
        (status = 200, description = "The bundle is on disk and its job is recorded", body = JobState, example = json!(example_state())),
        NotTaken,
    ),
)]
pub(super) async fn upload(
    axum::extract::State(site): axum::extract::State<Arc<Site>>,
    who: Who,
    Caller(user): Caller,
    request: Request,
) -> Result<Response, LegacyError> {
    allowed(&who)?;
    let most = site.settings.max_body;
    check_length(request.headers(), most)?;
    let Ok(_permit) = site.uploads.try_acquire() else {
        return Err(LegacyError::busy("the gate receives as many bundles as it can; try again later"));
    };
    let key = idempotency_key(request.headers())?;
    let waits = waits_for_leave(request.headers());
    let mut body = std::pin::pin!(bounded(request.into_body(), Bounds::of(&site.settings, most)));
    let job = match site.intake.upload(Sender { user: &user, key: key.as_deref() }, body.as_mut()).await? {
        Taken::Now(job) => job,
        Taken::Before(job) => {
            // A client that has not asked whether to send its bundle sends it, and many listen only when they are
            // done; one that has asked is answered instead.
            if !waits {
                while let Some(Ok(_)) = body.next().await {}
            }
            made_before(job)?
        }
    };
    Ok(Json(JobState::from(JobStatus::from(job))).into_response())
}

/// `POST /move`: the metadata document of files that lie on this side already.
#[utoipa::path(
    post,
    path = "/move",
    tag = "pacifica",
    operation_id = "move",
    summary = "Have the gate take files that lie on its side",
    params(("idempotency-key" = Option<String>, Header, description = "A name for this request, in quotes: the same name of the same user is the same job")),
    request_body(content = serde_json::Value, description = "The metadata document", example = json!([{"destinationTable": "Transactions.submitter", "value": 10}, {"destinationTable": "Transactions.project", "value": "1234a"}, {"destinationTable": "Transactions.instrument", "value": 54}])),
    responses(
        (status = 200, description = "The move is recorded", body = JobState),
        (status = 415, description = "The body is not said to be JSON"),
        NotTaken,
    ),
)]
pub(super) async fn relocate(
    axum::extract::State(site): axum::extract::State<Arc<Site>>,
    who: Who,
    Caller(user): Caller,
    request: Request,
) -> Result<Response, LegacyError> {
    allowed(&who)?;
    check_length(request.headers(), Some(site.max_document))?;
    if !is_json(request.headers()) {
        let what = "a move is a JSON document: send it with Content-Type: application/json";
        return Err(LegacyError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let key = idempotency_key(request.headers())?;
    let document = whole(request.into_body(), site.max_document, site.settings.idle_timeout).await?;
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&document) {
        return Err(LegacyError::new(StatusCode::BAD_REQUEST, format!("Invalid JSON document: {error}")));
    }
    let job = match site.intake.relocate(Sender { user: &user, key: key.as_deref() }, document).await? {
        Taken::Now(job) => job,
        Taken::Before(job) => made_before(job)?,
    };
    Ok(Json(JobState::from(JobStatus::from(job))).into_response())
}

/// The job of an earlier request with the same key. One whose bundle is still on its way is no answer: the client would
/// take it for a promise that nobody has made yet.
fn made_before(job: Job) -> Result<Job, LegacyError> {
    if job.stage != Stage::Receiving {
        return Ok(job);
    }
    let message = format!(
        "the request that came first with this Idempotency-Key is still being received, as job {}; send it again in a moment",
        job.id
    );
    Err(LegacyError::new(StatusCode::CONFLICT, message).with(RETRY_AFTER, "1"))
}

fn allowed(who: &Who) -> Result<(), LegacyError> {
    who.may_upload().map_err(|why| LegacyError::new(StatusCode::FORBIDDEN, why))
}

/// `GET /get_state?job_id=N`
#[utoipa::path(
    get,
    path = "/get_state",
    tag = "pacifica",
    operation_id = "getState",
    summary = "The state of a job",
    params(("job_id" = JobId, Query, description = "The job")),
    responses(
        (status = 200, description = "Its state", body = JobState, example = json!(example_state())),
        (status = 400, description = "There is no id, or it is none"),
        (status = 404, description = "There is no such job"),
    ),
)]
pub(super) async fn get_state(
    axum::extract::State(site): axum::extract::State<Arc<Site>>,
    RawQuery(query): RawQuery,
) -> Result<Response, LegacyError> {
    let query = query.unwrap_or_default();
    let given = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "job_id").map(|(_, value)| value);
    let bad = |message: String| LegacyError::new(StatusCode::BAD_REQUEST, message);
    let given = given.ok_or_else(|| bad("Missing parameters: job_id".to_owned()))?;
    let id: JobId = given.trim().parse().map_err(|_| bad(format!("job_id {given:?} is not an integer.")))?;
    match site.db.job_status(id).await? {
        Some(job) => Ok(Json(JobState::from(job)).into_response()),
        None => Err(LegacyError::new(StatusCode::NOT_FOUND, format!("job ID {id} does not exist."))),
    }
}

/// What no call is known by.
pub(super) async fn not_found(uri: Uri) -> LegacyError {
    LegacyError::new(StatusCode::NOT_FOUND, format!("The path {:?} was not found.", uri.path()))
}

/// A call that is known by another method.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> LegacyError {
    let allowed = match uri.path().trim_end_matches('/') {
        "" | "/get_state" => "GET, HEAD",
        _ => "POST",
    };
    let message = format!("Specified method is invalid for this resource: {method} {}", uri.path());
    LegacyError::new(StatusCode::METHOD_NOT_ALLOWED, message).with(ALLOW, allowed)
}

/// A body must say how long it is, or come in chunks, and must not be longer than is taken.
fn check_length(headers: &HeaderMap, most: Option<u64>) -> Result<(), LegacyError> {
    match headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok()) {
        Some(length) if most.is_some_and(|most| length > most) => Err(too_large(most.unwrap_or_default())),
        None if !headers.contains_key(TRANSFER_ENCODING) => {
            Err(LegacyError::new(StatusCode::LENGTH_REQUIRED, "send the body with Content-Length, or chunked"))
        }
        _ => Ok(()),
    }
}

/// The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header): a string of a structured field. One
/// without its quotes is taken as well, as most clients send it so.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, LegacyError> {
    let Some(given) = headers.get("idempotency-key") else { return Ok(None) };
    let bad = || {
        let what = format!("the Idempotency-Key must be a string of 1 to {LONGEST_KEY} visible characters of ASCII");
        LegacyError::new(StatusCode::BAD_REQUEST, what)
    };
    let text = given.to_str().map_err(|_| bad())?.trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && !key.contains(['"', '\\']) { Ok(Some(key.to_owned())) } else { Err(bad()) }
}

/// Whether the client sends its body only when it is told to.
fn waits_for_leave(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn too_large(most: u64) -> LegacyError {
    DocumentBodyError::TooLarge(most).into()
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // The two that upstream takes, and the family.
    essence == "application/json" || essence == "text/javascript" || essence.ends_with("+json")
}
