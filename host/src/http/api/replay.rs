//! `/api/policy/replay` and `/api/jobs/{id}/revalidate`: what was judged, judged again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Site;
use super::super::access::Who;
use super::super::path::Named;
use super::super::problem::Problem;
use super::id;
use super::policy::body;
use crate::ingest::{Again, RuleReplayed};
use crate::model::{JobId, Revision, Role};
use crate::policy::{PolicyDocument, Rule};

/// Jobs that are judged again in one call, where nothing else is asked for, and at most.
const LAST: u32 = 100;
const MOST: usize = 1_000;

/// A candidate, and the jobs to judge by it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayRequest)]
pub(in crate::http) struct Asked {
    /// The candidate's rules; the active ones where neither these nor a revision are given.
    rules: Option<Vec<Rule>>,
    #[serde(default)]
    digests: BTreeMap<String, String>,
    /// A revision as the candidate.
    revision: Option<Revision>,
    /// Which jobs.
    jobs: Option<Vec<JobId>>,
    /// So many of the newest.
    last: Option<u32>,
}

/// `POST /api/policy/replay`
#[utoipa::path(
    post,
    path = "/api/policy/replay",
    tag = "policy",
    operation_id = "replayPolicy",
    summary = "Judge stored jobs by a candidate policy",
    security(("token" = ["operator"])),
    request_body(content = Asked, example = json!({"revision": 1, "last": 10})),
    responses(
        (status = 200, description = "Whose verdict would be another one", body = Again),
        (status = 404, description = "There is no such revision"),
        (status = 400, description = "The body is no JSON"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "The candidate cannot be used"),
    ),
)]
pub(in crate::http) async fn replay(
    State(site): State<Arc<Site>>,
    who: Who,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Again>, Problem> {
    who.must(Role::Operator)?;
    let asked = body(asked)?;
    let snapshot = match (asked.rules, asked.revision) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("give rules or a revision, not both")),
        (Some(rules), None) => {
            let document = PolicyDocument { rules, digests: asked.digests, message: None };
            site.policy.candidate(&document).await?
        }
        (None, Some(revision)) => site.policy.revision(revision).await?,
        (None, None) => site.policy.active(),
    };
    let jobs = match (asked.jobs, asked.last) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("give jobs or last, not both")),
        (Some(jobs), None) => jobs,
        (None, last) => site.replay.last(last.unwrap_or(LAST).min(MOST as u32)).await?,
    };
    if jobs.len() > MOST {
        return Err(Problem::bad_request(format!("at most {MOST} jobs are judged again in one call")));
    }
    Ok(Json(site.replay.jobs(&snapshot, &jobs).await?))
}

/// A verdict run again.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Revalidated {
    job_id: JobId,
    revision: Option<Revision>,
    /// Whether every rule says what it said.
    same: bool,
    accepted_then: Option<bool>,
    accepted_now: bool,
    /// Whether the contents of the files could be read.
    contents: bool,
    /// The rules that say something else.
    rules: Vec<RuleReplayed>,
}

/// `POST /api/jobs/{id}/revalidate`: judged by the revision that judged it.
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/revalidate",
    tag = "jobs",
    operation_id = "revalidateJob",
    summary = "Judge a job again, by the revision that judged it",
    params(("id" = JobId, Path, description = "The job")),
    security(("token" = ["operator"])),
    responses(
        (status = 200, description = "What the rules say now, beside what they said then", body = Revalidated),
        (status = 400, description = "The id is none"),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It cannot be judged again"),
    ),
)]
pub(in crate::http) async fn revalidate(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(text): Named<String>,
) -> Result<Json<Revalidated>, Problem> {
    who.must(Role::Operator)?;
    let job: JobId = id(&text, "job")?;
    if site.db.get_job(job).await?.is_none() {
        return Err(Problem::not_found(format!("there is no job {job}")));
    }
    match site.replay.revalidate(job).await? {
        Ok(again) => Ok(Json(Revalidated {
            job_id: job,
            revision: again.revision,
            same: again.rules.is_empty() && !again.changed,
            accepted_then: again.accepted_then,
            accepted_now: again.accepted_now,
            contents: again.contents,
            rules: again.rules,
        })),
        Err(skipped) => {
            Err(Problem::new(StatusCode::CONFLICT, format!("job {job} cannot be judged again: {}", skipped.why)))
        }
    }
}
