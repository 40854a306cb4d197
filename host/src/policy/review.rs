//! All rules in scope over one bundle.

use std::sync::Arc;

use futures::future::join_all;

use super::document::OnFailure;
use super::snapshot::{ActiveRule, Snapshot};
use crate::model::{
    Failure, Finding, JobId, Mode, Outcome, Report, Revision, RuleReport, Severity, explain_findings,
};
use crate::plugin::{Bundle, Placement, Plan, PluginKind};

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
pub async fn review(snapshot: &Snapshot, bundle: &Arc<Bundle>, own: Vec<Finding>) -> Review {
    let validators = snapshot.rules.iter().map(|rule| async move {
        match rule.plugin.info().kind {
            PluginKind::Validator if runs(rule, bundle) => Some(validate(rule, bundle).await),
            _ => None,
        }
    });
    let (judged, (mut moved, plan)) = tokio::join!(join_all(validators), plan(snapshot, bundle));

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

async fn validate(rule: &ActiveRule, bundle: &Arc<Bundle>) -> RuleReport {
    let result = rule.plugin.validate(bundle, rule.config.clone(), rule.rule.limits).await;
    let mut report = entry(rule, Outcome::Passed);
    report.duration_us = u64::try_from(result.duration.as_micros()).unwrap_or(u64::MAX);
    match result.answer {
        Ok(findings) => found(&mut report, findings),
        Err(failure) => failed(&mut report, failure),
    }
    report
}

/// Asks movers, in order, until one has decided. Those in shadow are asked as well, and decide nothing.
async fn plan(snapshot: &Snapshot, bundle: &Arc<Bundle>) -> (Vec<Option<RuleReport>>, Option<Vec<Placement>>) {
    let mut reports = vec![None; snapshot.rules.len()];
    let (mut decided, mut places) = (false, None);
    for (rule, slot) in snapshot.rules.iter().zip(&mut reports) {
        let shadow = rule.rule.mode == Mode::Shadow;
        if rule.plugin.info().kind != PluginKind::Mover || !runs(rule, bundle) || (decided && !shadow) {
            continue;
        }
        let result = rule.plugin.plan(bundle, rule.config.clone(), rule.rule.limits).await;
        let mut report = entry(rule, Outcome::Passed);
        report.duration_us = u64::try_from(result.duration.as_micros()).unwrap_or(u64::MAX);
        match result.answer {
            Ok(Plan::Place(placed)) if !shadow => {
                (decided, places) = (true, Some(placed));
            }
            Ok(Plan::Place(_)) => {}
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

fn entry(rule: &ActiveRule, outcome: Outcome) -> RuleReport {
    let info = rule.plugin.info();
    RuleReport {
        rule: rule.rule.name.clone(),
        plugin: info.name.clone(),
        version: info.version.clone(),
        digest: info.digest.clone(),
        config_digest: rule.config_digest.clone(),
        mode: rule.rule.mode,
        outcome,
        failure: None,
        findings: Vec::new(),
        duration_us: 0,
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
        mode: Mode::Enforce,
        outcome: Outcome::Passed,
        failure: None,
        findings: Vec::new(),
        duration_us: 0,
    };
    found(&mut report, findings);
    report
}
