//! Judging again what was judged: by a candidate, to see whose verdict would change, or by the same revision, to see that
//! the verdict is the same. No job is touched.

use std::sync::Arc;

use futures::{StreamExt, stream};
use serde::Serialize;

use super::{Sources, contents};
use crate::db::{Db, JobFilter};
use crate::model::{Document, Finding, Job, JobId, LookupReport, Outcome, Report, Revision, RuleReport, Stage};
use crate::plugin::{Bundle, NoContents};
use crate::policy::{PinError, PolicyBook, PolicyError, Snapshot, Verdict, review};
use crate::seams::archive::Archive;
use crate::spool::{Manifest, Spool};

/// Jobs that are judged again at a time. Real jobs need the sandbox as well.
const AT_ONCE: usize = 2;

/// Judges again.
#[derive(Clone)]
pub struct Replay {
    /// Where jobs and reports are kept.
    pub db: Db,
    /// Where failed bundles still lie.
    pub spool: Spool,
    /// Where files are.
    pub archive: Arc<dyn Archive>,
    /// Where the files of moves lie.
    pub sources: Arc<Sources>,
    /// The revisions.
    pub policy: Arc<PolicyBook>,
}

/// What a replay found, job by job and in sum.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Again {
    /// In sum.
    pub summary: Summary,
    /// Each job that could be judged again, newest first.
    pub jobs: Vec<Replayed>,
    /// Each that could not.
    pub skipped: Vec<Skipped>,
}

/// How many verdicts would be others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Summary {
    /// Jobs judged again.
    pub judged: usize,
    /// Jobs that could not be.
    pub skipped: usize,
    /// Accepted then, rejected now.
    pub would_reject: usize,
    /// Rejected then, accepted now.
    pub would_accept: usize,
    /// The same verdict.
    pub same: usize,
    /// Never judged before: they had failed before the rules were asked.
    pub never_judged: usize,
}

/// A job judged again.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Replayed {
    /// The job.
    pub job_id: JobId,
    /// The revision that judged it then; none where none did.
    pub revision: Option<Revision>,
    /// Whether it was accepted then.
    pub accepted_then: Option<bool>,
    /// Whether it is accepted now.
    pub accepted_now: bool,
    /// Whether the verdict is another one.
    pub changed: bool,
    /// Whether the contents of its files could be read.
    pub contents: bool,
    /// Why it is not accepted now; empty where it is.
    pub reasons: String,
    /// Each rule that says something else than then.
    pub rules: Vec<RuleReplayed>,
}

/// What one rule said then and now.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RuleReplayed {
    /// The rule.
    pub rule: String,
    /// Its outcome then; none where it was not asked.
    pub then: Option<Outcome>,
    /// Its outcome now; none where it is not asked any more.
    pub now: Option<Outcome>,
    /// What it finds now and did not find then.
    pub new_findings: Vec<Finding>,
    /// What it found then and does not find now.
    pub gone_findings: Vec<Finding>,
    /// What it looked up both times, and was answered otherwise now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_answers: Vec<String>,
}

/// A job that could not be judged again, and why.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Skipped {
    /// The job.
    pub job_id: JobId,
    /// Why.
    pub why: String,
}

impl Replay {
    /// The newest jobs that have ended.
    pub async fn last(&self, count: u32) -> Result<Vec<JobId>, PolicyError> {
        let filter = JobFilter { stage: Some(Stage::Done), limit: count, ..JobFilter::default() };
        Ok(self.db.list_jobs(&filter).await?.into_iter().map(|job| job.id).collect())
    }

    /// Judges these jobs by a snapshot.
    pub async fn jobs(&self, snapshot: &Arc<Snapshot>, jobs: &[JobId]) -> Result<Again, PolicyError> {
        let judged = stream::iter(jobs.to_vec()).map(|job| self.job(snapshot.clone(), job, false)).buffered(AT_ONCE);
        let judged: Vec<_> = judged.collect().await;
        let mut again = Again { summary: Summary::default(), jobs: Vec::new(), skipped: Vec::new() };
        for result in judged {
            match result? {
                Ok(job) => again.jobs.push(job),
                Err(skipped) => again.skipped.push(skipped),
            }
        }
        let summary = &mut again.summary;
        (summary.judged, summary.skipped) = (again.jobs.len(), again.skipped.len());
        for job in &again.jobs {
            *match (job.accepted_then, job.accepted_now) {
                (None, _) => &mut summary.never_judged,
                (Some(true), false) => &mut summary.would_reject,
                (Some(false), true) => &mut summary.would_accept,
                (Some(_), _) => &mut summary.same,
            } += 1;
        }
        Ok(again)
    }

    /// Judges a job by the revision that judged it; an error in words where that cannot be done.
    pub async fn revalidate(&self, job: JobId) -> Result<Result<Replayed, Skipped>, PolicyError> {
        let Some(report) = self.report(job).await? else {
            let judged = self.db.get_job(job).await?.is_some_and(|job| job.revision.is_some());
            let why =
                if judged { "its report was kept for its time, and is gone" } else { "it has not been validated" };
            return Ok(Err(skipped(job, why)));
        };
        let snapshot = self.policy.revision(report.revision).await?;
        self.job(snapshot, job, true).await
    }

    async fn report(&self, job: JobId) -> Result<Option<Report>, PolicyError> {
        let report = self.db.get_report(job).await?;
        let report = report.map(|text| serde_json::from_str(&text)).transpose();
        report.map_err(|error| PolicyError::Failed(anyhow::anyhow!("the report of job {job} cannot be read: {error}")))
    }

    /// With `as_then`, by the very versions of tables that the report names.
    async fn job(
        &self,
        snapshot: Arc<Snapshot>,
        id: JobId,
        as_then: bool,
    ) -> Result<Result<Replayed, Skipped>, PolicyError> {
        let Some(job) = self.db.get_job(id).await? else { return Ok(Err(skipped(id, "there is no such job"))) };
        let (bundle, contents) = match self.bundle(&job).await? {
            Ok(found) => found,
            Err(why) => return Ok(Err(skipped(id, why))),
        };
        let report = self.report(id).await?;
        let read = report.iter().filter(|_| as_then).flat_map(|report| &report.rules);
        let versions = read.flat_map(|rule| rule.tables.clone()).collect();
        let tables = match self.policy.tables().pin(&snapshot, &versions).await {
            Ok(tables) => tables,
            Err(PinError::Db(error)) => return Err(error.into()),
            Err(gone) => return Ok(Err(skipped(id, gone.to_string()))),
        };
        let now = review(&snapshot, &tables, &Arc::new(bundle), Vec::new()).await;
        let then = report.as_ref().map_or(&[][..], |report| &report.rules);
        let accepted_then = report.as_ref().map(|report| report.accepted);
        Ok(Ok(Replayed {
            job_id: id,
            revision: report.as_ref().map(|report| report.revision),
            accepted_then,
            accepted_now: now.report.accepted,
            changed: accepted_then.is_some_and(|then| then != now.report.accepted),
            contents,
            reasons: match now.verdict {
                Verdict::Accepted(_) => String::new(),
                Verdict::Rejected(why) | Verdict::Unplaceable(why) => why,
            },
            rules: compare(then, &now.report.rules),
        }))
    }

    /// A job's bundle, as far as it is still there, and whether its files' contents are; an error in words where it is
    /// not.
    async fn bundle(&self, job: &Job) -> Result<Result<(Bundle, bool), String>, PolicyError> {
        let id = job.id;
        let (document, manifest) = match self.document(id).await? {
            Ok((document, manifest)) => (Arc::new(document), manifest),
            Err(why) => return Ok(Err(why)),
        };
        let places = self.db.archived(id).await?;
        let contents = match (&manifest, places.is_empty()) {
            (_, false) => Some(contents::archived(&self.archive, &places)),
            (Some(manifest), true) => Some(contents::waiting(job, manifest, &document, &self.spool, &self.sources)),
            (None, true) => None,
        };
        let there = contents.is_some();
        let contents = contents.unwrap_or_else(|| Arc::new(NoContents));
        let file_ids = self.db.file_ids(id).await?.unwrap_or_default();
        let bundle = Bundle::new(Some(id), job.kind, job.user.clone(), job.created, document, file_ids, contents);
        Ok(Ok((bundle, there)))
    }

    /// A job's metadata document, with the manifest where its bundle is still in the spool; an error in words where there
    /// is none that can be read.
    pub async fn document(&self, id: JobId) -> Result<Result<(Document, Option<Manifest>), String>, PolicyError> {
        let spool = self.spool.clone();
        let spooled = tokio::task::spawn_blocking(move || {
            let manifest = spool.manifest(id).ok().flatten().filter(|manifest| manifest.metadata)?;
            Some((manifest, spool.metadata(id).ok()?))
        });
        let spooled = spooled.await.map_err(anyhow::Error::from)?;
        let (text, manifest) = match spooled {
            Some((manifest, text)) => (text, Some(manifest)),
            None => match self.db.transaction(id).await? {
                Some(transaction) => (transaction.document.into_bytes(), None),
                None => return Ok(Err("its metadata is not kept any more".to_owned())),
            },
        };
        // Large ones take their time to parse, and nobody is to wait for them.
        let parsed = tokio::task::spawn_blocking(move || Document::parse(text)).await.map_err(anyhow::Error::from)?;
        Ok(match parsed {
            Ok(document) => Ok((document, manifest)),
            Err(error) => Err(format!("its metadata cannot be read: {error}")),
        })
    }
}

fn skipped(job: JobId, why: impl Into<String>) -> Skipped {
    Skipped { job_id: job, why: why.into() }
}

/// The gate's own entry is about a tar that is taken apart by now, so it is left out.
fn compare(then: &[RuleReport], now: &[RuleReport]) -> Vec<RuleReplayed> {
    let by_plugins = |entries: &[RuleReport]| -> Vec<RuleReport> {
        entries.iter().filter(|entry| !entry.digest.is_empty()).cloned().collect()
    };
    let (then, now) = (by_plugins(then), by_plugins(now));
    let mut differences = Vec::new();
    for entry in &now {
        let before = then.iter().find(|before| before.rule == entry.rule);
        let old = before.map_or(&[][..], |before| &before.findings);
        let failure = |entry: &RuleReport| entry.failure.as_ref().map(|failure| failure.kind);
        let changed = before.is_none_or(|before| {
            before.outcome != entry.outcome || failure(before) != failure(entry) || before.findings != entry.findings
        });
        if changed {
            differences.push(RuleReplayed {
                rule: entry.rule.clone(),
                then: before.map(|before| before.outcome),
                now: Some(entry.outcome),
                new_findings: without(&entry.findings, old),
                gone_findings: without(old, &entry.findings),
                other_answers: before.map_or_else(Vec::new, |before| other_answers(&before.lookups, &entry.lookups)),
            });
        }
    }
    for before in then.iter().filter(|before| now.iter().all(|entry| entry.rule != before.rule)) {
        differences.push(RuleReplayed {
            rule: before.rule.clone(),
            then: Some(before.outcome),
            now: None,
            new_findings: Vec::new(),
            gone_findings: before.findings.clone(),
            other_answers: Vec::new(),
        });
    }
    differences
}

/// The URLs that both have asked for and that have other answers now: it may be these that make the difference.
fn other_answers(then: &[LookupReport], now: &[LookupReport]) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for asked in now {
        let before = then.iter().find(|before| before.url == asked.url);
        let is_other = before.is_some_and(|before| {
            (before.status, &before.sha256, &before.error) != (asked.status, &asked.sha256, &asked.error)
        });
        if is_other && !urls.contains(&asked.url) {
            urls.push(asked.url.clone());
        }
    }
    urls
}

fn without(findings: &[Finding], others: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|finding| !others.contains(finding)).cloned().collect()
}
