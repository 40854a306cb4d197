//! `sluice job show`: all that is known of one job, for an administrator who wants to know why.

use std::io;

use serde_json::{Value, json};

use super::super::print::{self, Cell, Printer, Table, Tone};
use super::super::{Exit, Failure};
use super::list::tone;
use super::{existing, moment};
use crate::cli::report;
use crate::db::Db;
use crate::model::{Job, JobId};

pub(super) async fn run(id: JobId, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    let job = existing(id, db.get_job(id).await?)?;
    let stored = db.get_report(id).await?;
    if printer.json {
        // As it is stored: a report of a newer program may hold more than this one knows.
        let report: Option<Value> = stored.as_deref().map(report::read).transpose()?;
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
    if let Some(report) = stored.as_deref() {
        printer.raw("")?;
        report::show(&report::read(report)?, printer)?;
    } else if job.revision.is_some() {
        printer.raw("")?;
        printer.text("Its report was kept for as long as retention.reports says, and is gone.")?;
    }
    Ok(Exit::Done)
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
