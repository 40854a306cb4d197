//! `sluice job show`: all that is known of one job, for an administrator who wants to know why.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::print::{self, Cell, Printer, Table, Tone};
use super::super::{Exit, Failure};
use super::list::tone;
use super::{existing, moment};
use crate::db::Db;
use crate::model::{Job, JobId, Outcome, Report, RuleReport, Severity};

pub(super) async fn run(id: JobId, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    let job = existing(id, db.get_job(id).await?)?;
    let report = db.get_report(id).await?;
    if printer.json {
        // As it is stored: a report of a newer program may hold more than this one knows.
        let report: Option<Value> = report.as_deref().map(read).transpose()?;
        printer.document(&json!({ "job": job, "report": report }))?;
        return Ok(Exit::Done);
    }
    facts(&job, printer)?;
    steps(&job, printer)?;
    if !job.exception.is_empty() {
        printer.raw("")?;
        printer.raw(&printer.toned("What the uploader is told", Tone::Strong))?;
        for line in job.exception.lines() {
            printer.text(&format!("  {line}"))?;
        }
    }
    if let Some(report) = report.as_deref() {
        printer.raw("")?;
        findings(&read(report)?, printer)?;
    }
    Ok(Exit::Done)
}

fn read<T: serde::de::DeserializeOwned>(report: &str) -> Result<T, Failure> {
    serde_json::from_str(report).map_err(|error| {
        let message = format!("the report is of another version of sluice ({error}); add --json to see it as it is");
        Failure::new(Exit::Failed, message)
    })
}

fn facts(job: &Job, printer: &Printer) -> io::Result<()> {
    let mut table = Table::new(&[]);
    let mut fact = |name: &str, value: Cell| table.row([Cell::text(name).tone(Tone::Faint), value]);
    let state = format!("{}, {}: {} at {:.0} %", job.state, job.stage, job.task, job.percent);
    fact("job", Cell::text(format!("{} ({} by {})", job.id, job.kind, job.user)).tone(Tone::Strong));
    fact("state", Cell::text(state).tone(tone(job)));
    let about = [("submitter", &job.submitter), ("project", &job.project), ("instrument", &job.instrument)];
    for (name, value) in about {
        if let Some(value) = value {
            fact(name, Cell::text(value));
        }
    }
    let size = print::bytes(u64::try_from(job.bytes).unwrap_or(0));
    fact("files", Cell::text(format!("{}, {size}", job.files)));
    fact("created", Cell::text(format!("{} UTC", moment(job.created))));
    fact("updated", Cell::text(format!("{} UTC", moment(job.updated))));
    fact("attempts", Cell::text(job.attempts.to_string()));
    if let Some(revision) = job.revision {
        fact("judged by", Cell::text(format!("revision {revision} of the policy")));
    }
    printer.table(&table)
}

fn steps(job: &Job, printer: &Printer) -> io::Result<()> {
    if job.steps.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["TASK", "STARTED (UTC)", "TOOK"]);
    for step in &job.steps {
        let took = match step.ended {
            Some(ended) => Cell::number(print::duration(ended.since(step.started))),
            None if job.complete() => Cell::number("not ended").tone(Tone::Bad),
            None => Cell::number("running"),
        };
        table.row([Cell::text(step.task.name()), Cell::text(moment(step.started)), took]);
    }
    printer.raw("")?;
    printer.table(&table)
}

fn findings(report: &Report, printer: &Printer) -> io::Result<()> {
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
    for rule in report.rules.iter().filter(|rule| rule.failure.is_some() || !rule.findings.is_empty()) {
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
    }
    Ok(())
}

fn outcome(rule: &RuleReport) -> (&'static str, Tone) {
    match rule.outcome {
        Outcome::Passed => ("passed", Tone::Good),
        Outcome::Rejected => ("rejected", Tone::Bad),
        Outcome::Failed => ("failed", Tone::Bad),
        Outcome::Skipped => ("skipped", Tone::Faint),
    }
}
