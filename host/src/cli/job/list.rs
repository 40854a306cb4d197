//! `sluice job list`.

use clap::Args;

use super::super::print::{self, Cell, Printer, Table, Tone};
use super::super::{Exit, Failure};
use super::moment;
use crate::db::{Db, JobFilter};
use crate::model::{Job, JobId, JobKind, Stage, State};

/// Which jobs to list.
#[derive(Args)]
pub(in crate::cli) struct List {
    /// OK or FAILED
    #[arg(long)]
    state: Option<State>,
    /// receiving, waiting, running or done
    #[arg(long)]
    stage: Option<Stage>,
    /// upload or move
    #[arg(long)]
    kind: Option<JobKind>,
    /// Who sent them
    #[arg(long)]
    user: Option<String>,
    /// Their submitter
    #[arg(long)]
    submitter: Option<String>,
    /// Their project
    #[arg(long)]
    project: Option<String>,
    /// Their instrument
    #[arg(long)]
    instrument: Option<String>,
    /// How many at the most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Only jobs older than this one
    #[arg(long, value_name = "ID")]
    before: Option<JobId>,
}

impl List {
    pub(super) async fn run(self, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
        let limit = self.limit;
        let filter = JobFilter {
            state: self.state,
            stage: self.stage,
            kind: self.kind,
            user: self.user,
            submitter: self.submitter,
            project: self.project,
            instrument: self.instrument,
            before: self.before,
            limit,
        };
        let jobs = db.list_jobs(&filter).await?;
        if printer.json {
            printer.document(&jobs)?;
            return Ok(Exit::Done);
        }
        printer.table(&table(&jobs))?;
        match jobs.last() {
            None => printer.remark("no job fits"),
            Some(last) if jobs.len() as u64 >= u64::from(limit) => {
                printer.remark(&format!("there may be more: add --before {}", last.id));
            }
            Some(_) => {}
        }
        Ok(Exit::Done)
    }
}

fn table(jobs: &[Job]) -> Table {
    let mut table = Table::new(&[
        "JOB",
        "KIND",
        "STATE",
        "STAGE",
        "TASK",
        "%",
        "CREATED (UTC)",
        "USER",
        "SUBMITTER",
        "PROJECT",
        "INSTRUMENT",
        "FILES",
        "SIZE",
    ]);
    for job in jobs {
        let fact = |fact: &Option<String>| Cell::text(fact.as_deref().unwrap_or("-"));
        table.row([
            Cell::number(job.id),
            Cell::text(job.kind.name()),
            Cell::text(job.state.name()).tone(tone(job)),
            Cell::text(job.stage.name()),
            Cell::text(job.task.name()),
            Cell::number(format!("{:.0}", job.percent)),
            Cell::text(moment(job.created)),
            Cell::text(&job.user),
            fact(&job.submitter),
            fact(&job.project),
            fact(&job.instrument),
            Cell::number(job.files),
            Cell::number(print::bytes(u64::try_from(job.bytes).unwrap_or(0))),
        ]);
    }
    table
}

/// A job that has ended well, that has failed, or that is on its way.
pub(super) fn tone(job: &Job) -> Tone {
    match (job.state, job.stage) {
        (State::Failed, _) => Tone::Bad,
        (State::Ok, Stage::Done) => Tone::Good,
        (State::Ok, _) => Tone::Plain,
    }
}
