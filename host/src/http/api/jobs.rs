//! `/api/jobs`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::super::Site;
use super::super::access::Who;
use super::super::problem::Problem;
use super::id;
use crate::db::{JobFilter, StoredFile, StoredTransaction};
use crate::model::{FileId, Job, JobId, JobKind, KeyValue, Role, Stage, State as JobState};

/// Jobs on a page, where nothing else is asked for, and at most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1_000;

/// What jobs to list. `before` is the `next` of the page before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Filter {
    state: Option<String>,
    stage: Option<String>,
    kind: Option<String>,
    user: Option<String>,
    submitter: Option<String>,
    project: Option<String>,
    instrument: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Page {
    jobs: Vec<JobView>,
    /// What to give as `before` for the next page; null on the last.
    next: Option<JobId>,
}

/// A job as the API shows it.
#[derive(Serialize)]
pub(in crate::http) struct JobView {
    #[serde(flatten)]
    job: Job,
    complete: bool,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self { complete: job.complete(), job }
    }
}

/// A job with what the metadata store has of it.
#[derive(Serialize)]
struct JobDetails {
    #[serde(flatten)]
    job: JobView,
    transaction: Option<TransactionView>,
}

#[derive(Serialize)]
struct TransactionView {
    submitter: Option<String>,
    project: Option<String>,
    instrument: Option<String>,
    key_values: Vec<KeyValue>,
}

impl From<StoredTransaction> for TransactionView {
    fn from(stored: StoredTransaction) -> Self {
        let StoredTransaction { submitter, project, instrument, key_values, .. } = stored;
        Self { submitter, project, instrument, key_values }
    }
}

#[derive(Serialize)]
struct Files {
    files: Vec<FileView>,
}

/// A file of a job.
#[derive(Serialize)]
struct FileView {
    id: FileId,
    #[serde(flatten)]
    file: StoredFile,
}

fn word<T: std::str::FromStr<Err = String>>(given: Option<String>, key: &str) -> Result<Option<T>, Problem> {
    given.map(|text| text.parse().map_err(|error| Problem::bad_request(format!("{key}: {error}")))).transpose()
}

/// `GET /api/jobs`: newest first.
pub(in crate::http) async fn list(
    State(site): State<Site>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = filter.limit.unwrap_or(PAGE);
    if limit == 0 || limit > LARGEST_PAGE {
        return Err(Problem::bad_request(format!("limit must be from 1 to {LARGEST_PAGE}")));
    }
    let wanted = JobFilter {
        state: word::<JobState>(filter.state, "state")?,
        stage: word::<Stage>(filter.stage, "stage")?,
        kind: word::<JobKind>(filter.kind, "kind")?,
        user: filter.user,
        submitter: filter.submitter,
        project: filter.project,
        instrument: filter.instrument,
        before: filter.before.map(JobId::new),
        limit,
    };
    let jobs = site.db.list_jobs(&wanted).await?;
    let full = jobs.len() == limit as usize;
    let next = jobs.last().map(|job| job.id).filter(|_| full);
    Ok(Json(Page { jobs: jobs.into_iter().map(JobView::from).collect(), next }).into_response())
}

async fn known(site: &Site, text: &str) -> Result<Job, Problem> {
    let id: JobId = id(text, "job")?;
    site.db.get_job(id).await?.ok_or_else(|| Problem::not_found(format!("there is no job {id}")))
}

/// `GET /api/jobs/{id}`
pub(in crate::http) async fn show(State(site): State<Site>, Path(text): Path<String>) -> Result<Response, Problem> {
    let job = known(&site, &text).await?;
    let transaction = site.db.transaction(job.id).await?.map(TransactionView::from);
    Ok(Json(JobDetails { job: job.into(), transaction }).into_response())
}

/// `GET /api/jobs/{id}/report`
pub(in crate::http) async fn report(State(site): State<Site>, Path(text): Path<String>) -> Result<Response, Problem> {
    let job = known(&site, &text).await?;
    let report = site.db.get_report(job.id).await?;
    let report = report.ok_or_else(|| Problem::not_found(format!("job {} has not been validated yet", job.id)))?;
    Ok(([(CONTENT_TYPE, "application/json")], report).into_response())
}

/// `GET /api/jobs/{id}/files`: the files of an ingested job.
pub(in crate::http) async fn files(State(site): State<Site>, Path(text): Path<String>) -> Result<Response, Problem> {
    let job = known(&site, &text).await?;
    let stored = site.db.transaction(job.id).await?.map(|transaction| transaction.files).unwrap_or_default();
    let view = |file: StoredFile| FileView { id: file.id, file };
    Ok(Json(Files { files: stored.into_iter().map(view).collect() }).into_response())
}

/// `POST /api/jobs/{id}/retry`: a failed job waits for a worker again.
pub(in crate::http) async fn retry(
    State(site): State<Site>,
    who: Who,
    Path(text): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let bearer = who.must(Role::Operator)?;
    let job = known(&site, &text).await?;
    site.intake.retry(job.id, &bearer.name).await?;
    Ok(Json(known(&site, &text).await?.into()))
}

/// Why a job is cancelled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Cancel {
    /// What the uploader is told.
    reason: Option<String>,
}

/// `POST /api/jobs/{id}/cancel`: a job ends as failed; a worker that has it stops at its next step.
pub(in crate::http) async fn cancel(
    State(site): State<Site>,
    who: Who,
    Path(text): Path<String>,
    asked: Option<Json<Cancel>>,
) -> Result<Json<JobView>, Problem> {
    let bearer = who.must(Role::Operator)?;
    let job = known(&site, &text).await?;
    let reason = asked.and_then(|Json(asked)| asked.reason);
    site.intake.cancel(job.id, &bearer.name, reason.as_deref()).await?;
    Ok(Json(known(&site, &text).await?.into()))
}
