//! Findings about one file: some are said, the others counted.

use sluice_sdk::Report;

use crate::table::Table;

/// What is said about one file.
#[derive(Debug)]
pub(crate) struct Notes<'a> {
    table: &'a Table,
    path: &'a str,
    report: &'a mut Report,
    said: usize,
    more: u64,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(table: &'a Table, path: &'a str, report: &'a mut Report) -> Self {
        Self { table, path, report, said: 0, more: 0 }
    }

    /// Says something, where there is room for it. Otherwise the words are not even made.
    pub(crate) fn say(&mut self, hint: &str, words: impl FnOnce() -> (&'static str, String)) {
        if self.said == self.table.max_findings {
            self.more += 1;
            return;
        }
        self.said += 1;
        let (code, message) = words();
        self.report
            .add(self.table.severity, code, message)
            .at_file(self.path)
            .hint(self.table.hint.clone().unwrap_or_else(|| hint.to_owned()));
    }

    /// Says how much there was besides.
    pub(crate) fn end(self) {
        if self.more > 0 {
            let noun = if self.more == 1 { "finding" } else { "findings" };
            let message = format!("There is more in this file: {} {noun} of the same or other kinds.", self.more);
            self.report.add(self.table.severity, "more-findings", message).at_file(self.path);
        }
    }
}
