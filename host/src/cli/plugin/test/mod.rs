//! `sluice plugin test`: a plugin over its example bundles, in the gate's own sandbox.
//!
//! Every folder in `examples/` is a bundle (`metadata.txt`, `data/`). Beside these it may have `findings.json`, what the
//! plugin is expected to say of it; `config.json`, its configuration, instead of `examples/config.json`; `lookups.json`, what
//! servers answer, instead of `examples/lookups.json`; and `job.json`, what is to be known of its job.

mod example;
mod expected;
mod outcome;
mod watch;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::build::{build, shown};
use super::project::{Project, is_made};
use super::trial;
use crate::cli::print::Printer;
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::Limits;
use example::Example;

#[derive(Args)]
pub(in crate::cli) struct Test {
    /// The project's folder, or a component
    #[arg(default_value = ".", value_name = "DIR|X.wasm")]
    path: PathBuf,
    /// A bundle to run it on instead of the examples: a folder with metadata.txt and data/, or a tar
    #[arg(long, value_name = "PATH")]
    bundle: Option<PathBuf>,
    /// The configuration instead of the examples' own: a file, or JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    config: Option<OsString>,
    /// Grant it a table; CSV, or JSON where the file ends so; the keys are in the first column; repeatable
    #[arg(long, value_name = "NAME=FILE")]
    table: Vec<String>,
    /// What servers answer to its lookups, instead of the examples' own lookups.json
    #[arg(long, value_name = "FILE")]
    lookups: Option<PathBuf>,
    /// Write what the plugin says now as what is expected
    #[arg(long)]
    update: bool,
    /// Build and run again whenever a file of the project changes, until interrupted
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Time on the processor that a call may take, as a rule's limits have it
    #[arg(long, value_name = "MS", default_value_t = Limits::default().time_ms)]
    time_ms: u64,
    /// Memory that a call may take
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().memory_mib)]
    memory_mib: u64,
}

impl Test {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let limits = self.limits();
        if let Some(mistake) = limits.mistakes().first() {
            return Err(Failure::new(Exit::Usage, mistake.clone()));
        }
        let path = surroundings.folder.join(&self.path);
        if !self.watch {
            return self.once(&path, printer, surroundings);
        }
        if !path.is_dir() {
            return Err(Failure::new(Exit::Usage, "--watch needs a project's folder, to build it again"));
        }
        watch::changes(&path, printer, || match self.once(&path, printer, surroundings) {
            Ok(_) => Ok(()),
            Err(failure) => {
                printer.remark(&failure.message);
                Ok(())
            }
        })
    }

    fn limits(&self) -> Limits {
        Limits { time_ms: self.time_ms, memory_mib: self.memory_mib, ..Limits::default() }
    }

    /// Builds where that is needed, and runs everything once.
    fn once(&self, path: &Path, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let component = if path.is_dir() {
            let project = Project::open(path)?;
            let component = project.component();
            if is_older(&component, path) {
                printer.remark(&format!("building {}", shown(&component, surroundings).display()));
                build(&project, None, surroundings)?;
            }
            component
        } else {
            path.to_owned()
        };
        let examples = match &self.bundle {
            Some(bundle) => vec![Example::single(&surroundings.folder.join(bundle))],
            None => Example::all(if path.is_dir() { path } else { path.parent().unwrap_or(path) })?,
        };
        trial::block_on(self.judge_all(&component, &examples, printer, surroundings))
    }

    async fn judge_all(
        &self,
        component: &Path,
        examples: &[Example],
        printer: &Printer,
        surroundings: &Surroundings,
    ) -> Result<Exit, Failure> {
        let plugin = trial::load(component, surroundings).await?.plugin;
        let config = self.config.as_ref().map(|given| trial::read_config(given, surroundings)).transpose()?;
        let mut granted = trial::granted(&self.table, surroundings)?;
        if let Some(lookups) = &self.lookups {
            granted.lookup = Some(trial::read_lookups(&surroundings.folder.join(lookups))?);
        }
        let mut outcomes = Vec::new();
        for example in examples {
            let outcome =
                example.run(&plugin, config.as_ref(), &granted, self.limits(), self.update, surroundings).await?;
            outcome.remarks.iter().for_each(|remark| printer.remark(remark));
            if !printer.json {
                outcome.print(printer)?;
            }
            outcomes.push(outcome);
        }
        let failed = outcomes.iter().filter(|outcome| !outcome.is_well()).count();
        let passed = outcomes.len() - failed;
        let info = plugin.info();
        if printer.json {
            printer.document(&json!({
                "plugin": info.name, "version": info.version, "digest": info.digest,
                "examples": outcomes.iter().map(outcome::Outcome::json).collect::<Vec<_>>(),
                "passed": passed, "failed": failed,
            }))?;
        } else {
            printer.text(&format!("{} {}: {passed} as expected, {failed} not", info.name, info.version))?;
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
    }
}

/// Whether a component is not there, or some source was changed after it.
fn is_older(component: &Path, folder: &Path) -> bool {
    let Ok(built) = std::fs::metadata(component).and_then(|metadata| metadata.modified()) else { return true };
    changed_since(built, folder, true)
}

fn changed_since(moment: std::time::SystemTime, folder: &Path, is_top: bool) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The examples are no part of the component.
        if is_made(&name) || is_top && name == "examples" {
            return false;
        }
        let path = entry.path();
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => changed_since(moment, &path, false),
            Ok(metadata) => metadata.modified().is_ok_and(|modified| modified > moment),
            Err(_) => false,
        }
    })
}
