//! `/api/validate`: what the rules would say of a bundle, from its metadata document alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::Site;
use super::super::body::{DocumentBodyError, whole};
use super::super::caller::Caller;
use super::super::problem::Problem;
use crate::model::{Document, FileId, JobKind, Report, Timestamp};
use crate::plugin::{Bundle, NoContents};
use crate::policy::{PolicyError, review};

/// What kind of job it would be; an upload where nothing is said.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Asked {
    #[param(value_type = Option<JobKind>)]
    kind: Option<String>,
}

/// `POST /api/validate?kind=upload|move`: a dry run. Answers the report whether the rules accept or not, with a job id
/// of 0; no job is made, no file is at hand for the rules, and nothing is kept.
#[utoipa::path(
    post,
    path = "/api/validate",
    tag = "jobs",
    operation_id = "validate",
    summary = "What the rules would say of a bundle",
    params(Asked),
    request_body(content = serde_json::Value, description = "The metadata document", example = json!([{"destinationTable": "Transactions.submitter", "value": 10}, {"destinationTable": "Transactions.project", "value": "1234a"}, {"destinationTable": "Transactions.instrument", "value": 54}])),
    responses(
        (status = 200, description = "The report, whether they accept or not; its job id is 0", body = Report),
        (status = 400, description = "The body is no document, or the kind is none"),
        (status = 408, description = "The document did not arrive in time"),
        (status = 413, description = "The document is too large"),
    ),
)]
pub(in crate::http) async fn validate(
    State(site): State<Arc<Site>>,
    Caller(user): Caller,
    asked: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| Problem::bad_request(error.body_text()))?;
    let kind = asked.kind.map_or(Ok(JobKind::Upload), |kind| kind.parse());
    let kind = kind.map_err(|error: String| Problem::bad_request(format!("kind: {error}")))?;
    let most = site.max_document;
    let said = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // Refused before a byte of it is read, where it says itself how long it is.
    if said.is_some_and(|length| length > most) {
        return Err(DocumentBodyError::TooLarge(most).into());
    }
    let text = whole(request.into_body(), most, site.settings.idle_timeout).await?;
    // Large documents take their time to parse, and other calls are not to wait for them.
    let parsed = tokio::task::spawn_blocking(move || Document::parse(text.into())).await;
    let document = parsed?.map_err(|error| Problem::bad_request(error.to_string()))?;
    // Ids that are nobody's, so that a mover whose places are made of them finds a place for each file.
    let ids = (1..).take(document.files().len()).map(FileId::new).collect();
    let (received, contents) = (Timestamp::now(), Arc::new(NoContents));
    let bundle = Bundle::new(None, kind, user, received, Arc::new(document), ids, contents);
    let snapshot = site.policy.active();
    let tables = site.policy.tables().pin(&snapshot, &BTreeMap::new()).await.map_err(PolicyError::from)?;
    let review = review(&snapshot, &tables, &Arc::new(bundle), Vec::new()).await;
    Ok(Json(review.report).into_response())
}
