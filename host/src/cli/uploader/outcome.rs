//! What became of a bundle.

use serde_json::{Value, json};

use super::super::print::{Printer, Tone};
use super::super::report;
use super::super::{Exit, Failure};
use super::watch::Watch;
use crate::client::{Gate, JobState};
use crate::model::{JobId, Report, State, Task};

/// Follows a job to its end.
pub(super) async fn follow(gate: &Gate, job: JobId, printer: &Printer) -> Result<JobState, Failure> {
    let watch = Watch::of_job(printer);
    let followed = gate.follow(job, |state| watch.job(state)).await;
    watch.end();
    followed.map_err(|error| {
        let Failure { exit, message } = error.into();
        Failure::new(exit, format!("job {job} was made, but what becomes of it cannot be seen: {message}"))
    })
}

/// Prints how a job ended, and answers with the exit code that says so.
pub(super) async fn tell(gate: &Gate, state: &JobState, printer: &Printer) -> Result<Exit, Failure> {
    let stored: Option<Value> = gate.find(&format!("/api/jobs/{}/report", state.job_id)).await?;
    let exit = exit(state, stored.as_ref());
    if printer.json {
        printer.line(&json!({"event": "done", "job": state, "report": stored}))?;
        return Ok(exit);
    }
    if state.state == State::Ok {
        printer.raw(&printer.toned(&format!("job {}: the gate has taken it", state.job_id), Tone::Good))?;
    } else {
        let title = format!("job {} has failed in {}", state.job_id, state.task);
        printer.raw(&printer.toned(&title, Tone::Bad))?;
        for line in state.exception.lines() {
            printer.text(&format!("  {line}"))?;
        }
    }
    if let Some(stored) = stored {
        report::show(&report::read(&stored.to_string())?, printer)?;
    }
    Ok(exit)
}

/// Prints what the rules would say.
pub(super) fn tell_dry(report: &Report, printer: &Printer) -> Result<Exit, Failure> {
    report::show(report, printer)?;
    Ok(if report.accepted { Exit::Done } else { Exit::Refused })
}

/// A bundle that the rules do not accept, wherever its job ended of it, is told from one that something else befell.
fn exit(state: &JobState, report: Option<&Value>) -> Exit {
    match state.state {
        State::Ok => Exit::Done,
        State::Failed if report.is_some_and(|report| report["accepted"] == false) => Exit::Refused,
        State::Failed if state.task == Task::PolicyValidation.name() => Exit::Refused,
        State::Failed => Exit::Failed,
    }
}
