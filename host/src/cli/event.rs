//! `sluice event`: the events of ended jobs, as they stand in the outbox.
//!
//! Works on the database itself, as `sluice job` does; a running gate does the sending.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;

use super::job::moment;
use super::print::{self, Cell, Printer, Table, Tone};
use super::{Exit, Failure, open_database};
use crate::config::Settings;
use crate::db::{Db, EventFilter, EventRecord, EventState};
use crate::model::{JobId, Timestamp};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List events, newest first
    List(List),
    /// Have an event sent again, whatever became of it
    Retry(Retry),
}

/// Which events to list.
#[derive(Args)]
pub(super) struct List {
    /// waiting, delivered or given-up
    #[arg(long)]
    state: Option<EventState>,
    /// Those of this job
    #[arg(long, value_name = "ID")]
    job: Option<JobId>,
    /// How many at the most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// Which events to send again.
#[derive(Args)]
#[command(group = ArgGroup::new("which").args(["id", "all"]).required(true))]
pub(super) struct Retry {
    /// The event, as `list` shows it
    id: Option<String>,
    /// All that were given up; those that wait are sent at once
    #[arg(long)]
    all: bool,
}

impl Command {
    pub(super) async fn run(self, settings: &Settings, printer: &Printer) -> Result<Exit, Failure> {
        let db = open_database(settings).await?;
        if settings.events.is_none() {
            printer.remark("events.url is not set here: nobody is told of anything");
        }
        let done = match self {
            Self::List(list) => list.run(&db, printer).await,
            Self::Retry(retry) => retry.run(&db, printer).await,
        };
        db.close().await;
        done
    }
}

impl List {
    async fn run(self, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
        let events = db.list_events(&EventFilter { state: self.state, job: self.job, limit: self.limit }).await?;
        if printer.json {
            printer.document(&events)?;
        } else if events.is_empty() {
            printer.remark("no event fits");
        } else {
            printer.table(&table(events))?;
        }
        Ok(Exit::Done)
    }
}

fn table(events: Vec<EventRecord>) -> Table {
    let mut table = Table::new(&["EVENT", "JOB", "OUTCOME", "STATE", "ENDED (UTC)", "SENT", "NEXT (UTC)", "PROBLEM"]);
    for event in events {
        let tone = match event.state {
            EventState::Delivered => Tone::Good,
            EventState::GivenUp => Tone::Bad,
            EventState::Waiting if event.problem.is_empty() => Tone::Plain,
            EventState::Waiting => Tone::Doubtful,
        };
        table.row([
            Cell::text(event.id),
            Cell::number(event.job),
            Cell::text(event.outcome.name()),
            Cell::text(event.state.name()).tone(tone),
            Cell::text(moment(event.ended)),
            Cell::number(event.attempts),
            Cell::text(event.due.map_or_else(|| "-".to_owned(), moment)),
            Cell::text(event.problem),
        ]);
    }
    table
}

impl Retry {
    async fn run(self, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
        let now = Timestamp::now();
        let Some(id) = self.id else {
            let events = db.retry_events(now).await?;
            if printer.json {
                printer.document(&json!({ "events": events }))?;
            } else {
                let events = print::count(usize::try_from(events).unwrap_or(usize::MAX), "event");
                printer.text(&format!("{events}: a running gate sends them now"))?;
            }
            return Ok(Exit::Done);
        };
        if !db.retry_event(&id, now).await? {
            let message = format!("there is no event {id}; `sluice event list` names those there are");
            return Err(Failure::new(Exit::NotFound, message));
        }
        if printer.json {
            printer.document(&json!({ "id": id, "state": EventState::Waiting }))?;
        } else {
            printer.text(&format!("event {id}: a running gate sends it now"))?;
        }
        Ok(Exit::Done)
    }
}
