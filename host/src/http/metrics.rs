//! `/metrics`, and the counting of calls.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::problem::Problem;
use crate::measures::{self, Standing};
use crate::model::Timestamp;

/// `GET /metrics`, in Prometheus's text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    operation_id = "getMetrics",
    summary = "What is counted, for Prometheus",
    responses((status = 200, description = "In Prometheus's text format", body = String, content_type = "text/plain")),
)]
pub(super) async fn show(State(site): State<Site>) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let oldest = site.db.oldest_waiting().await?.map_or(Duration::ZERO, |since| now.since(since));
    measures::stands(&Standing {
        unfinished: site.db.count_unfinished().await?,
        oldest,
        revision: site.policy.active().revision.map_or(0, |revision| revision.get()),
        unhealthy: site.policy.unhealthy().await?.len(),
        uploads: site.settings.max_uploads.saturating_sub(site.uploads.available_permits()),
    });
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
    let answer = next.run(request).await;
    measures::called(&method, &route, answer.status().as_u16(), began.elapsed());
    answer
}
