//! What uploaders do: ask, send, move, and bring back.
//!
//! None of this looks at the settings of a gate: an uploader's machine has none.

mod bundle;
mod get;
mod outcome;
mod relocate;
mod upload;
mod validate;
mod watch;

use clap::Subcommand;

use super::print::Printer;
use super::{Exit, Failure};
use crate::config::Surroundings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Send files, and wait until the gate has taken them or said why not
    Upload(upload::Upload),
    /// Ask what the rules would say, and send nothing
    Validate(validate::Validate),
    /// Have the gate take files that lie on its side already
    Move(relocate::Move),
    /// Bring the files of a job back, and check them
    Get(get::Get),
}

impl Command {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("no threads can be started: {error}")))?;
        let done = runtime.block_on(async {
            match self {
                Self::Upload(upload) => upload.run(printer, surroundings).await,
                Self::Validate(validate) => validate.run(printer, surroundings).await,
                Self::Move(relocate) => relocate.run(printer, surroundings).await,
                Self::Get(get) => get.run(printer, surroundings).await,
            }
        });
        // A thread that still reads a file for a request that has failed is not waited for.
        runtime.shutdown_background();
        done
    }
}
