//! `sluice db`: the schema.

use clap::Subcommand;
use serde_json::json;

use super::print::Printer;
use super::{Exit, Failure};
use crate::config::Settings;
use crate::db::{Db, SchemaState};
use crate::model::Timestamp;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Bring the schema up to this program's; makes a database of SQLite's where there is none
    Sync,
    /// Compare the schema to this program's; 0 when they are equal, 4 when not
    Check,
}

impl Command {
    pub(super) async fn run(self, settings: &Settings, printer: &Printer) -> Result<Exit, Failure> {
        match self {
            Self::Sync => sync(settings, printer).await,
            Self::Check => check(settings, printer).await,
        }
    }
}

async fn sync(settings: &Settings, printer: &Printer) -> Result<Exit, Failure> {
    let db = Db::open(&settings.database, true).await?;
    let applied = db.sync(Timestamp::now()).await?;
    db.close().await;
    if printer.json {
        printer.document(&json!({ "database": settings.database.to_string(), "applied": applied }))?;
    } else if applied.is_empty() {
        printer.text(&format!("{} is up to date", settings.database))?;
    } else {
        printer.text(&format!("{}: applied {}", settings.database, applied.join(", ")))?;
    }
    Ok(Exit::Done)
}

async fn check(settings: &Settings, printer: &Printer) -> Result<Exit, Failure> {
    let db = Db::open(&settings.database, false).await?;
    let state = db.check().await?;
    db.close().await;
    let (word, migrations, advice) = match &state {
        SchemaState::Equal => ("equal", &[][..], "the schema is this program's".to_owned()),
        SchemaState::Behind(missing) => {
            ("behind", &missing[..], format!("the schema lacks {}; run `sluice db sync`", missing.join(", ")))
        }
        SchemaState::Ahead(newer) => {
            ("ahead", &newer[..], format!("a newer sluice has added {}; run that one", newer.join(", ")))
        }
    };
    if printer.json {
        let database = settings.database.to_string();
        printer.document(&json!({ "database": database, "schema": word, "migrations": migrations }))?;
    } else {
        printer.text(&format!("{}: {advice}", settings.database))?;
    }
    Ok(if state == SchemaState::Equal { Exit::Done } else { Exit::Refused })
}
