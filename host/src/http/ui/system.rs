//! `/ui/system`: how the gate is, and what it is made of.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::Site;
use super::super::ready::Readiness;
use super::words::{self, Moment};
use super::{Page, Trouble, Viewer, shown};
use crate::config::Settings;
use crate::db::Holder;
use crate::measures::Sample;
use crate::model::{Stage, Timestamp};

/// A process that has jobs in hand.
struct Process {
    name: String,
    does: &'static str,
    jobs: i64,
    until: Moment,
}

/// A place where things lie.
struct Store {
    what: &'static str,
    place: String,
    /// Free space, where it is a folder of this machine.
    free: String,
}

/// What one rule has done since this process started.
#[derive(Default)]
struct RuleCount {
    rule: String,
    calls: f64,
    rejected: f64,
    failed: f64,
    mean: String,
}

#[derive(Template)]
#[template(path = "system.html", blocks = ["live"])]
struct SystemPage {
    page: Page,
    readiness: Readiness,
    receiving: i64,
    waiting: i64,
    running: i64,
    oldest: String,
    uploads: String,
    revision: String,
    processes: Vec<Process>,
    stores: Vec<Store>,
    limits: Vec<(&'static str, String)>,
    totals: Vec<(&'static str, String)>,
    rules: Vec<RuleCount>,
    every: u32,
}

/// How a page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    fragment: Option<String>,
}

/// `GET /ui/system`
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let readiness = Readiness::of(&site).await;
    let unfinished = site.db.count_unfinished().await?;
    let count = |stage| unfinished.iter().find(|(known, _)| *known == stage).map_or(0, |(_, jobs)| *jobs);
    let now = Timestamp::now();
    let oldest = site.db.oldest_waiting().await?.map(|since| words::duration(now.since(since)));
    let most = site.settings.max_uploads;
    let process = |holder: Holder| Process {
        name: holder.owner,
        does: if holder.stage == Stage::Receiving { "receives" } else { "works off" },
        jobs: holder.jobs,
        until: holder.until.into(),
    };
    let samples = site.measures.samples();
    let template = SystemPage {
        page: Page::new("System", "system", &viewer),
        readiness,
        receiving: count(Stage::Receiving),
        waiting: count(Stage::Waiting),
        running: count(Stage::Running),
        oldest: oldest.unwrap_or_else(|| "nothing waits".to_owned()),
        uploads: format!("{} of {most}", most.saturating_sub(site.uploads.available_permits())),
        revision: site.policy.active().revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string()),
        processes: site.db.holders().await?.into_iter().map(process).collect(),
        stores: stores(&site.configured),
        limits: limits(&site.configured),
        totals: totals(&samples),
        rules: rules(&samples),
        every: 2_000,
    };
    match asked.fragment {
        Some(_) => shown(&template.as_live()),
        None => shown(&template),
    }
}

fn stores(settings: &Settings) -> Vec<Store> {
    let free = |folder: &std::path::Path| {
        let free = rustix::fs::statvfs(folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        free.map_or_else(|_| String::new(), words::bytes)
    };
    let spool = &settings.spool.folder;
    let archive = settings.archive.folder();
    vec![
        Store { what: "Spool", place: spool.display().to_string(), free: free(spool) },
        Store { what: "Archive", place: settings.archive.to_string(), free: archive.map(free).unwrap_or_default() },
        Store { what: "Database", place: settings.database.to_string(), free: String::new() },
        Store { what: "Queue", place: settings.queue.to_string(), free: String::new() },
    ]
}

fn limits(settings: &Settings) -> Vec<(&'static str, String)> {
    let http = &settings.http;
    vec![
        ("Largest body", http.max_body.map_or_else(|| "no limit".to_owned(), words::bytes)),
        ("Largest metadata document", words::bytes(settings.spool.max_metadata)),
        ("Members of a bundle", settings.spool.max_members.to_string()),
        ("Uploads at a time", http.max_uploads.to_string()),
        ("Silence in the middle of a body", words::duration(http.idle_timeout)),
        ("Fewest bytes a second of an upload", http.min_rate.map_or_else(|| "any".to_owned(), |rate| rate.to_string())),
        ("Jobs that this process works on at a time", settings.worker.concurrency.to_string()),
        ("Calls of rules at a time", settings.sandbox.threads.to_string()),
        ("Failed bundles are kept for", words::duration(settings.spool.keep_failed)),
        ("Reports are kept for", kept(settings.retention.reports)),
        ("Jobs that have ended are kept for", kept(settings.retention.jobs)),
        ("Every call needs a token", if http.require_token { "yes" } else { "no" }.to_owned()),
        ("Plugins must be signed", if http.plugin_keys.is_empty() { "no" } else { "yes" }.to_owned()),
    ]
}

fn kept(span: Option<Duration>) -> String {
    span.map_or_else(|| "good".to_owned(), words::duration)
}

/// The sum of the samples of this name and these labels.
fn sum(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits =
        |sample: &&Sample| sample.name == name && labels.iter().all(|(key, value)| sample.label(key) == Some(*value));
    samples.iter().filter(fits).fold(0.0, |sum, sample| sum + sample.value)
}

fn totals(samples: &[Sample]) -> Vec<(&'static str, String)> {
    let whole = |value: f64| format!("{value:.0}");
    let calls = sum(samples, "sluice_http_requests_total", &[]);
    let failed = samples
        .iter()
        .filter(|sample| sample.name == "sluice_http_requests_total")
        .filter(|sample| sample.label("status").is_some_and(|status| status.starts_with('5')))
        .fold(0.0, |sum, sample| sum + sample.value);
    vec![
        ("Bundles received", whole(sum(samples, "sluice_received_jobs_total", &[]))),
        ("Bytes received", words::bytes(sum(samples, "sluice_received_bytes_total", &[]) as u64)),
        ("Jobs that ended well", whole(sum(samples, "sluice_jobs_total", &[("state", "OK")]))),
        ("Jobs that failed", whole(sum(samples, "sluice_jobs_total", &[("state", "FAILED")]))),
        ("HTTP calls", whole(calls)),
        ("HTTP calls that the gate failed", whole(failed)),
    ]
}

fn rules(samples: &[Sample]) -> Vec<RuleCount> {
    let mut names: Vec<&str> = samples
        .iter()
        .filter(|sample| sample.name == "sluice_rule_verdicts_total")
        .filter_map(|sample| sample.label("rule"))
        .collect();
    names.sort_unstable();
    names.dedup();
    let count =
        |rule: &str, outcome| sum(samples, "sluice_rule_verdicts_total", &[("rule", rule), ("outcome", outcome)]);
    let one = |rule: &str| {
        let (seconds, calls) = (
            sum(samples, "sluice_rule_seconds_sum", &[("rule", rule)]),
            sum(samples, "sluice_rule_seconds_count", &[("rule", rule)]),
        );
        let mean = if calls > 0.0 { words::duration(Duration::from_secs_f64(seconds / calls)) } else { String::new() };
        let (rejected, failed) = (count(rule, "rejected"), count(rule, "failed"));
        RuleCount { rule: rule.to_owned(), calls, rejected, failed, mean }
    };
    names.into_iter().map(one).collect()
}
