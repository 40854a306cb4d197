//! `/api/uploads`: tus 1.0, <https://tus.io/protocols/resumable-upload>, with its extensions creation,
//! creation-with-upload, checksum, termination, expiration and concatenation.
//!
//! Beyond the protocol, `Sluice-Job` names the job that a whole upload has become. `Location` is relative to the address
//! that was asked, so that it holds wherever a proxy shows the gate.

mod headers;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use self::headers::{Concat, Wanted};
use super::super::Site;
use super::super::body::{Bounds, bounded};
use super::super::caller::Caller;
use super::super::openapi::{Binary, PartNotTaken};
use super::super::path::Named;
use super::super::problem::Problem;
use crate::ingest::{Part, UploadError, UploadState};
use crate::model::JobId;
use crate::spool::{BodyError, UploadId};

/// The status of a part that is not what its checksum says: tus's own.
const CHECKSUM_MISMATCH: u16 = 460;

/// `OPTIONS /api/uploads` and `/api/uploads/{id}`: what is spoken here.
#[utoipa::path(
    options,
    path = "/api/uploads",
    tag = "uploads",
    operation_id = "aboutUploads",
    summary = "What is spoken here",
    responses((status = 204, description = "tus 1.0.0", headers(("tus-resumable" = String), ("tus-version" = String), ("tus-extension" = String), ("tus-checksum-algorithm" = String), ("tus-max-size" = Option<u64>)))),
)]
pub(in crate::http) async fn options(State(site): State<Arc<Site>>) -> Response {
    (StatusCode::NO_CONTENT, headers::capabilities(site.settings.max_body)).into_response()
}

/// The same of one upload.
#[utoipa::path(
    options,
    path = "/api/uploads/{id}",
    tag = "uploads",
    operation_id = "aboutUpload",
    summary = "What is spoken here",
    params(("id" = String, Path, description = "The upload")),
    responses((status = 204, description = "tus 1.0.0", headers(("tus-resumable" = String), ("tus-version" = String)))),
)]
pub(in crate::http) async fn options_of_one(site: State<Arc<Site>>) -> Response {
    options(site).await
}

/// `POST /api/uploads`: begins an upload, or puts parts together.
#[utoipa::path(
    post,
    path = "/api/uploads",
    tag = "uploads",
    operation_id = "createUpload",
    summary = "Begin an upload, or put parts together",
    params(
        ("tus-resumable" = String, Header, description = "1.0.0", example = "1.0.0"),
        ("upload-length" = Option<u64>, Header, description = "Bytes of the whole; not for a final upload"),
        ("upload-metadata" = Option<String>, Header, description = "Keys with values in base64"),
        ("upload-concat" = Option<String>, Header, description = "`partial`, or `final;` and the addresses of the parts"),
        ("upload-checksum" = Option<String>, Header, description = "A hash and its base64: `sha256 …`"),
    ),
    request_body(content = inline(Binary), content_type = "application/offset+octet-stream", description = "The first part, if it comes along"),
    responses(
        (status = 201, description = "The upload; `location` is relative to this address", headers(("location" = String), ("tus-resumable" = String), ("upload-offset" = u64), ("upload-length" = u64))),
        (status = 403, description = "The parts cannot be put together, or the token has not the role uploader"),
        PartNotTaken,
    ),
)]
pub(in crate::http) async fn create(State(site): State<Arc<Site>>, Caller(user): Caller, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let created = begin(&site, &user, request).await;
    answer(created.map(|state| {
        let id = &state.record.id;
        // Seen from `/uploads/` the upload is a child, from `/uploads` a child of the sibling of that name.
        let location = if path.ends_with('/') { id.to_string() } else { format!("uploads/{id}") };
        let mut headers = headers::of_state(&state);
        headers.extend(HeaderValue::from_str(&location).ok().map(|location| (LOCATION, location)));
        (StatusCode::CREATED, headers).into_response()
    }))
}

async fn begin(site: &Site, user: &str, request: Request) -> Result<UploadState, Problem> {
    let given = request.headers();
    headers::speaks_tus(given)?;
    let metadata = headers::metadata(given)?;
    let part = match headers::concat(given)? {
        Some(Concat::Final(parts)) => {
            let _permit = permit(site)?;
            return Ok(site.in_parts.concatenate(user, parts, metadata).await?);
        }
        Some(Concat::Partial) => true,
        None => false,
    };
    let length = headers::length(given)?;
    if let Some(most) = site.settings.max_body.filter(|most| length > *most) {
        return Err(BodyError::TooLarge(most).into());
    }
    let first = if headers::has_part(given) { Some(headers::checksum(given)?) } else { None };
    let state = site.in_parts.create(user, length, metadata, part).await?;
    match first {
        Some(checksum) => {
            let id = state.record.id.clone();
            let appended = append(site, user, &id, Part { offset: 0, checksum }, request.into_body()).await;
            match appended {
                // What arrived of the first part is kept, and the client is to know where.
                Err(UploadError::Body(_)) => Ok(site.in_parts.state(user, &id).await?),
                other => Ok(other?),
            }
        }
        // One of no bytes is whole already.
        None if length == 0 => Ok(site.in_parts.state(user, &state.record.id).await?),
        None => Ok(state),
    }
}

/// `HEAD /api/uploads/{id}`: where an upload stands.
#[utoipa::path(
    head,
    path = "/api/uploads/{id}",
    tag = "uploads",
    operation_id = "getUpload",
    summary = "Where an upload stands",
    params(("id" = String, Path, description = "The upload"), ("tus-resumable" = String, Header, description = "1.0.0", example = "1.0.0")),
    responses(
        (status = 200, description = "Its offset", headers(("tus-resumable" = String), ("upload-offset" = u64), ("upload-length" = u64), ("upload-expires" = Option<String>), ("sluice-job" = Option<JobId>, description = "The job that a whole upload has become"))),
        (status = 403, description = "The token has not the role uploader"),
        (status = 404, description = "There is no such upload of this user"),
        (status = 410, description = "The upload has expired"),
        (status = 412, description = "Another version of tus is spoken here"),
        (status = 423, description = "Another request writes to it"),
    ),
)]
pub(in crate::http) async fn show(
    State(site): State<Arc<Site>>,
    Caller(user): Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    let shown = async {
        headers::speaks_tus(&headers)?;
        let _permit = permit(&site)?;
        Ok::<_, Problem>(site.in_parts.state(&user, &known(&id)?).await?)
    };
    answer(shown.await.map(|state| {
        let mut headers = headers::of_state(&state);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (StatusCode::OK, headers).into_response()
    }))
}

/// `PATCH /api/uploads/{id}`: adds a part.
#[utoipa::path(
    patch,
    path = "/api/uploads/{id}",
    tag = "uploads",
    operation_id = "appendToUpload",
    summary = "Add a part",
    params(("id" = String, Path, description = "The upload"), ("tus-resumable" = String, Header, description = "1.0.0", example = "1.0.0"), ("upload-offset" = u64, Header, description = "Where the part begins"), ("upload-checksum" = Option<String>, Header, description = "A hash and its base64: `sha256 …`")),
    request_body(content = inline(Binary), content_type = "application/offset+octet-stream", description = "The part"),
    responses(
        (status = 204, description = "The part is on disk", headers(("tus-resumable" = String), ("upload-offset" = u64), ("upload-length" = u64), ("upload-expires" = Option<String>), ("sluice-job" = Option<JobId>, description = "The job that a whole upload has become"))),
        (status = 403, description = "A final upload takes no parts, or the token has not the role uploader"),
        PartNotTaken,
    ),
)]
pub(in crate::http) async fn patch(
    State(site): State<Arc<Site>>,
    Caller(user): Caller,
    Named(id): Named<String>,
    request: Request,
) -> Response {
    let patched = async {
        let given = request.headers();
        headers::speaks_tus(given)?;
        if !headers::has_part(given) {
            let what = "send parts as application/offset+octet-stream";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
        }
        let part = Part { offset: headers::offset(given)?, checksum: headers::checksum(given)? };
        Ok(append(&site, &user, &known(&id)?, part, request.into_body()).await?)
    };
    answer(patched.await.map(|state| (StatusCode::NO_CONTENT, headers::of_state(&state)).into_response()))
}

/// `DELETE /api/uploads/{id}`: ends an upload.
#[utoipa::path(
    delete,
    path = "/api/uploads/{id}",
    tag = "uploads",
    operation_id = "endUpload",
    summary = "End an upload",
    params(("id" = String, Path, description = "The upload"), ("tus-resumable" = String, Header, description = "1.0.0", example = "1.0.0")),
    responses(
        (status = 204, description = "It is gone", headers(("tus-resumable" = String))),
        (status = 400, description = "A header is not what is asked for"),
        (status = 403, description = "The token has not the role uploader"),
        (status = 404, description = "There is no such upload of this user"),
        (status = 409, description = "It is a job already"),
        (status = 410, description = "The upload has expired"),
        (status = 412, description = "Another version of tus is spoken here"),
        (status = 423, description = "Another request writes to it"),
    ),
)]
pub(in crate::http) async fn delete(
    State(site): State<Arc<Site>>,
    Caller(user): Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    let deleted = async {
        headers::speaks_tus(&headers)?;
        Ok::<_, Problem>(site.in_parts.terminate(&user, &known(&id)?).await?)
    };
    answer(deleted.await.map(|()| StatusCode::NO_CONTENT.into_response()))
}

/// `POST /api/uploads/{id}`: another method, by the name of this one, for clients that can send no other.
#[utoipa::path(
    post,
    path = "/api/uploads/{id}",
    tag = "uploads",
    operation_id = "overrideMethod",
    summary = "Another method, by the name of this one",
    params(("id" = String, Path, description = "The upload"), ("tus-resumable" = String, Header, description = "1.0.0", example = "1.0.0"), ("x-http-method-override" = String, Header, description = "HEAD, PATCH or DELETE", example = "PATCH"), ("upload-offset" = Option<u64>, Header, description = "Where the part begins"), ("upload-checksum" = Option<String>, Header, description = "A hash and its base64: `sha256 …`")),
    request_body(content = inline(Binary), content_type = "application/offset+octet-stream", description = "The part, for PATCH"),
    responses(
        (status = 200, description = "As HEAD"),
        (status = 204, description = "As PATCH or DELETE"),
        (status = 403, description = "A final upload takes no parts, or the token has not the role uploader"),
        (status = 405, description = "The header names no such method"),
        PartNotTaken,
    ),
)]
pub(in crate::http) async fn overridden(
    state: State<Arc<Site>>,
    caller: Caller,
    id: Named<String>,
    request: Request,
) -> Response {
    match headers::wanted(request.headers()) {
        Some(Wanted::Head) => show(state, caller, id, request.headers().clone()).await,
        Some(Wanted::Patch) => patch(state, caller, id, request).await,
        Some(Wanted::Delete) => delete(state, caller, id, request.headers().clone()).await,
        None => {
            let what = "an upload is read with HEAD, added to with PATCH, and ended with DELETE";
            answer(Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, what)))
        }
    }
}

async fn append(site: &Site, user: &str, id: &UploadId, part: Part, body: Body) -> Result<UploadState, UploadError> {
    let Ok(_permit) = site.uploads.try_acquire() else { return Err(UploadError::Crowded) };
    let body = bounded(body, Bounds::of(&site.settings, None));
    site.in_parts.append(user, id, part, body).await
}

fn permit(site: &Site) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
    site.uploads.try_acquire().map_err(|_| UploadError::Crowded.into())
}

fn known(id: &str) -> Result<UploadId, Problem> {
    id.parse().map_err(|error: String| Problem::not_found(error))
}

/// Every answer says which version it speaks, errors as well.
fn answer(result: Result<Response, Problem>) -> Response {
    let mut response = result.unwrap_or_else(IntoResponse::into_response);
    let precondition = response.status() == StatusCode::PRECONDITION_FAILED;
    headers::version(response.headers_mut(), precondition);
    response
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Idle(_) | BodyError::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            BodyError::Lost(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        let status = match error {
            UploadError::Unknown(_) => StatusCode::NOT_FOUND,
            UploadError::Expired(_) => StatusCode::GONE,
            UploadError::Busy => StatusCode::LOCKED,
            UploadError::Offset { .. } => StatusCode::CONFLICT,
            UploadError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            UploadError::Checksum => StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST),
            UploadError::Final => StatusCode::FORBIDDEN,
            UploadError::Parts(_) => StatusCode::BAD_REQUEST,
            UploadError::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            UploadError::Body(error) => return error.into(),
            UploadError::Storage(error) => {
                tracing::error!(%error, "an upload in parts failed");
                return storage(&error);
            }
            UploadError::Intake(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}

fn storage(error: &std::io::Error) -> Problem {
    if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the gate has no room left; go on later")
    } else {
        Problem::unavailable("the gate's spool cannot be used; go on later")
    }
}
