//! `/metrics`, and the counting of calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::Site;
use super::problem::Problem;
use crate::measures::{self, Standing};
use crate::model::Timestamp;
use crate::traces;

/// `GET /metrics`, in Prometheus's text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    operation_id = "getMetrics",
    summary = "What is counted, for Prometheus",
    responses((status = 200, description = "In Prometheus's text format", body = String, content_type = "text/plain")),
)]
pub(super) async fn show(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let oldest = site.db.oldest_waiting().await?.map_or(Duration::ZERO, |since| now.since(since));
    measures::stands(&Standing {
        unfinished: site.db.count_unfinished().await?,
        oldest,
        revision: site.policy.active().revision.map_or(0, |revision| revision.get()),
        unhealthy: site.policy.unhealthy().await?.len(),
        uploads: site.settings.max_uploads.saturating_sub(site.uploads.available_permits()),
    });
    let events = site.db.count_events().await?;
    let oldest = events.oldest.map_or(Duration::ZERO, |since| now.since(since));
    measures::events_stand(events.waiting, events.given_up, oldest);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], site.measures.render()).into_response())
}

/// Counts a call.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let began = Instant::now();
    // A method that is not one of HTTP's own is a name that anybody may make up.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map_or("none".to_owned(), |path| path.as_str().to_owned());
    // What looks at the process now and again is no call worth tracing.
    let probe = matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics");
    let span = if probe { Span::none() } else { span_of(&method, &route) };
    traces::continue_from(&span, request.headers());
    let answer = next.run(request).instrument(span.clone()).await;
    span.record("status", answer.status().as_u16());
    if answer.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    measures::called(&method, &route, answer.status().as_u16(), began.elapsed());
    answer
}

fn span_of(method: &str, route: &str) -> Span {
    tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.status_code = Empty,
        job = Empty,
        status = Empty,
    )
}
