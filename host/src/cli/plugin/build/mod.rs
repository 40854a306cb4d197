//! `sluice plugin build`: from a project to one component.

mod javascript;
mod python;
mod rust;
mod stage;
mod tool;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::componentize::write_whole;
use super::project::{Language, Project};
use crate::cli::print::{self, Printer};
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;

pub(super) use javascript::{VERSION as COMPONENTIZE_JS, install as javascript_tools};
pub(super) use python::install as python_tools;

#[derive(Args)]
pub(in crate::cli) struct Build {
    /// The project's folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Where the component goes [default: NAME.wasm in the project's folder]
    #[arg(short, long, value_name = "OUT.wasm")]
    output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let project = Project::open(&surroundings.folder.join(&self.folder))?;
        let output = self.output.as_ref().map(|output| surroundings.folder.join(output));
        let built = build(&project, output.as_deref(), surroundings)?;
        let path = self.output.unwrap_or_else(|| shown(&built.path, surroundings));
        if printer.json {
            printer.document(&json!({ "output": path, "bytes": built.bytes }))?;
        } else {
            printer.text(&format!("{}: {}", path.display(), print::bytes(built.bytes as u64)))?;
        }
        Ok(Exit::Done)
    }
}

/// What was built.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) bytes: usize,
}

/// Builds a project's component, by default where the project has it.
pub(super) fn build(project: &Project, output: Option<&Path>, surroundings: &Surroundings) -> Result<Built, Failure> {
    let component = match project.language {
        Language::Rust => rust::build(project)?,
        Language::Python => python::build(project, surroundings)?,
        Language::JavaScript => javascript::build(project, surroundings)?,
    };
    let path = output.map_or_else(|| project.component(), Path::to_owned);
    write_whole(&path, &component)
        .map_err(|error| Failure::file(format!("{} cannot be written", path.display()), &error))?;
    Ok(Built { path, bytes: component.len() })
}

/// A path as short as it can be said from here.
pub(super) fn shown(path: &Path, surroundings: &Surroundings) -> PathBuf {
    let shorter = path.strip_prefix(&surroundings.folder).unwrap_or(path);
    shorter.strip_prefix(".").unwrap_or(shorter).to_owned()
}
