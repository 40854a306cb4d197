//! What a plugin is expected to say of an example: `findings.json`.
//!
//! A finding is expected by its severity and code. What else the file says of it must be so as well; what it leaves out
//! may be anything. The order is of no importance.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::cli::plugin::embedded;
use crate::cli::plugin::trial::Verdict;
use crate::cli::{Exit, Failure};
use crate::model::{FailureKind, Finding, Location, Outcome, Severity};

/// What is expected.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    outcome: Outcome,
    #[serde(default)]
    findings: Vec<ExpectedFinding>,
    /// Of a mover: where each file goes, by its path below `data/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureKind>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFinding {
    severity: Severity,
    code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<ExpectedLocation>,
    /// Outer none: anything. Inner none: there is to be no hint.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    hint: Option<Option<String>>,
}

/// A location as reports have it, where `value` may be left out for the bundle.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedLocation {
    kind: String,
    #[serde(default)]
    value: Option<String>,
}

/// A field that is there, be it null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn wire(location: &Location) -> (&'static str, Option<&str>) {
    match location {
        Location::Bundle => ("bundle", None),
        Location::Metadata(pointer) => ("metadata", Some(pointer)),
        Location::File(path) => ("file", Some(path)),
    }
}

impl ExpectedFinding {
    fn of(finding: &Finding) -> Self {
        let (kind, value) = wire(&finding.location);
        Self {
            severity: finding.severity,
            code: finding.code.clone(),
            message: Some(finding.message.clone()),
            location: Some(ExpectedLocation { kind: kind.to_owned(), value: value.map(str::to_owned) }),
            hint: Some(finding.hint.clone()),
        }
    }

    fn fits(&self, finding: &Finding) -> bool {
        let same_place =
            |place: &ExpectedLocation| (place.kind.as_str(), place.value.as_deref()) == wire(&finding.location);
        self.severity == finding.severity
            && self.code == finding.code
            && self.message.as_ref().is_none_or(|message| *message == finding.message)
            && self.location.as_ref().is_none_or(same_place)
            && self.hint.as_ref().is_none_or(|hint| *hint == finding.hint)
    }

    fn line(&self) -> String {
        let place = self.location.as_ref().map(|place| match &place.value {
            Some(value) => format!("{} {value}", place.kind),
            None => place.kind.clone(),
        });
        let hint = self.hint.as_ref().map(|hint| format!("hint: {}", hint.as_deref().unwrap_or("none")));
        let more = [place, self.message.clone(), hint].into_iter().flatten().collect::<Vec<_>>().join(" | ");
        format!("{} {} | {more}", severity(self.severity), self.code)
    }
}

/// The name on the wire.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// The name on the wire.
pub(super) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
    }
}

impl Expected {
    /// What a plugin has said, as what it is to say.
    pub(super) fn of(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome,
            findings: verdict.findings.iter().map(ExpectedFinding::of).collect(),
            places: verdict.places.clone(),
            failure: verdict.failure.as_ref().map(|failure| failure.kind),
        }
    }

    /// What a file expects; none where there is no file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            // A bundle that is a tar has no files beside it.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
            other => other.map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::new(Exit::Usage, format!("{} says nothing that can be expected: {error}", path.display()))
        })
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        embedded::write(path, &format!("{text}\n"))
            .map_err(|error| Failure::file(format!("{} cannot be written", path.display()), &error))
    }

    /// What is missing (`-`) and what was not expected (`+`).
    pub(super) fn differences(&self, verdict: &Verdict) -> Vec<String> {
        let mut lines = Vec::new();
        let mut differ = |what: &str, expected: String, said: String| {
            if expected != said {
                lines.push(format!("- {what} {expected}"));
                lines.push(format!("+ {what} {said}"));
            }
        };
        differ("outcome", outcome(self.outcome).to_owned(), outcome(verdict.outcome).to_owned());
        let kind = |kind: Option<FailureKind>| kind.map_or("none", FailureKind::name).to_owned();
        if self.failure.is_some() || self.outcome != Outcome::Failed {
            differ("failure", kind(self.failure), kind(verdict.failure.as_ref().map(|failure| failure.kind)));
        }
        let mut unexpected: Vec<&Finding> = verdict.findings.iter().collect();
        for expected in &self.findings {
            match unexpected.iter().position(|finding| expected.fits(finding)) {
                Some(index) => drop(unexpected.remove(index)),
                None => lines.push(format!("- {}", expected.line())),
            }
        }
        lines.extend(unexpected.into_iter().map(|finding| format!("+ {}", ExpectedFinding::of(finding).line())));
        if let Some(expected) = &self.places {
            let none = BTreeMap::new();
            let said = verdict.places.as_ref().unwrap_or(&none);
            let line = |sign: char, (file, place): (&String, &String)| format!("{sign} {file} -> {place}");
            lines.extend(expected.iter().filter(|entry| said.get(entry.0) != Some(entry.1)).map(|e| line('-', e)));
            lines.extend(said.iter().filter(|entry| expected.get(entry.0) != Some(entry.1)).map(|e| line('+', e)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(findings: Vec<Finding>) -> Verdict {
        Verdict { outcome: Outcome::Rejected, findings, places: None, failure: None }
    }

    fn finding(code: &str, message: &str) -> Finding {
        Finding {
            severity: Severity::Error,
            code: code.to_owned(),
            message: message.to_owned(),
            location: Location::File("a/b".to_owned()),
            hint: None,
        }
    }

    #[test]
    fn what_is_said_is_what_is_expected_of_it_in_any_order() {
        let expected = Expected::of(&verdict(vec![finding("a", "1"), finding("b", "2")]));
        let text = serde_json::to_string(&expected).unwrap();
        let read: Expected = serde_json::from_str(&text).unwrap();
        assert_eq!(read.differences(&verdict(vec![finding("b", "2"), finding("a", "1")])), Vec::<String>::new());
    }

    #[test]
    fn what_is_left_out_may_be_anything_and_what_is_there_must_be_so() {
        let read = |json: &str| serde_json::from_str::<Expected>(json).unwrap();
        let said = verdict(vec![finding("a", "whatever")]);
        let loose = read(r#"{"outcome": "rejected", "findings": [{"severity": "error", "code": "a"}]}"#);
        assert_eq!(loose.differences(&said), Vec::<String>::new());
        let strict =
            read(r#"{"outcome": "rejected", "findings": [{"severity": "error", "code": "a", "hint": "mend it"}]}"#);
        assert_eq!(
            strict.differences(&said),
            ["- error a | hint: mend it", "+ error a | file a/b | whatever | hint: none"]
        );
    }

    #[test]
    fn a_finding_twice_is_not_the_same_as_once() {
        let expected = Expected::of(&verdict(vec![finding("a", "1")]));
        let twice = verdict(vec![finding("a", "1"), finding("a", "1")]);
        assert_eq!(expected.differences(&twice).len(), 1);
    }
}
