//! `sluice upload`: files become a bundle, a job, and files in the archive.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::super::gate::GateArgs;
use super::super::print::{self, Printer};
use super::super::{Exit, Failure};
use super::bundle::{self, Saying};
use super::outcome;
use super::watch::Watch;
use crate::client::{self, Gate, Parcel, Watcher};
use crate::config::Surroundings;
use crate::model::{JobId, JobKind};

/// Send files.
///
/// A folder keeps its name: `sluice upload far/run7` makes run7/... of it, and `sluice upload .` takes what is here. The
/// rules are asked before anything is sent, and what they said of the whole bundle is shown at the end.
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 the gate has taken it, 1 the job failed or a file changed meanwhile, 2 usage, 3 a file is not there, \
4 the rules reject it, 5 the gate does not answer.")]
pub(in crate::cli) struct Upload {
    /// The files and folders
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Send at once, without asking the rules before
    #[arg(long, conflicts_with = "hash_first")]
    unasked: bool,
    /// Read all files before the rules are asked, so that they see the hashes; every file is then read twice
    #[arg(long)]
    hash_first: bool,
    /// End when the gate has the bundle, without waiting for what becomes of it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    saying: Saying,
    #[command(flatten)]
    gate: GateArgs,
}

impl Upload {
    pub(super) async fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let gate = self.gate.open(surroundings)?;
        let parcel = self.saying.parcel(&self.paths, false, printer)?;
        if self.hash_first {
            bundle::hash(&parcel, printer).await?;
        }
        if !self.unasked && !ask(&gate, JobKind::Upload, &parcel, printer).await? {
            return Ok(Exit::Refused);
        }
        let job = send(&gate, &parcel, printer).await?;
        if self.no_wait {
            if !printer.json {
                printer.text(&format!("job {job}: the gate has it; `sluice job show {job}` tells more"))?;
            }
            return Ok(Exit::Done);
        }
        let state = outcome::follow(&gate, job, printer).await?;
        outcome::tell(&gate, &state, printer).await
    }
}

/// Asks the rules beforehand. False where they reject it, which is then told.
pub(super) async fn ask(gate: &Gate, kind: JobKind, parcel: &Parcel, printer: &Printer) -> Result<bool, Failure> {
    let Some(report) = client::validate(gate, kind, parcel.document()).await? else {
        printer.remark("this gate cannot be asked beforehand; the rules will speak when the bundle is there");
        return Ok(true);
    };
    if printer.json {
        printer.line(&json!({"event": "validated", "report": report}))?;
    } else if !report.accepted {
        outcome::tell_dry(&report, printer)?;
        printer.remark("nothing was sent");
    }
    Ok(report.accepted)
}

async fn send(gate: &Gate, parcel: &Arc<Parcel>, printer: &Printer) -> Result<JobId, Failure> {
    let (started, length) = (Instant::now(), parcel.length());
    let watch = Watch::new("sending", length, printer);
    let watcher: Arc<dyn Watcher> = watch.clone();
    let job = client::send(gate, parcel, watcher).await;
    watch.end();
    let job = job?;
    if printer.json {
        printer.line(&json!({"event": "sent", "job_id": job, "bytes": length}))?;
    } else {
        let took = started.elapsed();
        let rate = (length as f64 / took.as_secs_f64().max(1e-6)) as u64;
        printer.remark(&format!(
            "{}, {} sent in {} ({}/s)",
            print::count(parcel.files().len(), "file"),
            print::bytes(length),
            print::duration(took),
            print::bytes(rate)
        ));
    }
    Ok(job)
}
