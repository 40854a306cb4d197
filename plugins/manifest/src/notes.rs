//! Findings about bags and crates, with the facility's severity and hint.

use sluice_sdk::{Report, Severity};

/// Takes what is said.
#[derive(Debug)]
pub(crate) struct Notes<'a> {
    pub(crate) report: &'a mut Report,
    pub(crate) severity: Severity,
    pub(crate) hint: Option<&'a str>,
    /// Files whose contents could not be read.
    pub(crate) not_at_hand: u64,
}

impl Notes<'_> {
    /// Something that is wrong with a file.
    pub(crate) fn wrong(&mut self, code: &str, path: String, message: String, hint: &str) {
        self.report.add(self.severity, code, message).at_file(path).hint(self.hint.unwrap_or(hint));
    }

    /// Something that is odd, and does no harm.
    pub(crate) fn odd(&mut self, code: &str, path: String, message: String, hint: &str) {
        let severity = self.severity.min(Severity::Warning);
        self.report.add(severity, code, message).at_file(path).hint(self.hint.unwrap_or(hint));
    }
}
