//! `/api/events` and `/api/jobs/{id}/events`: what happens to jobs, as it happens, as Server-Sent Events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, HeaderMap};
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::super::Site;
use super::super::live::{Seat, Told, Wanted};
use super::super::openapi::LiveEvent;
use super::super::path::Named;
use super::super::problem::Problem;
use super::id;
use super::jobs::{known, word};
use crate::db::JobFilter;
use crate::model::{Change, JobId, JobKind, Stage, State as JobState};

/// Which jobs to tell of: those that fit when they have changed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Filter {
    #[param(value_type = Option<JobState>)]
    state: Option<String>,
    #[param(value_type = Option<Stage>)]
    stage: Option<String>,
    #[param(value_type = Option<JobKind>)]
    kind: Option<String>,
    /// Who sent them.
    user: Option<String>,
    submitter: Option<String>,
    project: Option<String>,
    instrument: Option<String>,
}

/// `GET /api/events`: every change of a job, from now on, or from where the listener was before.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "events",
    operation_id = "listen",
    summary = "What happens to jobs, as it happens",
    params(Filter, ("last-event-id" = Option<Change>, Header, description = "The id of the last event that was seen")),
    responses(
        (status = 200, description = "Server-Sent Events: `event: job` with the job as `getJob` shows it and, where it can be gone on from there, an `id`; `event: end` at the end of a job's stream", body = LiveEvent, content_type = "text/event-stream",
            headers(("cache-control" = String), ("x-accel-buffering" = String))),
        (status = 400, description = "A filter or the id is none"),
    ),
)]
pub(in crate::http) async fn all(
    State(site): State<Arc<Site>>,
    filter: Result<Query<Filter>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(filter) = filter.map_err(|error| Problem::bad_request(error.body_text()))?;
    let wanted = JobFilter {
        state: word::<JobState>(filter.state, "state")?,
        stage: word::<Stage>(filter.stage, "stage")?,
        kind: word::<JobKind>(filter.kind, "kind")?,
        user: filter.user,
        submitter: filter.submitter,
        project: filter.project,
        instrument: filter.instrument,
        ..JobFilter::default()
    };
    let after = last_seen(&headers)?;
    Ok(stream(site.live.tell(seat(&site)?, Wanted::All { filter: wanted, after })))
}

/// `GET /api/jobs/{id}/events`: the job as it is, then each change, until it has ended.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    tag = "events",
    operation_id = "listenToJob",
    summary = "A job as it is, and each change until it has ended",
    params(("id" = JobId, Path, description = "The job"), ("last-event-id" = Option<Change>, Header, description = "The id of the last event that was seen")),
    responses(
        (status = 200, description = "Server-Sent Events: `event: job` with the job as `getJob` shows it and, where it can be gone on from there, an `id`; `event: end` at the end of a job's stream", body = LiveEvent, content_type = "text/event-stream",
            headers(("cache-control" = String), ("x-accel-buffering" = String))),
        (status = 204, description = "The end of the job was seen already"),
        (status = 400, description = "An id is none"),
        (status = 404, description = "There is no such job"),
    ),
)]
pub(in crate::http) async fn of_job(
    State(site): State<Arc<Site>>,
    Named(text): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job: JobId = id(&text, "job")?;
    if let Some(seen) = last_seen(&headers)? {
        let now = site.db.job_and_change(job).await?;
        // A browser that was told of the end comes back all the same, unless it is told this way.
        if now.is_some_and(|(change, job)| job.complete() && change <= seen) {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let job = known(&site, &text).await?;
    Ok(stream(site.live.tell(seat(&site)?, Wanted::One(job.id))))
}

fn seat(site: &Site) -> Result<Seat, Problem> {
    site.live.seat().ok_or_else(|| {
        Problem::unavailable("as many listen here as may; come back later, or ask /api/jobs from time to time")
    })
}

/// The number of the event that a listener saw last.
fn last_seen(headers: &HeaderMap) -> Result<Option<Change>, Problem> {
    let Some(given) = headers.get("last-event-id") else { return Ok(None) };
    match given.to_str().unwrap_or_default().trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Problem::bad_request(format!("Last-Event-ID must be the id of an event of this gate; {text:?} is none"))
        }),
    }
}

fn stream(events: mpsc::Receiver<Told>) -> Response {
    let headers = [
        (CACHE_CONTROL, "no-store"),
        // A proxy of nginx's kind would keep events until it has a page of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Sse::new(ReceiverStream::new(events))).into_response()
}
