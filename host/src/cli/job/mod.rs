//! `sluice job`: looking at jobs, and changing them by hand.

mod list;
mod revalidate;
mod show;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;

use super::gate::GateArgs;
use super::print::Printer;
use super::{Exit, Failure, open_database};
use crate::config::{Settings, Surroundings};
use crate::db::{Cancelled, Db, Retried, SetJob};
use crate::model::{Job, JobId, State, Task, Timestamp};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List jobs, newest first
    List(list::List),
    /// Show one job: its steps, what went wrong, and what the rules found
    Show {
        /// The job
        id: JobId,
    },
    /// Change what is recorded of a job; FAILED ends it
    Set(Set),
    /// Let a failed job wait for a worker again
    Retry {
        /// The job
        id: JobId,
    },
    /// Judge a job again by the revision that judged it, and say whether the verdict is the same; asks a running gate
    Revalidate {
        /// The job
        id: JobId,
        #[command(flatten)]
        gate: GateArgs,
    },
    /// End a job as failed; a worker that has it stops at its next step
    Cancel {
        /// The job
        id: JobId,
        /// What the uploader is told
        #[arg(long, value_name = "TEXT", default_value = "Cancelled by administrator")]
        reason: String,
    },
}

/// What to change. The flags are those of Pacifica's `IngestCMD job`.
#[derive(Args)]
#[command(
    group = ArgGroup::new("job").args(["id", "job_id"]).required(true),
    group = ArgGroup::new("change").args(["state", "task", "task_percent", "exception"]).required(true).multiple(true),
)]
pub(super) struct Set {
    /// The job
    id: Option<JobId>,
    /// The job, as Pacifica's command names it
    #[arg(long, value_name = "ID")]
    job_id: Option<JobId>,
    /// OK or FAILED
    #[arg(long)]
    state: Option<State>,
    /// The task, such as 'ingest files'
    #[arg(long)]
    task: Option<Task>,
    /// 0 to 100
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    task_percent: Option<f64>,
    /// What the uploader is told
    #[arg(long, value_name = "TEXT")]
    exception: Option<String>,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| "a percentage is a number from 0 to 100".to_owned())
}

impl Command {
    pub(super) async fn run(
        self,
        settings: &Settings,
        printer: &Printer,
        surroundings: &Surroundings,
    ) -> Result<Exit, Failure> {
        if let Self::Revalidate { id, gate } = &self {
            return revalidate::run(*id, &gate.open(surroundings)?, printer).await;
        }
        let db = open_database(settings).await?;
        let done = match self {
            Self::Revalidate { .. } => Ok(Exit::Done),
            Self::List(list) => list.run(&db, printer).await,
            Self::Show { id } => show::run(id, &db, printer).await,
            Self::Set(set) => set.run(&db, printer).await,
            Self::Retry { id } => retry(id, &db, printer).await,
            Self::Cancel { id, reason } => cancel(id, &reason, &db, printer).await,
        };
        db.close().await;
        done
    }
}

impl Set {
    pub(super) async fn run(self, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
        // The group requires one of both.
        let Some(id) = self.id.or(self.job_id) else { return Err(Failure::new(Exit::Usage, "no job is named")) };
        if let Some(task) = self.task {
            let job = existing(id, db.get_job(id).await?)?;
            if !job.kind.tasks().contains(&task) {
                let known: Vec<_> = job.kind.tasks().iter().map(|task| task.name()).collect();
                let message = format!("job {id} is of kind {}, whose tasks are: {}", job.kind, known.join(", "));
                return Err(Failure::new(Exit::Refused, message));
            }
        }
        let change =
            SetJob { state: self.state, task: self.task, percent: self.task_percent, exception: self.exception };
        let job = existing(id, db.set_job(id, &change, Timestamp::now()).await?)?;
        if printer.json {
            printer.document(&job)?;
        } else {
            printer.text(&format!("job {id} is {}, in {} at {:.0} %", job.state, job.task, job.percent))?;
        }
        Ok(Exit::Done)
    }
}

async fn retry(id: JobId, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    match db.retry_job(id, Timestamp::now()).await? {
        Retried::Waiting if printer.json => printer.document(&json!({ "job_id": id, "stage": "waiting" }))?,
        Retried::Waiting => printer.text(&format!(
            "job {id} waits for a worker; a running server takes it up when it next looks for lost jobs (worker.sweep)"
        ))?,
        Retried::NotFailed => {
            let message = format!("job {id} has not failed, so there is nothing to try again");
            return Err(Failure::new(Exit::Refused, message));
        }
        Retried::NotReceived => {
            let message = format!("the bytes of job {id} never arrived whole; the uploader has to send them again");
            return Err(Failure::new(Exit::Refused, message));
        }
        Retried::NoSuchJob => return Err(no_such_job(id)),
    }
    Ok(Exit::Done)
}

async fn cancel(id: JobId, reason: &str, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    match db.cancel_job(id, Timestamp::now(), reason).await? {
        Cancelled::Now if printer.json => {
            printer.document(&json!({ "job_id": id, "stage": "done", "state": "FAILED" }))?
        }
        Cancelled::Now => printer.text(&format!("job {id} has ended as FAILED: {reason}"))?,
        Cancelled::AlreadyDone => {
            return Err(Failure::new(
                Exit::Refused,
                format!("job {id} had ended before; `sluice job show {id}` says how"),
            ));
        }
        Cancelled::NoSuchJob => return Err(no_such_job(id)),
    }
    Ok(Exit::Done)
}

fn existing(id: JobId, job: Option<Job>) -> Result<Job, Failure> {
    job.ok_or_else(|| no_such_job(id))
}

fn no_such_job(id: JobId) -> Failure {
    Failure::new(Exit::NotFound, format!("job {id} does not exist; `sluice job list` names those that do"))
}

/// A moment to the second, in UTC, as Pacifica's clients know it.
pub(super) fn moment(at: Timestamp) -> String {
    let mut text = at.pacifica();
    text.truncate("2018-01-25 16:54:50".len());
    text
}
