//! `sluice plugin inspect`: what a component is.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::trial;
use crate::cli::print::{self, Cell, Printer, Table};
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::PluginInfo;

#[derive(Args)]
pub(in crate::cli) struct Inspect {
    /// The component
    #[arg(value_name = "X.wasm")]
    component: PathBuf,
}

impl Inspect {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let path = surroundings.folder.join(&self.component);
        let loaded = trial::block_on(trial::load(&path, surroundings))?;
        let info = loaded.plugin.info();
        if printer.json {
            let mut document = serde_json::to_value(info).unwrap_or_default();
            document["interface"] = json!(interface(info));
            printer.document(&document)?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(&[]);
        let mut row = |name: &str, value: String| table.row([Cell::text(name), Cell::text(value)]);
        row("name", info.name.clone());
        row("version", info.version.clone());
        row("summary", info.summary.clone());
        row("kind", info.kind.name().to_owned());
        row("interface", interface(info).unwrap_or_else(|| "unknown".to_owned()));
        row("size", print::bytes(info.size as u64));
        row("digest", info.digest.clone());
        for (index, import) in info.imports.iter().enumerate() {
            row(if index == 0 { "imports" } else { "" }, import.clone());
        }
        printer.table(&table)?;
        printer.text(&format!("config schema\n{}", indented(&info.config_schema)))?;
        Ok(Exit::Done)
    }
}

/// The contract that it was built against, as its imports name it: every rule needs the contract's types.
fn interface(info: &PluginInfo) -> Option<String> {
    let version = info.imports.iter().find_map(|import| import.strip_prefix("sluice:plugin/types@"))?;
    Some(format!("sluice:plugin@{version}"))
}

fn indented(schema: &Value) -> String {
    let text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
