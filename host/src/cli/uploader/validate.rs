//! `sluice validate`: what the rules would say.

use std::path::PathBuf;

use clap::Args;

use super::super::gate::GateArgs;
use super::super::print::Printer;
use super::super::{Exit, Failure};
use super::bundle::{self, Saying};
use super::outcome;
use crate::client;
use crate::config::Surroundings;
use crate::model::JobKind;

/// Ask what the rules would say of files, or of a metadata document, and send nothing.
#[derive(Args)]
pub(in crate::cli) struct Validate {
    /// The files and folders; without any, --metadata is judged as it is
    #[arg(value_name = "PATH", required_unless_present = "metadata")]
    paths: Vec<PathBuf>,
    /// Read all files before, so that rules see their hashes
    #[arg(long)]
    hash_first: bool,
    /// Judge it as an upload or as a move
    #[arg(long, value_name = "KIND", default_value_t = JobKind::Upload)]
    kind: JobKind,
    #[command(flatten)]
    saying: Saying,
    #[command(flatten)]
    gate: GateArgs,
}

impl Validate {
    pub(super) async fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let gate = self.gate.open(surroundings)?;
        let document = match self.saying.metadata() {
            Some(file) if self.paths.is_empty() => std::fs::read(file)
                .map_err(|error| Failure::file(format!("{} cannot be read", file.display()), &error))?,
            _ => {
                let parcel = self.saying.parcel(&self.paths, self.kind == JobKind::Move, printer)?;
                if self.hash_first {
                    bundle::hash(&parcel, printer).await?;
                }
                parcel.document()
            }
        };
        let report = client::validate(&gate, self.kind, document).await?;
        let Some(report) = report else {
            let message = format!("{} cannot be asked beforehand: it has no /api/validate", gate.base());
            return Err(Failure::new(Exit::NotFound, message));
        };
        if printer.json {
            printer.line(&report)?;
            return Ok(if report.accepted { Exit::Done } else { Exit::Refused });
        }
        outcome::tell_dry(&report, printer)
    }
}
