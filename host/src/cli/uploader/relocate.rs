//! `sluice move`: files that the gate can see go into the archive without being sent.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::gate::GateArgs;
use super::super::print::Printer;
use super::super::{Exit, Failure};
use super::bundle::{self, Saying};
use super::outcome;
use super::upload::ask;
use super::watch::Watch;
use crate::client;
use crate::config::Surroundings;
use crate::model::JobKind;

/// Have the gate take files that lie below one of its move roots.
///
/// The files are read here for their sizes and hashes, and the gate takes them from the very same paths: run this on the
/// gate's machine, or where its folders are mounted at the same place. They are gone from there when the job has ended
/// well.
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 the gate has taken them, 1 the job failed or a file changed meanwhile, 2 usage, 3 a file is not there, \
4 the rules reject it, 5 the gate does not answer.")]
pub(in crate::cli) struct Move {
    /// The files and folders
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
    /// Post at once, without asking the rules before
    #[arg(long)]
    unasked: bool,
    #[command(flatten)]
    saying: Saying,
    #[command(flatten)]
    gate: GateArgs,
}

impl Move {
    pub(super) async fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let gate = self.gate.open(surroundings)?;
        let parcel = self.saying.parcel(&self.sources, true, printer)?;
        // First what costs nothing: large files take long to read.
        if !self.unasked && !ask(&gate, JobKind::Move, &parcel, printer).await? {
            return Ok(Exit::Refused);
        }
        bundle::hash(&parcel, printer).await?;
        let watch = Watch::of_job(printer);
        let posted = client::move_files(&gate, parcel.document(), &watch).await;
        watch.end();
        let job = posted?.job_id;
        if printer.json {
            printer.line(&json!({"event": "sent", "job_id": job}))?;
        }
        let state = outcome::follow(&gate, job, printer).await?;
        outcome::tell(&gate, &state, printer).await
    }
}
