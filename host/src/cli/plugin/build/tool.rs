//! Finding and running the tools that other languages need.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::plugin::scratch;
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;

/// A tool, where it may be, and how to get it.
pub(super) struct Tool {
    pub(super) program: &'static str,
    /// Its release, as the cache's folder has it.
    pub(super) version: &'static str,
    /// The folder of its programs in a project.
    pub(super) in_project: &'static str,
    /// And below its own folder in the cache.
    pub(super) in_cache: &'static str,
    /// The commands that install it.
    pub(super) install: Vec<String>,
}

impl Tool {
    /// The program: the project's own, the one in the user's cache, or the one in PATH.
    pub(super) fn find(&self, project: &Path, surroundings: &Surroundings) -> Result<PathBuf, Failure> {
        let cached = scratch::cache(surroundings)?
            .join("guest-tools")
            .join(format!("{}-{}", self.program, self.version))
            .join(self.in_cache);
        let path = surroundings.variable("PATH").map(std::env::split_paths).into_iter().flatten();
        let mut folders = [project.join(self.in_project), cached].into_iter().chain(path);
        folders.find_map(|folder| Some(folder.join(self.program)).filter(|program| program.is_file())).ok_or_else(|| {
            let message = format!(
                "{} is not here: neither in {} of the project nor in PATH. Install it in the project's folder:\n\n    {}\n",
                self.program,
                self.in_project,
                self.install.join("\n    ")
            );
            Failure::new(Exit::Failed, message)
        })
    }
}

/// Runs a tool to its end. What it says on standard output is shown where errors are: ours is for the result.
pub(super) fn run(what: &str, command: &mut Command) -> Result<(), Failure> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|error| Failure::file(format!("{} cannot be started", command.get_program().display()), &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("{what} failed ({status}); what it said is above")))
}
