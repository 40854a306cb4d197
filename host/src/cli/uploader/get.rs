//! `sluice get`: the files of a job, back from the archive.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::gate::GateArgs;
use super::super::print::{self, Printer};
use super::super::{Exit, Failure};
use super::watch::Watch;
use crate::client::{Watcher, fetch, remote_files};
use crate::config::Surroundings;
use crate::model::JobId;

/// Bring the files of a job back, and check them against their hashes.
///
/// What is there already and right is left as it is, and a file that was brought in part is gone on with, so that a get
/// that was broken off is simply run again.
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 all files are here and right, 1 one is not what was sent or cannot be written, 3 there is no such job or \
it has no files, 4 another file is in the way, 5 the gate does not answer.")]
pub(in crate::cli) struct Get {
    /// The job
    #[arg(value_name = "JOB")]
    job: JobId,
    /// Where to put them [default: a folder with the job's number]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    gate: GateArgs,
}

impl Get {
    pub(super) async fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let gate = self.gate.open(surroundings)?;
        let files = remote_files(&gate, self.job).await?;
        if files.is_empty() {
            let message =
                format!("job {} has no files in the archive; `sluice job show {0}` says how it ended", self.job);
            return Err(Failure::new(Exit::NotFound, message));
        }
        let folder = self.out.unwrap_or_else(|| PathBuf::from(self.job.to_string()));
        let (mut fetched, mut listed): (usize, Vec<Value>) = (0, Vec::with_capacity(files.len()));
        for file in &files {
            let watch = Watch::quiet("fetching", file.size.unwrap_or(0), printer);
            let new = fetch(&gate, file, &folder, &*watch as &dyn Watcher).await;
            watch.end();
            let new = new?;
            fetched += usize::from(new);
            listed.push(json!({"path": file.path, "size": file.size, "fetched": new}));
        }
        if printer.json {
            printer.document(&json!({"job_id": self.job, "folder": folder, "files": listed}))?;
            return Ok(Exit::Done);
        }
        let there = files.len() - fetched;
        let before = if there > 0 { format!(", {there} there before") } else { String::new() };
        let what = print::count(fetched, "file");
        printer.text(&format!("{what} fetched to {}{before}; all are what was sent", folder.display()))?;
        Ok(Exit::Done)
    }
}
