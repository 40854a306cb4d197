//! The report that a rule fills in.

use crate::{Finding, Location, Severity};

/// Nobody reads more findings of one kind, and the gate takes only so many from a rule.
const FOLD_AFTER: usize = 100;

/// What a rule has to say about a bundle.
///
/// After a hundred findings of one kind (code and severity) the others are counted, not kept, and the report ends with
/// one finding that tells the number. A bundle of a million files that are all wrong thus makes a report a person can
/// read.
#[derive(Debug)]
pub struct Report {
    findings: Vec<Finding>,
    /// How many there are of each kind, in order. A rule has a handful, for which a map would be a lot of code.
    kinds: Vec<((String, Severity), usize)>,
    fold_after: usize,
    /// Takes what is said about a finding that is not kept.
    folded: Finding,
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        let folded = Finding {
            severity: Severity::Info,
            code: String::new(),
            message: String::new(),
            location: Location::Bundle,
            hint: None,
        };
        Self { findings: Vec::new(), kinds: Vec::new(), fold_after: FOLD_AFTER, folded }
    }

    /// Keeps up to `count` findings of each kind instead of a hundred.
    pub fn fold_after(&mut self, count: usize) {
        self.fold_after = count;
    }

    /// Something that must be mended: the bundle is rejected.
    pub fn error(&mut self, code: impl Into<String>, message: impl Into<String>) -> Note<'_> {
        self.add(Severity::Error, code, message)
    }

    /// Something that should be mended: the bundle is accepted.
    pub fn warning(&mut self, code: impl Into<String>, message: impl Into<String>) -> Note<'_> {
        self.add(Severity::Warning, code, message)
    }

    /// Something worth knowing.
    pub fn info(&mut self, code: impl Into<String>, message: impl Into<String>) -> Note<'_> {
        self.add(Severity::Info, code, message)
    }

    /// A finding whose severity is known only at run time. It is about the whole bundle unless the note says more.
    pub fn add(&mut self, severity: Severity, code: impl Into<String>, message: impl Into<String>) -> Note<'_> {
        let code = code.into();
        let finding =
            Finding { severity, code: code.clone(), message: message.into(), location: Location::Bundle, hint: None };
        let kind = (code, severity);
        let at = self.kinds.binary_search_by(|(known, _)| known.cmp(&kind)).unwrap_or_else(|at| {
            self.kinds.insert(at, (kind, 0));
            at
        });
        let (_, count) = &mut self.kinds[at];
        *count += 1;
        let kept = if *count > self.fold_after {
            self.folded = finding;
            &mut self.folded
        } else {
            self.findings.push_mut(finding)
        };
        Note(kept)
    }

    /// Whether anything in the report rejects the bundle.
    pub fn rejects(&self) -> bool {
        self.kinds.iter().any(|((_, severity), _)| *severity == Severity::Error)
    }

    /// The findings, in the order they were made.
    pub fn into_findings(mut self) -> Vec<Finding> {
        for ((code, severity), count) in self.kinds {
            if count > self.fold_after {
                self.findings.push(Finding {
                    severity,
                    code,
                    message: format!("There are {} more findings of this kind.", count - self.fold_after),
                    location: Location::Bundle,
                    hint: None,
                });
            }
        }
        self.findings
    }
}

/// A finding just made, to say more about it.
#[derive(Debug)]
pub struct Note<'a>(&'a mut Finding);

impl Note<'_> {
    /// Says what the finding is about.
    pub fn at(self, location: Location) -> Self {
        self.0.location = location;
        self
    }

    /// It is about a place in metadata.txt, named by its RFC 6901 JSON pointer.
    pub fn at_metadata(self, pointer: impl Into<String>) -> Self {
        self.at(Location::Metadata(pointer.into()))
    }

    /// It is about a file, named by its path below `data/`.
    pub fn at_file(self, path: impl Into<String>) -> Self {
        self.at(Location::File(path.into()))
    }

    /// Says what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_where_and_what_to_do() {
        let mut report = Report::new();
        report.error("a", "first").at_metadata("/2/value").hint("mend it");
        report.warning("b", "second").at_file("x/y");
        report.info("c", "third");
        let rejects = report.rejects();
        let findings = report.into_findings();
        assert!(rejects);
        assert_eq!(findings[0].location, Location::Metadata("/2/value".into()));
        assert_eq!(findings[0].hint.as_deref(), Some("mend it"));
        assert_eq!(findings[1].location, Location::File("x/y".into()));
        assert_eq!(
            findings.iter().map(|finding| finding.severity).collect::<Vec<_>>(),
            [Severity::Error, Severity::Warning, Severity::Info]
        );
    }

    #[test]
    fn too_many_findings_of_a_kind_are_counted_and_still_reject() {
        let mut report = Report::new();
        report.fold_after(2);
        for n in 0..5 {
            report.error("bad", format!("number {n}")).at_file("x");
        }
        report.warning("bad", "the same code, another severity");
        let findings = report.into_findings();
        let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            ["number 0", "number 1", "the same code, another severity", "There are 3 more findings of this kind."]
        );
        assert_eq!((findings[3].severity, &findings[3].location), (Severity::Error, &Location::Bundle));
    }

    #[test]
    fn warnings_do_not_reject() {
        let mut report = Report::new();
        report.warning("w", "x");
        assert!(!report.rejects());
    }
}
