//! How an example went, and how it is shown.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::expected::{outcome as outcome_name, severity as severity_name};
use crate::cli::plugin::trial::Verdict;
use crate::cli::print::{self, Cell, Printer, Table, Tone};
use crate::cli::report::lookup;
use crate::model::{self, LookupReport, Severity};

/// How an example went.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// Whether anything was expected of it.
    pub(super) is_expected: bool,
    pub(super) verdict: Verdict,
    pub(super) differences: Vec<String>,
    pub(super) duration: Duration,
    pub(super) remarks: Vec<String>,
    pub(super) lookups: Vec<LookupReport>,
}

impl Outcome {
    /// Whether the plugin did what it was to do; where nothing was expected, whether it could judge at all.
    pub(super) fn is_well(&self) -> bool {
        self.differences.is_empty() && (self.is_expected || self.verdict.failure.is_none())
    }

    pub(super) fn json(&self) -> Value {
        let mut json = serde_json::to_value(&self.verdict).unwrap_or_default();
        json["name"] = json!(self.name);
        json["as_expected"] = json!(self.is_well());
        json["differences"] = json!(self.differences);
        json["duration_us"] = json!(u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX));
        if !self.lookups.is_empty() {
            json["lookups"] = json!(self.lookups);
        }
        json
    }

    pub(super) fn print(&self, printer: &Printer) -> io::Result<()> {
        let tone = match self.verdict.outcome {
            model::Outcome::Passed => Tone::Good,
            model::Outcome::Rejected => Tone::Doubtful,
            _ => Tone::Bad,
        };
        printer.raw(&format!(
            "{}  {}  {}",
            printer.toned(&self.name, Tone::Strong),
            printer.toned(outcome_name(self.verdict.outcome), tone),
            printer.toned(&print::duration(self.duration), Tone::Faint),
        ))?;
        if !self.verdict.findings.is_empty() {
            let mut table = Table::new(&["  SEVERITY", "CODE", "WHERE", "MESSAGE", "HINT"]);
            for finding in &self.verdict.findings {
                let tone = match finding.severity {
                    Severity::Error => Tone::Bad,
                    Severity::Warning => Tone::Doubtful,
                    Severity::Info => Tone::Plain,
                };
                table.row([
                    Cell::text(format!("  {}", severity_name(finding.severity))).tone(tone),
                    Cell::text(&finding.code),
                    Cell::text(finding.location.to_string()),
                    Cell::text(&finding.message),
                    Cell::text(finding.hint.as_deref().unwrap_or_default()),
                ]);
            }
            printer.table(&table)?;
        }
        if let Some(places) = self.verdict.places.as_ref().filter(|places| !places.is_empty()) {
            let mut table = Table::new(&["  FILE", "PLACE"]);
            for (file, place) in places {
                table.row([Cell::text(format!("  {file}")), Cell::text(place)]);
            }
            printer.table(&table)?;
        }
        for asked in &self.lookups {
            printer.text(&format!("  looked up {}", lookup(asked)))?;
        }
        if let Some(failure) = &self.verdict.failure {
            printer.text(&format!("  failed ({}): {}", failure.kind.name(), failure.message))?;
        }
        if !self.differences.is_empty() {
            printer.raw(&format!("  {}", printer.toned("not as expected:", Tone::Bad)))?;
        }
        for line in &self.differences {
            let tone = if line.starts_with('-') { Tone::Bad } else { Tone::Good };
            printer.raw(&format!("  {}", printer.toned(line, tone)))?;
        }
        Ok(())
    }
}
