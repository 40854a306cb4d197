//! The program `IngestCMD`: Pacifica Ingest's own command for admins, for scripts that call it.
#![allow(non_snake_case, reason = "it is the name that scripts call")]

use std::process::ExitCode;

use sluice::cli;
use sluice::config::Surroundings;

fn main() -> ExitCode {
    match Surroundings::of_process() {
        Ok(surroundings) => cli::ingest_cmd(std::env::args_os(), &surroundings),
        Err(error) => {
            eprintln!("IngestCMD: the current folder cannot be read: {error}; change to one that is there");
            cli::Exit::Failed.into()
        }
    }
}
