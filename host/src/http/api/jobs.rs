//! `/api/jobs`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::super::Site;
use super::super::access::Who;
use super::super::path::Named;
use super::super::problem::Problem;
use super::id;
use crate::db::{Db, JobFilter, StoredFile, TransactionRows};
use crate::model::{FileId, Job, JobId, JobKind, Report, Role, Stage, State as JobState};

/// Jobs on a page, where nothing else is asked for, and at most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1_000;

/// What jobs to list. `before` is the `next` of the page before.
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
    /// The `next` of the page before.
    before: Option<i64>,
    /// How many at the most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobPage)]
struct Page {
    jobs: Vec<JobView>,
    /// What to give as `before` for the next page; null on the last.
    next: Option<JobId>,
}

/// A job as the API shows it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct JobView {
    #[serde(flatten)]
    job: Job,
    /// Whether it has ended.
    complete: bool,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self { complete: job.complete(), job }
    }
}

/// A job with what the metadata store has of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct JobDetails {
    #[serde(flatten)]
    job: JobView,
    transaction: Option<TransactionRows>,
}

impl JobDetails {
    pub(in crate::http) async fn of(db: &Db, job: Job) -> crate::db::Result<Self> {
        let transaction = db.transaction_rows(job.id).await?;
        Ok(Self { job: job.into(), transaction })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobFiles)]
struct Files {
    files: Vec<FileView>,
}

/// A file of a job.
#[derive(Serialize, ToSchema)]
struct FileView {
    id: FileId,
    #[serde(flatten)]
    file: StoredFile,
}

fn example_report() -> Value {
    json!({
        "job_id": 17, "revision": 3, "accepted": false,
        "rules": [{
            "rule": "keys", "plugin": "required-keys", "version": "1.0.0", "digest": "sha256:5f70…",
            "config_digest": "sha256:44136f…", "limits": {"time_ms": 1000, "memory_mib": 128, "read_mib": 1024},
            "mode": "enforce", "outcome": "rejected", "failure": null, "duration_us": 180,
            "findings": [{
                "severity": "error", "code": "missing-key", "message": "The key \"Temp C\" is missing.",
                "location": {"kind": "bundle", "value": null}, "hint": "Add it to the metadata.",
            }],
        }],
    })
}

pub(super) fn word<T: std::str::FromStr<Err = String>>(given: Option<String>, key: &str) -> Result<Option<T>, Problem> {
    given.map(|text| text.parse().map_err(|error| Problem::bad_request(format!("{key}: {error}")))).transpose()
}

/// `GET /api/jobs`: newest first.
#[utoipa::path(
    get,
    path = "/api/jobs",
    tag = "jobs",
    operation_id = "listJobs",
    summary = "Jobs, newest first",
    params(Filter),
    responses(
        (status = 200, description = "A page of jobs", body = Page),
        (status = 400, description = "A filter is none"),
    ),
)]
pub(in crate::http) async fn list(
    State(site): State<Arc<Site>>,
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

pub(super) async fn known(site: &Site, text: &str) -> Result<Job, Problem> {
    let id: JobId = id(text, "job")?;
    site.db.get_job(id).await?.ok_or_else(|| Problem::not_found(format!("there is no job {id}")))
}

/// `GET /api/jobs/{id}`
#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    tag = "jobs",
    operation_id = "getJob",
    summary = "A job",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The job, with what the metadata store has of it", body = JobDetails),
        (status = 400, description = "The id is none"),
        (status = 404, description = "There is no such job"),
    ),
)]
pub(in crate::http) async fn show(
    State(site): State<Arc<Site>>,
    Named(text): Named<String>,
) -> Result<Response, Problem> {
    let job = known(&site, &text).await?;
    Ok(Json(JobDetails::of(&site.db, job).await?).into_response())
}

/// `GET /api/jobs/{id}/report`
#[utoipa::path(
    get,
    path = "/api/jobs/{id}/report",
    tag = "jobs",
    operation_id = "getReport",
    summary = "What the rules said of a job",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The report", body = Report, example = json!(example_report())),
        (status = 400, description = "The id is none"),
        (status = 404, description = "There is no such job, or it has not been validated yet"),
        (status = 410, description = "It was validated, and its report was kept for as long as reports are"),
    ),
)]
pub(in crate::http) async fn report(
    State(site): State<Arc<Site>>,
    Named(text): Named<String>,
) -> Result<Response, Problem> {
    let job = known(&site, &text).await?;
    let report = site.db.get_report(job.id).await?;
    let report = report.ok_or_else(|| no_report(&job))?;
    Ok(([(CONTENT_TYPE, "application/json")], report).into_response())
}

/// Why there is no report. The revision that judged a job stands in its record as long as that is kept.
fn no_report(job: &Job) -> Problem {
    match job.revision {
        Some(revision) => {
            let gone = "its report was kept for as long as retention.reports says, and is gone";
            Problem::new(StatusCode::GONE, format!("job {} was judged by revision {revision}; {gone}", job.id))
        }
        None => Problem::not_found(format!("job {} has not been validated yet", job.id)),
    }
}

/// `GET /api/jobs/{id}/files`: the files of an ingested job.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}/files",
    tag = "jobs",
    operation_id = "listFiles",
    summary = "The files of an ingested job",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The files; none before the job has ended well", body = Files),
        (status = 400, description = "The id is none"),
        (status = 404, description = "There is no such job"),
    ),
)]
pub(in crate::http) async fn files(
    State(site): State<Arc<Site>>,
    Named(text): Named<String>,
) -> Result<Response, Problem> {
    let job = known(&site, &text).await?;
    let stored = site.db.transaction(job.id).await?.map(|transaction| transaction.files).unwrap_or_default();
    let view = |file: StoredFile| FileView { id: file.id, file };
    Ok(Json(Files { files: stored.into_iter().map(view).collect() }).into_response())
}

/// `POST /api/jobs/{id}/retry`: a failed job waits for a worker again.
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/retry",
    tag = "jobs",
    operation_id = "retryJob",
    summary = "Run a failed job again",
    params(("id" = JobId, Path, description = "The job")),
    security(("token" = ["operator"])),
    responses(
        (status = 200, description = "The job, which waits for a worker again", body = JobView),
        (status = 400, description = "The id is none"),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It has not failed, or its bytes never arrived whole"),
    ),
)]
pub(in crate::http) async fn retry(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(text): Named<String>,
) -> Result<Json<JobView>, Problem> {
    let bearer = who.must(Role::Operator)?;
    let job = known(&site, &text).await?;
    site.intake.retry(job.id, &bearer.name).await?;
    Ok(Json(known(&site, &text).await?.into()))
}

/// Why a job is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Cancel {
    /// What the uploader is told.
    reason: Option<String>,
}

/// `POST /api/jobs/{id}/cancel`: a job ends as failed; a worker that has it stops at its next step.
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/cancel",
    tag = "jobs",
    operation_id = "cancelJob",
    summary = "End a job as failed",
    params(("id" = JobId, Path, description = "The job")),
    security(("token" = ["operator"])),
    request_body(content = Option<Cancel>, example = json!({"reason": "the wrong folder"})),
    responses(
        (status = 200, description = "The job, which has ended", body = JobView),
        (status = 400, description = "The id or the body is none"),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It had ended before"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "The body is not what is asked for"),
    ),
)]
pub(in crate::http) async fn cancel(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(text): Named<String>,
    asked: Result<Option<Json<Cancel>>, JsonRejection>,
) -> Result<Json<JobView>, Problem> {
    let bearer = who.must(Role::Operator)?;
    let asked = asked?;
    let job = known(&site, &text).await?;
    let reason = asked.and_then(|Json(asked)| asked.reason);
    site.intake.cancel(job.id, &bearer.name, reason.as_deref()).await?;
    Ok(Json(known(&site, &text).await?.into()))
}
