//! `sluice table`: the tables of a running gate, over its API.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::gate::GateArgs;
use super::print::{Cell, Printer, Table as Printed};
use super::{Exit, Failure};
use crate::client::{Gate, GateError};
use crate::config::Surroundings;
use crate::model::TableName;

#[derive(Args)]
pub(super) struct Table {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    gate: GateArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Load a table: rules that are granted it read it from the next job on
    Put {
        /// Its name
        name: TableName,
        /// CSV whose first line names the columns, or, where it ends in .json, an array of flat objects
        file: PathBuf,
        /// The column that holds the keys, no two the same [default: the first]
        #[arg(long, value_name = "COLUMN")]
        key: Option<String>,
    },
    /// List the tables
    List,
    /// Show a table's versions
    Show {
        /// Which table
        name: TableName,
    },
    /// Get a table as CSV
    Pull {
        /// Which table
        name: TableName,
        /// Which version; the newest where none is given
        #[arg(long)]
        digest: Option<String>,
        /// Write it here instead of NAME.csv
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Remove a table that no revision of the policy grants
    Remove {
        /// Which
        name: TableName,
    },
}

/// A version, as the gate tells of it.
#[derive(Deserialize, Serialize)]
struct Version {
    name: String,
    version: u64,
    digest: String,
    columns: Vec<String>,
    rows: u64,
    size: u64,
    author: String,
    created: String,
}

#[derive(Deserialize)]
struct Listed {
    tables: Vec<Version>,
}

#[derive(Deserialize)]
struct Shown {
    versions: Vec<Version>,
}

impl Table {
    pub(super) async fn run(self, surroundings: &Surroundings, printer: &Printer) -> Result<Exit, Failure> {
        let gate = self.gate.open(surroundings)?;
        match self.command {
            Command::Put { name, file, key } => {
                let path = surroundings.folder.join(&file);
                let bytes = std::fs::read(&path)
                    .map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))?;
                let json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
                let kind = if json { "application/json" } else { "text/csv" };
                let path = format!("/api/tables/{name}{}", query("key", key.as_deref()));
                let request = gate.request(Method::PUT, &path).header("content-type", kind);
                let put: Version = gate.json(request.body(bytes)).await.map_err(mistakes)?;
                if printer.json {
                    printer.document(&put)?;
                } else {
                    printer
                        .text(&format!("{name} is at version {}: {} rows, {}", put.version, put.rows, put.digest))?;
                }
            }
            Command::List => versions(&gate.get::<Listed>("/api/tables").await?.tables, printer)?,
            Command::Show { name } => {
                versions(&gate.get::<Shown>(&format!("/api/tables/{name}")).await?.versions, printer)?;
            }
            Command::Pull { name, digest, output } => {
                let path = surroundings.folder.join(output.unwrap_or_else(|| format!("{name}.csv").into()));
                let asked = format!("/api/tables/{name}/csv{}", query("digest", digest.as_deref()));
                let csv = gate
                    .send(gate.request(Method::GET, &asked))
                    .await?
                    .bytes()
                    .await
                    .map_err(|error| gate.unreachable(&error))?;
                std::fs::write(&path, &csv)
                    .map_err(|error| Failure::file(format!("{} cannot be written", path.display()), &error))?;
                printer.remark(&format!("wrote {}", path.display()));
            }
            Command::Remove { name } => remove(&gate, &name, printer).await?,
        }
        Ok(Exit::Done)
    }
}

fn versions(versions: &[Version], printer: &Printer) -> Result<(), Failure> {
    if printer.json {
        printer.document(&versions)?;
        return Ok(());
    }
    let mut table = Printed::new(&["NAME", "VERSION", "ROWS", "COLUMNS", "LOADED", "BY", "DIGEST"]);
    for version in versions {
        table.row([
            Cell::text(version.name.clone()),
            Cell::number(version.version),
            Cell::number(version.rows),
            Cell::text(version.columns.join(", ")),
            Cell::text(version.created.clone()),
            Cell::text(version.author.clone()),
            Cell::text(version.digest.clone()),
        ]);
    }
    printer.table(&table)?;
    Ok(())
}

/// `?name=value`, where there is a value.
fn query(name: &str, value: Option<&str>) -> String {
    let pair = |value| form_urlencoded::Serializer::new("?".to_owned()).append_pair(name, value).finish();
    value.map(pair).unwrap_or_default()
}

async fn remove(gate: &Gate, name: &TableName, printer: &Printer) -> Result<(), Failure> {
    gate.send(gate.request(Method::DELETE, &format!("/api/tables/{name}"))).await?;
    if !printer.json {
        printer.text(&format!("the table {name} is removed"))?;
    }
    Ok(())
}

/// A table's mistakes stand one below the other.
fn mistakes(error: GateError) -> Failure {
    let mut failure = Failure::from(error);
    failure.message = failure.message.replace("changed: ", "changed:\n  ").replace("; ", ";\n  ");
    failure
}
