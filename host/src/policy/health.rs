//! Rules that fail again and again: counted here, marked in the database for all nodes to see.
//!
//! To fail is not to reject: a rule fails when its plugin could not judge. Each node counts what it sees; one that
//! reaches the rule's number marks it. The mark is about one version of the plugin, and lifted by another one, or by hand.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::book::{Origin, PolicyBook, PolicyError};
use super::document::{PolicyDocument, Quarantined};
use super::snapshot::{ActiveRule, Snapshot};
use crate::db::RuleMark;
use crate::model::{Failure, Mode, Outcome, Report, Timestamp};

/// How often the gate tries to put a rule into shadow while others change the policy.
const ATTEMPTS: usize = 5;

/// What this node has seen of its rules.
#[derive(Debug, Default)]
pub struct Health {
    streaks: Mutex<HashMap<String, Streak>>,
}

/// Failures in a row.
#[derive(Clone, Debug)]
struct Streak {
    digest: String,
    /// When each was, the last few.
    failures: Vec<Timestamp>,
}

impl Health {
    /// Notes how a rule ended; how often in a row it has failed within its window, where it has just become too often.
    fn note(&self, rule: &ActiveRule, failed: bool, now: Timestamp) -> Option<u64> {
        let mut streaks = self.streaks.lock().unwrap_or_else(PoisonError::into_inner);
        if !failed {
            streaks.remove(&rule.rule.name);
            return None;
        }
        let digest = &rule.plugin.info().digest;
        let streak = streaks.entry(rule.rule.name.clone()).or_insert_with(|| Streak::of(digest));
        if streak.digest != *digest {
            *streak = Streak::of(digest);
        }
        let quarantine = rule.rule.quarantine;
        streak.add(quarantine.failures as usize, Duration::from_secs(quarantine.within_s), now)
    }

    /// Forgets what was seen of a rule.
    fn forget(&self, rule: &str) {
        self.streaks.lock().unwrap_or_else(PoisonError::into_inner).remove(rule);
    }
}

impl Streak {
    fn of(digest: &str) -> Self {
        Self { digest: digest.to_owned(), failures: Vec::new() }
    }

    /// Adds a failure. Some where there are `most` of them within the window now; counting begins anew then.
    fn add(&mut self, most: usize, window: Duration, now: Timestamp) -> Option<u64> {
        self.failures.retain(|failed| now.since(*failed) <= window);
        self.failures.push(now);
        (self.failures.len() >= most.max(1)).then(|| std::mem::take(&mut self.failures).len() as u64)
    }
}

impl PolicyBook {
    /// Notes how the rules of a review ended, marks those that failed too often, and does with them what they say.
    pub async fn note_health(&self, snapshot: &Snapshot, report: &Report, now: Timestamp) {
        for rule in &snapshot.rules {
            let Some(entry) = report.rules.iter().find(|entry| entry.rule == rule.rule.name) else { continue };
            let failed = match entry.outcome {
                Outcome::Skipped => continue,
                Outcome::Failed => true,
                Outcome::Passed | Outcome::Rejected => false,
            };
            let (Some(failures), Some(failure)) = (self.health().note(rule, failed, now), &entry.failure) else {
                continue;
            };
            if let Err(error) = self.quarantine(rule, failures, failure, now).await {
                tracing::error!(rule = rule.rule.name, %error, "a rule that keeps failing cannot be marked");
            }
        }
    }

    async fn quarantine(
        &self,
        rule: &ActiveRule,
        failures: u64,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<(), PolicyError> {
        let (name, info) = (&rule.rule.name, rule.plugin.info());
        let mark = RuleMark {
            rule: name.clone(),
            digest: info.digest.clone(),
            failures,
            kind: failure.kind.name().to_owned(),
            message: failure.message.clone(),
            marked: now,
        };
        self.db().mark_rule(&mark).await?;
        tracing::error!(rule = name, failures, error = failure.message, "a rule keeps failing and is marked unhealthy");
        if rule.rule.quarantine.then == Quarantined::Shadow && rule.rule.mode == Mode::Enforce {
            self.put_into_shadow(name, &info.digest, failures).await?;
        }
        Ok(())
    }

    /// A revision whose only change is the mode of one rule, as long as that rule still is what failed.
    async fn put_into_shadow(&self, name: &str, digest: &str, failures: u64) -> Result<(), PolicyError> {
        for _ in 0..ATTEMPTS {
            let Some(base) = self.db().latest_revision_number().await? else { return Ok(()) };
            let snapshot = self.revision(base).await?;
            let mut document = PolicyDocument {
                message: Some(format!("the rule {name} failed {failures} times in a row and goes on in shadow")),
                ..snapshot.document()
            };
            let broken = |rule: &&mut super::document::Rule| rule.name == name && rule.mode == Mode::Enforce;
            let Some(rule) = document.rules.iter_mut().find(broken) else { return Ok(()) };
            if document.digests.get(name).map(String::as_str) != Some(digest) {
                return Ok(());
            }
            rule.mode = Mode::Shadow;
            let origin = Origin { author: "the gate".to_owned(), origin: "quarantine".to_owned() };
            match self.apply(Some(base), &document, &origin).await {
                Err(PolicyError::Conflict { .. }) => {}
                other => return other.map(drop),
            }
        }
        Err(PolicyError::Conflict { latest: None })
    }

    /// The rules of the active policy that are marked, in the state that they were marked in.
    pub async fn unhealthy(&self) -> Result<Vec<RuleMark>, PolicyError> {
        let active = self.active();
        let mut marks = self.db().rule_marks().await?;
        marks.retain(|mark| {
            active.rules.iter().any(|rule| rule.rule.name == mark.rule && rule.plugin.info().digest == mark.digest)
        });
        Ok(marks)
    }

    /// Takes the mark off a rule, by hand. Whether it had one.
    pub async fn lift(&self, rule: &str) -> Result<bool, PolicyError> {
        self.health().forget(rule);
        Ok(self.db().unmark_rule(rule).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_micros(0).after(Duration::from_secs(second))
    }

    #[test]
    fn failures_count_while_they_are_close_together() {
        let mut streak = Streak::of("d");
        let mut add = |second| streak.add(3, Duration::from_secs(10), at(second));
        assert_eq!([add(0), add(5), add(20), add(25)], [None; 4]);
        assert_eq!(add(30), Some(3));
        // Begun anew.
        assert_eq!(add(31), None);
    }
}
