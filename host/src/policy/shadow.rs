//! What rules in shadow would have done to the jobs that were judged while they were.

use std::collections::BTreeMap;

use anyhow::Context;

use super::book::{PolicyBook, PolicyError};
use super::document::OnFailure;
use crate::model::{JobId, Mode, Outcome, Report, RuleReport};

/// What one rule in shadow said, as it stands in the active policy: same plugin, same configuration.
#[derive(Clone, Debug, Default)]
pub struct ShadowTally {
    /// Jobs that it was asked about.
    pub judged: usize,
    /// Those that it would have let pass.
    pub passed: usize,
    /// Those that it found an error in.
    pub rejected: usize,
    /// Those that it could not judge.
    pub failed: usize,
    /// The jobs whose verdict would have been another one, with what it said; newest first.
    pub differ: Vec<(JobId, RuleReport)>,
}

impl PolicyBook {
    /// What the active rules in shadow said of so many of the newest judged jobs, by rule.
    pub async fn shadows(&self, last: u32) -> Result<BTreeMap<String, ShadowTally>, PolicyError> {
        let active = self.active();
        let shadows: Vec<_> = active.rules.iter().filter(|rule| rule.rule.mode == Mode::Shadow).collect();
        let mut tallies: BTreeMap<String, ShadowTally> =
            shadows.iter().map(|rule| (rule.rule.name.clone(), ShadowTally::default())).collect();
        if shadows.is_empty() {
            return Ok(tallies);
        }
        for text in self.db().newest_reports(last).await? {
            let report: Report = serde_json::from_str(&text).context("a report cannot be read")?;
            for entry in report.rules {
                let same = shadows.iter().find(|rule| {
                    rule.rule.name == entry.rule
                        && rule.plugin.info().digest == entry.digest
                        && rule.config_digest == entry.config_digest
                });
                let (Some(rule), Mode::Shadow) = (same, entry.mode) else { continue };
                let rejects = rule.rule.on_failure == OnFailure::Reject;
                tallies.entry(entry.rule.clone()).or_default().add(report.job_id, report.accepted, rejects, entry);
            }
        }
        Ok(tallies)
    }
}

impl ShadowTally {
    fn add(&mut self, job: JobId, accepted: bool, failure_rejects: bool, entry: RuleReport) {
        let against = match entry.outcome {
            Outcome::Skipped => return,
            Outcome::Passed => {
                self.passed += 1;
                false
            }
            Outcome::Rejected => {
                self.rejected += 1;
                true
            }
            Outcome::Failed => {
                self.failed += 1;
                failure_rejects
            }
        };
        self.judged += 1;
        if against && accepted {
            self.differ.push((job, entry));
        }
    }
}
