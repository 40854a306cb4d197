//! `sluice plugin push|list|show|pull|remove`: the plugins of a running gate, over its API.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;

use super::super::gate::GateArgs;
use super::super::print::{self, Cell, Printer, Table, Tone};
use super::super::{Exit, Failure};
use super::componentize::write_whole;
use super::push;
use crate::client::Gate;
use crate::config::Surroundings;
use crate::plugin::PluginInfo;

#[derive(Subcommand)]
pub(in crate::cli) enum Remote {
    /// Add components to a running gate
    Push {
        /// The components
        #[arg(value_name = "X.wasm", required = true)]
        files: Vec<PathBuf>,
        /// The minisign signature [default: X.wasm.minisig, where there is one]
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        #[command(flatten)]
        gate: GateArgs,
    },
    /// List the plugins of a running gate
    List {
        #[command(flatten)]
        gate: GateArgs,
    },
    /// Show one plugin of a running gate: what it imports, and the schema of its configuration
    Show(Named),
    /// Fetch a plugin's component from a running gate
    Pull {
        #[command(flatten)]
        plugin: Named,
        /// Where it goes [default: NAME.wasm]
        #[arg(short, long, value_name = "OUT.wasm")]
        output: Option<PathBuf>,
    },
    /// Remove a plugin that no revision of the policy names
    Remove(Named),
}

/// A plugin of a gate.
#[derive(Args)]
pub(in crate::cli) struct Named {
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST
    plugin: String,
    #[command(flatten)]
    gate: GateArgs,
}

#[derive(Deserialize)]
struct Plugins {
    plugins: Vec<PluginInfo>,
}

impl Named {
    fn path(&self) -> String {
        let encoded: String = url::form_urlencoded::byte_serialize(self.plugin.as_bytes()).collect();
        format!("/api/plugins/{}", encoded.replace('+', "%20"))
    }
}

impl Remote {
    pub(in crate::cli) async fn run(self, surroundings: &Surroundings, printer: &Printer) -> Result<Exit, Failure> {
        match self {
            Self::Push { files, signature, gate } => {
                let gate = gate.open(surroundings)?;
                let signature = signature.map(|file| surroundings.folder.join(file));
                for file in files {
                    let pushed = push::push(&gate, &surroundings.folder.join(file), signature.as_deref()).await?;
                    if printer.json {
                        printer.document(&pushed)?;
                        continue;
                    }
                    let took =
                        pushed.compile_ms.map_or("was there already".to_owned(), |ms| format!("compiled in {ms} ms"));
                    printer.text(&format!("{} {}: {}, {took}", pushed.name, pushed.version, pushed.digest))?;
                }
                Ok(Exit::Done)
            }
            Self::List { gate } => list(&gate.open(surroundings)?, printer).await,
            Self::Show(named) => {
                let info: PluginInfo = named.gate.open(surroundings)?.get(&named.path()).await?;
                show(&info, printer)
            }
            Self::Pull { plugin, output } => {
                let gate = plugin.gate.open(surroundings)?;
                let info: PluginInfo = gate.get(&plugin.path()).await?;
                let request = gate.request(Method::GET, &format!("{}/wasm", plugin.path()));
                let wasm = gate.send(request).await?.bytes().await.map_err(|error| gate.unreachable(&error))?;
                let output = output.unwrap_or_else(|| format!("{}.wasm", info.name.replace('/', "-")).into());
                write_whole(&surroundings.folder.join(&output), &wasm)
                    .map_err(|error| Failure::file(format!("{} cannot be written", output.display()), &error))?;
                if printer.json {
                    printer.document(&info)?;
                } else {
                    printer.text(&format!("{}: {} {}", output.display(), info.name, info.version))?;
                }
                Ok(Exit::Done)
            }
            Self::Remove(named) => {
                let gate = named.gate.open(surroundings)?;
                gate.send(gate.request(Method::DELETE, &named.path())).await?;
                if !printer.json {
                    printer.text(&format!("{} is gone", named.plugin))?;
                }
                Ok(Exit::Done)
            }
        }
    }
}

async fn list(gate: &Gate, printer: &Printer) -> Result<Exit, Failure> {
    let Plugins { plugins } = gate.get("/api/plugins").await?;
    if printer.json {
        printer.document(&plugins)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "VERSION", "KIND", "SIZE", "DIGEST", "SUMMARY"]);
    for plugin in plugins {
        table.row([
            Cell::text(plugin.name).tone(Tone::Strong),
            Cell::text(plugin.version),
            Cell::text(plugin.kind.name()),
            Cell::number(print::bytes(plugin.size as u64)),
            Cell::text(plugin.digest.get(..19).unwrap_or(&plugin.digest)),
            Cell::text(plugin.summary),
        ]);
    }
    printer.table(&table)?;
    Ok(Exit::Done)
}

fn show(info: &PluginInfo, printer: &Printer) -> Result<Exit, Failure> {
    if printer.json {
        printer.document(info)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[]);
    let mut fact = |name: &str, value: String| table.row([Cell::text(name).tone(Tone::Faint), Cell::text(value)]);
    fact("plugin", format!("{} {} ({})", info.name, info.version, info.kind.name()));
    fact("summary", info.summary.clone());
    fact("digest", info.digest.clone());
    fact("size", print::bytes(info.size as u64));
    fact("imports", if info.imports.is_empty() { "nothing".to_owned() } else { info.imports.join(", ") });
    printer.table(&table)?;
    printer.raw(&printer.toned("Schema of its configuration", Tone::Strong))?;
    printer.document(&info.config_schema)?;
    Ok(Exit::Done)
}
