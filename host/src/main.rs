//! The program `sluice`.

use std::process::ExitCode;

use sluice::cli;
use sluice::config::Surroundings;

fn main() -> ExitCode {
    match Surroundings::of_process() {
        Ok(surroundings) => cli::run(std::env::args_os(), &surroundings),
        Err(error) => {
            eprintln!("sluice: the current folder cannot be read: {error}; change to one that is there");
            cli::Exit::Failed.into()
        }
    }
}
