//! All rules in scope over one bundle.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::future::join_all;
use tracing::{Instrument as _, Span};

use super::document::OnFailure;
use super::snapshot::{ActiveRule, Snapshot};
use super::tables::PinnedTables;
use crate::model::{
    Failure, FailureKind, Finding, JobId, Mode, Outcome, Report, Revision, RuleReport, Severity, explain_findings,
};
use crate::plugin::{Bundle, Granted, GrantedLookup, JobLookups, LookupGrant, Placement, Plan, PluginKind};
use crate::seams::archive::Location;

/// What the policy says of a bundle.
#[derive(Debug)]
pub struct Review {
    /// What every rule said.
    pub report: Report,
    /// What comes of it.
    pub verdict: Verdict,
}

/// What comes of a review.
#[derive(Debug)]
pub enum Verdict {
    /// The bundle may go into the archive: at these places, or at the default ones where no mover is in scope.
    Accepted(Option<Vec<Placement>>),
    /// A rule rejects the bundle, or could not judge it; the reasons, a line each.
    Rejected(String),
    /// No rule rejects the bundle, but the mover finds no place for its files; the reasons, a line each.
    Unplaceable(String),
}

/// Runs every rule in scope, concurrently, so that an uploader sees everything that is wrong at once. `own` is what the
/// gate itself found.
pub async fn review(snapshot: &Snapshot, tables: &PinnedTables, bundle: &Arc<Bundle>, own: Vec<Finding>) -> Review {
    // What one rule has looked up, another one of this job need not ask for again.
    let asked = &JobLookups::default();
    let validators = snapshot.rules.iter().map(|rule| async move {
        match rule.plugin.info().kind {
            PluginKind::Validator if runs(rule, bundle) => Some(validate(rule, tables, asked, bundle).await),
            _ => None,
        }
    });
    let (judged, (mut moved, plan)) = tokio::join!(join_all(validators), plan(snapshot, tables, bundle));

    let mut rules = Vec::with_capacity(snapshot.rules.len() + 1);
    if !own.is_empty() {
        rules.push(of_the_gate(own));
    }
    for (index, (rule, judged)) in snapshot.rules.iter().zip(judged).enumerate() {
        rules.push(judged.or_else(|| moved[index].take()).unwrap_or_else(|| entry(rule, Outcome::Skipped)));
    }

    let movers: Vec<&str> = snapshot
        .rules
        .iter()
        .filter(|rule| rule.plugin.info().kind == PluginKind::Mover)
        .map(|rule| rule.rule.name.as_str())
        .collect();
    let on_failure = |report: &RuleReport| {
        let rule = snapshot.rules.iter().find(|rule| rule.rule.name == report.rule);
        rule.map_or(OnFailure::Reject, |rule| rule.rule.on_failure)
    };
    let (mut reasons, mut unplaceable) = (Vec::new(), Vec::new());
    for report in rules.iter().filter(|report| report.mode == Mode::Enforce) {
        match report.outcome {
            Outcome::Rejected => {
                let reasons = if movers.contains(&report.rule.as_str()) { &mut unplaceable } else { &mut reasons };
                // A mover may refuse without an error among its findings; then all of them are the reason.
                let errors = report.findings.iter().any(|finding| finding.severity == Severity::Error);
                let shown = report.findings.iter().filter(|finding| !errors || finding.severity == Severity::Error);
                reasons.push(explain_findings(shown.map(|finding| (report.rule.as_str(), finding))));
            }
            Outcome::Failed if on_failure(report) == OnFailure::Reject => {
                reasons.extend(report.failure.as_ref().map(|failure| {
                    let kind = failure.kind.name();
                    format!("{}: the rule could not judge the bundle ({kind}): {}", report.rule, failure.message)
                }));
            }
            _ => {}
        }
    }
    let verdict = if !reasons.is_empty() {
        reasons.extend(unplaceable);
        Verdict::Rejected(reasons.join("\n"))
    } else if !unplaceable.is_empty() {
        Verdict::Unplaceable(unplaceable.join("\n"))
    } else {
        Verdict::Accepted(plan)
    };
    let report = Report {
        job_id: bundle.job.unwrap_or(JobId::new(0)),
        revision: snapshot.revision.unwrap_or(Revision::new(0)),
        accepted: matches!(verdict, Verdict::Accepted(_)),
        rules,
    };
    Review { report, verdict }
}

fn runs(rule: &ActiveRule, bundle: &Bundle) -> bool {
    rule.rule.mode != Mode::Off && rule.scope.includes(bundle)
}

async fn validate(rule: &ActiveRule, tables: &PinnedTables, asked: &JobLookups, bundle: &Arc<Bundle>) -> RuleReport {
    let mut report = entry(rule, Outcome::Passed);
    let mut granted = grant(rule, tables, &mut report);
    let lookup = |grant: &Arc<LookupGrant>| GrantedLookup::Asked { grant: grant.clone(), job: asked.clone() };
    granted.lookup = rule.grants.lookup.as_ref().map(lookup);
    let result =
        rule.plugin.validate(bundle, rule.config.clone(), granted, rule.rule.limits).instrument(span(rule)).await;
    report.duration_us = u64::try_from(result.duration.as_micros()).unwrap_or(u64::MAX);
    report.lookups = result.lookups;
    match result.answer {
        Ok(findings) => found(&mut report, findings),
        Err(failure) => failed(&mut report, failure),
    }
    report
}

/// Asks movers, in order, until one has decided. Those in shadow are asked as well, and decide nothing.
async fn plan(
    snapshot: &Snapshot,
    tables: &PinnedTables,
    bundle: &Arc<Bundle>,
) -> (Vec<Option<RuleReport>>, Option<Vec<Placement>>) {
    let mut reports = vec![None; snapshot.rules.len()];
    let (mut decided, mut places) = (false, None);
    for (rule, slot) in snapshot.rules.iter().zip(&mut reports) {
        let shadow = rule.rule.mode == Mode::Shadow;
        if rule.plugin.info().kind != PluginKind::Mover || !runs(rule, bundle) || (decided && !shadow) {
            continue;
        }
        let mut report = entry(rule, Outcome::Passed);
        let granted = grant(rule, tables, &mut report);
        let result =
            rule.plugin.plan(bundle, rule.config.clone(), granted, rule.rule.limits).instrument(span(rule)).await;
        report.duration_us = u64::try_from(result.duration.as_micros()).unwrap_or(u64::MAX);
        match result.answer {
            Ok(Plan::Place(placed)) => match lawful(&placed, bundle.document.files().len()) {
                Ok(()) if shadow => {}
                Ok(()) => (decided, places) = (true, Some(placed)),
                Err(what) => {
                    decided |= !shadow && rule.rule.on_failure == OnFailure::Reject;
                    failed(&mut report, Failure { kind: FailureKind::Other, message: what });
                }
            },
            Ok(Plan::Refuse(findings)) => {
                decided |= !shadow;
                found(&mut report, findings);
                // A refusal is one, whatever weight its findings have.
                report.outcome = Outcome::Rejected;
            }
            Err(failure) => {
                decided |= !shadow && rule.rule.on_failure == OnFailure::Reject;
                failed(&mut report, failure);
            }
        }
        *slot = Some(report);
    }
    (reports, places)
}

/// A rule's call in a trace.
fn span(rule: &ActiveRule) -> Span {
    let plugin = rule.plugin.info();
    tracing::info_span!("rule", rule = rule.rule.name, plugin = plugin.name, version = plugin.version, mode = ?rule.rule.mode)
}

/// What a rule is given beyond the bundle; the report tells which versions these are.
fn grant(rule: &ActiveRule, tables: &PinnedTables, report: &mut RuleReport) -> Granted {
    let tables = tables.of(&rule.grants.tables);
    report.tables = tables.iter().map(|(name, table)| (name.clone(), table.digest().to_owned())).collect();
    Granted { tables, lookup: None, pace: rule.pace.clone() }
}

/// The core's own law for places, whatever a mover says: one for each file, inside the archive, no two the same.
fn lawful(places: &[Placement], files: usize) -> Result<(), String> {
    let mut placed = vec![false; files];
    let mut taken = HashSet::with_capacity(places.len());
    for place in places {
        let location = Location::new(&place.path).map_err(|error| error.to_string())?;
        match placed.get_mut(place.file) {
            None => return Err(format!("it placed file number {}, and there are {files}", place.file)),
            Some(true) => return Err(format!("it placed file number {} twice", place.file)),
            Some(placed) => *placed = true,
        }
        if let Some(taken) = taken.replace(location) {
            return Err(format!("it placed two files at {taken}"));
        }
    }
    match placed.iter().position(|placed| !placed) {
        Some(file) => Err(format!("it left file number {file} without a place")),
        None => inside_a_file(&taken),
    }
}

/// A place below another file's place: that file would have to be a folder.
fn inside_a_file(places: &HashSet<Location>) -> Result<(), String> {
    for place in places {
        let path = place.as_str();
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        for folder in folders {
            if let Ok(folder) = Location::new(folder)
                && places.contains(&folder)
            {
                return Err(format!("it placed a file at {folder} and another one below it, at {path}"));
            }
        }
    }
    Ok(())
}

fn entry(rule: &ActiveRule, outcome: Outcome) -> RuleReport {
    let info = rule.plugin.info();
    RuleReport {
        rule: rule.rule.name.clone(),
        plugin: info.name.clone(),
        version: info.version.clone(),
        digest: info.digest.clone(),
        config_digest: rule.config_digest.clone(),
        limits: Some(rule.rule.limits.into()),
        mode: rule.rule.mode,
        outcome,
        failure: None,
        findings: Vec::new(),
        duration_us: 0,
        tables: BTreeMap::new(),
        lookups: Vec::new(),
    }
}

fn found(report: &mut RuleReport, findings: Vec<Finding>) {
    let rejects = findings.iter().any(|finding| finding.severity == Severity::Error);
    report.outcome = if rejects { Outcome::Rejected } else { Outcome::Passed };
    report.findings = findings;
}

fn failed(report: &mut RuleReport, failure: Failure) {
    report.outcome = Outcome::Failed;
    report.failure = Some(failure);
}

/// What the gate itself has to say stands before the rules, in the same shape.
fn of_the_gate(findings: Vec<Finding>) -> RuleReport {
    let mut report = RuleReport {
        rule: "sluice".to_owned(),
        plugin: "sluice".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        digest: String::new(),
        config_digest: String::new(),
        limits: None,
        mode: Mode::Enforce,
        outcome: Outcome::Passed,
        failure: None,
        findings: Vec::new(),
        duration_us: 0,
        tables: BTreeMap::new(),
        lookups: Vec::new(),
    };
    found(&mut report, findings);
    report
}
