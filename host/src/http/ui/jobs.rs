//! `/ui/jobs`: the list of jobs.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::Site;
use super::words::{self, Moment};
use super::{Page, Trouble, Viewer, shown};
use crate::db::JobFilter;
use crate::model::{Job, JobId, Stage, State as JobState};

/// Jobs on a page.
const PAGE: u32 = 50;

/// Where jobs stand, as the list can be narrowed to.
const STANDINGS: [(&str, &str); 5] = [
    ("receiving", "receiving"),
    ("waiting", "waiting"),
    ("running", "running"),
    ("ok", "done, accepted"),
    ("failed", "failed"),
];

/// Which jobs to list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    status: String,
    project: String,
    instrument: String,
    submitter: String,
    user: String,
    before: Option<i64>,
    fragment: Option<String>,
}

impl Asked {
    fn filter(&self) -> JobFilter {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let (state, stage) = match self.status.as_str() {
            "ok" => (Some(JobState::Ok), Some(Stage::Done)),
            "failed" => (Some(JobState::Failed), None),
            stage => (None, stage.parse().ok()),
        };
        JobFilter {
            state,
            stage,
            kind: None,
            user: text(&self.user),
            submitter: text(&self.submitter),
            project: text(&self.project),
            instrument: text(&self.instrument),
            before: self.before.map(JobId::new),
            limit: PAGE,
        }
    }

    /// The query of this list, without its place in it.
    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let given = [
            ("status", &self.status),
            ("project", &self.project),
            ("instrument", &self.instrument),
            ("submitter", &self.submitter),
            ("user", &self.user),
        ];
        for (name, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

/// A job as pages show it in a line.
pub(super) struct JobLine {
    pub(super) id: JobId,
    pub(super) kind: &'static str,
    pub(super) user: String,
    /// `running`, `done`, `failed` and so on.
    pub(super) status: &'static str,
    /// A sign that needs no colour.
    pub(super) sign: &'static str,
    pub(super) task: &'static str,
    /// 0 to 100.
    pub(super) percent: u8,
    pub(super) complete: bool,
    pub(super) submitter: String,
    pub(super) project: String,
    pub(super) instrument: String,
    pub(super) files: i64,
    pub(super) size: String,
    pub(super) created: Moment,
}

impl From<&Job> for JobLine {
    fn from(job: &Job) -> Self {
        let (status, sign) = match (job.stage, job.state) {
            (_, JobState::Failed) => ("failed", "✕"),
            (Stage::Receiving, _) => ("receiving", "↓"),
            (Stage::Waiting, _) => ("waiting", "…"),
            (Stage::Running, _) => ("running", "▸"),
            (Stage::Done, _) => ("done", "✓"),
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self {
            id: job.id,
            kind: job.kind.name(),
            user: job.user.clone(),
            status,
            sign,
            task: job.task.name(),
            percent: job.percent.clamp(0.0, 100.0) as u8,
            complete: job.complete(),
            submitter: text(&job.submitter),
            project: text(&job.project),
            instrument: text(&job.instrument),
            files: job.files,
            size: words::bytes(u64::try_from(job.bytes).unwrap_or(0)),
            created: job.created.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "jobs.html", blocks = ["live"])]
struct JobsPage {
    page: Page,
    asked: Asked,
    standings: [(&'static str, &'static str); 5],
    jobs: Vec<JobLine>,
    /// How many of each stage have not ended.
    unfinished: Vec<(Stage, i64)>,
    /// The address of this list.
    address: String,
    /// The address of the older ones; empty on the last page.
    older: String,
    /// The address of the newest ones; empty on the first page.
    newest: String,
    /// How often a script is to look again, in milliseconds; 0 for never.
    every: u32,
}

/// `GET /ui/jobs`: newest first.
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let jobs = site.db.list_jobs(&asked.filter()).await?;
    let unfinished = site.db.count_unfinished().await?;
    let query = asked.query();
    let address = |more: String| match (query.is_empty(), more.is_empty()) {
        (true, true) => "/ui/jobs".to_owned(),
        (true, false) => format!("/ui/jobs?{more}"),
        (false, true) => format!("/ui/jobs?{query}"),
        (false, false) => format!("/ui/jobs?{query}&{more}"),
    };
    let full = jobs.len() == PAGE as usize;
    let busy = jobs.iter().any(|job| !job.complete());
    let here = address(asked.before.map(|before| format!("before={before}")).unwrap_or_default());
    let template = JobsPage {
        page: Page::new("Jobs", "jobs", &viewer),
        standings: STANDINGS,
        older: match jobs.last() {
            Some(last) if full => address(format!("before={}", last.id)),
            _ => String::new(),
        },
        newest: if asked.before.is_some() { address(String::new()) } else { String::new() },
        jobs: jobs.iter().map(JobLine::from).collect(),
        unfinished,
        address: here,
        // Older pages change only where something on them still runs.
        every: match (busy, asked.before) {
            (true, _) => 1_000,
            (false, None) => 3_000,
            (false, Some(_)) => 0,
        },
        asked,
    };
    match &template.asked.fragment {
        Some(_) => shown(&template.as_live()),
        None => shown(&template),
    }
}
