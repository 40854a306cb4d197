//! What the rules said of a bundle, for people.

use std::io;
use std::time::Duration;

use super::print::{self, Cell, Printer, Table, Tone};
use super::{Exit, Failure};
use crate::model::{LookupReport, Outcome, Report, RuleReport, Severity};

/// Reads a report as it is stored.
pub(super) fn read<T: serde::de::DeserializeOwned>(report: &str) -> Result<T, Failure> {
    serde_json::from_str(report).map_err(|error| {
        let message = format!("the report is of another version of sluice ({error}); add --json to see it as it is");
        Failure::new(Exit::Failed, message)
    })
}

/// Prints a report as tables.
pub(super) fn show(report: &Report, printer: &Printer) -> io::Result<()> {
    let (verdict, tone) = if report.accepted { ("accepted", Tone::Good) } else { ("rejected", Tone::Bad) };
    let title = printer.toned("What the rules say: ", Tone::Strong);
    let verdict = printer.toned(&format!("{verdict} by revision {}", report.revision), tone);
    printer.raw(&format!("{title}{verdict}"))?;
    let mut table = Table::new(&["", "RULE", "PLUGIN", "MODE", "TOOK"]);
    for rule in &report.rules {
        let (outcome, tone) = outcome(rule);
        table.row([
            Cell::text(outcome).tone(tone),
            Cell::text(&rule.rule),
            Cell::text(format!("{} {}", rule.plugin, rule.version).trim_end()),
            Cell::text(format!("{:?}", rule.mode).to_lowercase()),
            Cell::number(print::duration(Duration::from_micros(rule.duration_us))),
        ]);
    }
    printer.table(&table)?;
    let says_more =
        |rule: &&RuleReport| rule.failure.is_some() || !rule.findings.is_empty() || !rule.lookups.is_empty();
    for rule in report.rules.iter().filter(says_more) {
        printer.raw("")?;
        printer.raw(&printer.toned(&rule.rule, Tone::Strong))?;
        if let Some(failure) = &rule.failure {
            let name = printer.toned(&format!("could not judge ({})", failure.kind.name()), Tone::Bad);
            printer.raw(&format!("  {name}: {}", print::plain(&failure.message).replace('\n', "\n    ")))?;
        }
        for finding in &rule.findings {
            let (word, tone) = match finding.severity {
                Severity::Error => ("error", Tone::Bad),
                Severity::Warning => ("warning", Tone::Doubtful),
                Severity::Info => ("info", Tone::Faint),
            };
            let text = format!("{} [{}, {}]", finding.message, finding.location, finding.code);
            let text = print::plain(&text).replace('\n', "\n    ");
            printer.raw(&format!("  {}: {text}", printer.toned(word, tone)))?;
            if let Some(hint) = &finding.hint {
                printer.text(&format!("    hint: {hint}"))?;
            }
        }
        for asked in &rule.lookups {
            printer.raw(&printer.toned(&format!("  looked up {}", lookup(asked)), Tone::Faint))?;
        }
    }
    Ok(())
}

/// A lookup in a line.
pub(super) fn lookup(asked: &LookupReport) -> String {
    let answer = match (asked.status, &asked.error) {
        (Some(status), _) => format!("{status}, {}", print::bytes(asked.bytes)),
        (None, Some(error)) => error.clone(),
        (None, None) => "nothing".to_owned(),
    };
    let when = if asked.cached {
        "kept from before".to_owned()
    } else {
        format!("in {}", print::duration(Duration::from_micros(asked.duration_us)))
    };
    print::plain(&format!("{}: {answer}, {when}", asked.url)).replace('\n', " ")
}

fn outcome(rule: &RuleReport) -> (&'static str, Tone) {
    match rule.outcome {
        Outcome::Passed => ("passed", Tone::Good),
        Outcome::Rejected => ("rejected", Tone::Bad),
        Outcome::Failed => ("failed", Tone::Bad),
        Outcome::Skipped => ("skipped", Tone::Faint),
    }
}
