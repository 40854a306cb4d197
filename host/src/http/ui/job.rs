//! `/ui/jobs/{id}`: one job.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::Site;
use super::super::problem::Problem;
use super::evidence::{Evidence, FindingView};
use super::jobs::JobLine;
use super::sent::Sent;
use super::words::{self, Moment};
use super::{Page, Trouble, Viewer, shown};
use crate::ingest::Replayed;
use crate::model::{Job, JobId, Mode, Outcome, Report, Role, RuleReport, Stage, State as JobState, Timestamp};

/// How a page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    fragment: Option<String>,
    all: Option<String>,
}

struct Step {
    task: &'static str,
    /// `done`, `running`, `failed` or `ahead`.
    status: &'static str,
    sign: &'static str,
    started: Option<Moment>,
    took: String,
}

/// What one rule said.
pub(super) struct Verdict {
    rule: String,
    plugin: String,
    version: String,
    digest: String,
    config_digest: String,
    limits: String,
    tables: Vec<(String, String)>,
    mode: &'static str,
    outcome: &'static str,
    sign: &'static str,
    failure: String,
    findings: usize,
    took: String,
}

#[derive(Template)]
#[template(path = "job.html", blocks = ["live"])]
struct JobPage {
    page: Page,
    job: JobLine,
    updated: Moment,
    attempts: i64,
    /// What the uploader is told.
    exception: String,
    steps: Vec<Step>,
    /// The revision that judged it, and whether it was accepted.
    judged: Option<(String, bool)>,
    /// The revision that judged it, where what it said has had its time.
    forgotten: Option<String>,
    verdicts: Vec<Verdict>,
    evidence: Evidence,
    /// Why there is no document to show; empty where there is.
    no_document: String,
    may_retry: bool,
    may_cancel: bool,
    may_revalidate: bool,
    every: u32,
}

/// `GET /ui/jobs/{id}`
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(text): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let job = known(&site, &text).await?;
    let report = report(&site, job.id).await?;
    let (evidence, no_document) = evidence(&site, &job, report.as_ref(), asked.all.is_some()).await?;
    let failed = job.complete() && job.state == JobState::Failed;
    let template = JobPage {
        page: Page::new(format!("Job {}", job.id), "jobs", &viewer),
        updated: job.updated.into(),
        attempts: job.attempts,
        exception: job.exception.clone(),
        steps: steps(&job, Timestamp::now()),
        judged: report.as_ref().map(|report| (report.revision.to_string(), report.accepted)),
        forgotten: job.revision.filter(|_| report.is_none()).map(|revision| revision.to_string()),
        verdicts: report.iter().flat_map(|report| &report.rules).map(verdict).collect(),
        evidence,
        no_document,
        may_retry: viewer.has(Role::Operator) && failed,
        may_cancel: viewer.has(Role::Operator) && !job.complete(),
        may_revalidate: viewer.has(Role::Operator) && report.is_some() && job.complete(),
        every: if job.complete() { 0 } else { 1_000 },
        job: JobLine::from(&job),
    };
    match asked.fragment {
        Some(_) => shown(&template.as_live()),
        None => shown(&template),
    }
}

async fn known(site: &Site, text: &str) -> Result<Job, Trouble> {
    let id: JobId = text.parse().map_err(|_| Problem::not_found(format!("{text:?} is no job's number")))?;
    let job = site.db.get_job(id).await?;
    job.ok_or_else(|| Problem::not_found(format!("there is no job {id}")).into())
}

async fn report(site: &Site, id: JobId) -> Result<Option<Report>, Trouble> {
    let report = site.db.get_report(id).await?;
    Ok(report.map(|text| serde_json::from_str(&text)).transpose().map_err(anyhow::Error::from)?)
}

/// What a bundle holds and what was found in it. While a bundle is on its way there is nothing to be read yet.
async fn evidence(site: &Site, job: &Job, report: Option<&Report>, all: bool) -> Result<(Evidence, String), Trouble> {
    if !job.complete() && report.is_none() {
        return Ok((Evidence::default(), String::new()));
    }
    let stored = site.db.transaction(job.id).await?.map(|transaction| transaction.files).unwrap_or_default();
    Ok(match site.replay.document(job.id).await? {
        Ok((document, _)) => (Evidence::new(&document, report, &stored, all), String::new()),
        Err(why) => (report.map(Evidence::without_document).unwrap_or_default(), why),
    })
}

/// The tasks of a job, those ahead of it too.
fn steps(job: &Job, now: Timestamp) -> Vec<Step> {
    let step = |task: &crate::model::Task| {
        let record = job.steps.iter().rev().find(|step| step.task == *task);
        let here = job.task == *task;
        let failed = here && job.state == JobState::Failed;
        let ended = record.is_some_and(|record| record.ended.is_some());
        // Receipt is no worker's task, and is over when the job waits.
        let received = *task == crate::model::Task::Uploading && job.stage != Stage::Receiving;
        let (status, sign) = if failed {
            ("failed", "✕")
        } else if ended || received {
            ("done", "✓")
        } else if here && !job.complete() {
            ("running", "▸")
        } else {
            ("ahead", "·")
        };
        let took = match record {
            Some(record) => words::duration(record.ended.unwrap_or(now).since(record.started)),
            None => String::new(),
        };
        let took = if failed && !ended { String::new() } else { took };
        Step { task: task.name(), status, sign, started: record.map(|record| record.started.into()), took }
    };
    job.kind.tasks().iter().map(step).collect()
}

fn verdict(rule: &RuleReport) -> Verdict {
    let (outcome, sign) = match rule.outcome {
        Outcome::Passed => ("passed", "✓"),
        Outcome::Rejected => ("rejected", "✕"),
        Outcome::Failed => ("failed", "⚠"),
        Outcome::Skipped => ("skipped", "·"),
    };
    Verdict {
        rule: rule.rule.clone(),
        plugin: rule.plugin.clone(),
        version: rule.version.clone(),
        digest: rule.digest.clone(),
        config_digest: rule.config_digest.clone(),
        limits: rule.limits.map_or_else(String::new, |limits| {
            format!("{} ms, {} MiB of memory, {} MiB read", limits.time_ms, limits.memory_mib, limits.read_mib)
        }),
        tables: rule.tables.clone().into_iter().collect(),
        mode: rule.mode.name(),
        outcome,
        sign,
        failure: rule
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| format!("{}: {}", failure.kind.name(), failure.message)),
        findings: rule.findings.len(),
        took: words::duration(Duration::from_micros(rule.duration_us)),
    }
}

/// `POST /ui/jobs/{id}/retry`
pub(super) async fn retry(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(text): Path<String>,
    _: Sent,
) -> Result<Response, Trouble> {
    let by = viewer.must(Role::Operator)?;
    let job = known(&site, &text).await?;
    site.intake.retry(job.id, &by.name).await?;
    Ok(Redirect::to(&format!("/ui/jobs/{}", job.id)).into_response())
}

/// `POST /ui/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(text): Path<String>,
    sent: Sent,
) -> Result<Response, Trouble> {
    let by = viewer.must(Role::Operator)?;
    let job = known(&site, &text).await?;
    site.intake.cancel(job.id, &by.name, sent.text("reason")).await?;
    Ok(Redirect::to(&format!("/ui/jobs/{}", job.id)).into_response())
}

/// What a rule says now and did not say then, or the other way round.
pub(super) struct RuleAgain {
    pub(super) rule: String,
    pub(super) then: &'static str,
    pub(super) now: &'static str,
    pub(super) new: Vec<FindingView>,
    pub(super) gone: Vec<FindingView>,
}

/// The rules of a job that was judged again and that say something else.
pub(super) fn differences(again: &Replayed) -> Vec<RuleAgain> {
    let word = |outcome: Option<Outcome>| match outcome {
        None => "not asked",
        Some(Outcome::Passed) => "passed",
        Some(Outcome::Rejected) => "rejected",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Skipped) => "skipped",
    };
    let one = |rule: &crate::ingest::RuleReplayed| {
        let views = |findings: &[crate::model::Finding]| {
            findings.iter().map(|finding| FindingView::new(&rule.rule, Mode::Enforce, finding)).collect()
        };
        RuleAgain {
            rule: rule.rule.clone(),
            then: word(rule.then),
            now: word(rule.now),
            new: views(&rule.new_findings),
            gone: views(&rule.gone_findings),
        }
    };
    again.rules.iter().map(one).collect()
}

#[derive(Template)]
#[template(path = "revalidated.html")]
struct RevalidatedPage {
    page: Page,
    job: JobId,
    revision: String,
    /// Whether every rule says what it said.
    same: bool,
    then: bool,
    now: bool,
    /// Whether the contents of the files could be read.
    contents: bool,
    rules: Vec<RuleAgain>,
}

/// `POST /ui/jobs/{id}/revalidate`: judged again by the revision that judged it.
pub(super) async fn revalidate(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(text): Path<String>,
    _: Sent,
) -> Result<Response, Trouble> {
    viewer.must(Role::Operator)?;
    let job = known(&site, &text).await?;
    let again = site.replay.revalidate(job.id).await?.map_err(|skipped| {
        Problem::new(
            axum::http::StatusCode::CONFLICT,
            format!("job {} cannot be judged again: {}", job.id, skipped.why),
        )
    })?;
    shown(&RevalidatedPage {
        page: Page::new(format!("Job {}, judged again", job.id), "jobs", &viewer),
        job: job.id,
        revision: again.revision.map_or_else(String::new, |revision| revision.to_string()),
        same: again.rules.is_empty() && !again.changed,
        then: again.accepted_then.unwrap_or(false),
        now: again.accepted_now,
        contents: again.contents,
        rules: differences(&again),
    })
}
