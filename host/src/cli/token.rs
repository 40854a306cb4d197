//! `sluice token`: who may do what.
//!
//! Works on the database itself: whoever can reach it needs no token to make one.

use clap::Subcommand;
use serde_json::json;

use super::print::{Cell, Printer, Table, Tone};
use super::{Exit, Failure, open_database};
use crate::access;
use crate::config::Settings;
use crate::db::Db;
use crate::model::{Role, Timestamp};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a token and print it, once
    Create {
        /// Whose it is: a person or a program
        name: String,
        /// reader, uploader, operator or admin; each may do what those before it may
        #[arg(long)]
        role: Role,
    },
    /// List tokens, without their secrets
    List,
    /// Make a token good for nothing
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

impl Command {
    pub(super) async fn run(self, settings: &Settings, printer: &Printer) -> Result<Exit, Failure> {
        let db = open_database(settings).await?;
        let done = match self {
            Self::Create { name, role } => create(&name, role, &db, printer).await,
            Self::List => list(&db, printer).await,
            Self::Revoke { id } => revoke(&id, &db, printer).await,
        };
        db.close().await;
        done
    }
}

async fn create(name: &str, role: Role, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(Failure::new(Exit::Usage, "give the token the name of a person or a program"));
    }
    let (record, token) = access::new_token(name.trim(), role, "sluice token create", Timestamp::now());
    db.put_token(&record).await?;
    if printer.json {
        printer.document(&json!({ "id": record.id, "name": record.name, "role": role, "token": token }))?;
    } else {
        printer.remark(&format!("a token of the role {role} for {}; it is shown this once", record.name));
        printer.text(&token)?;
    }
    Ok(Exit::Done)
}

async fn list(db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    let tokens = db.tokens().await?;
    if printer.json {
        printer.document(&tokens)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["ID", "NAME", "ROLE", "MADE (UTC)", "BY", ""]);
    for token in tokens {
        let state = if token.revoked.is_some() { "revoked" } else { "" };
        let made = super::job::moment(token.created);
        table.row([
            Cell::text(token.id),
            Cell::text(token.name),
            Cell::text(token.role.name()),
            Cell::text(made),
            Cell::text(token.author),
            Cell::text(state).tone(Tone::Bad),
        ]);
    }
    printer.table(&table)?;
    Ok(Exit::Done)
}

async fn revoke(id: &str, db: &Db, printer: &Printer) -> Result<Exit, Failure> {
    if !db.revoke_token(id, Timestamp::now()).await? {
        let message = format!("there is no token {id} that is good; `sluice token list` names those there are");
        return Err(Failure::new(Exit::NotFound, message));
    }
    if printer.json {
        printer.document(&json!({ "id": id, "revoked": true }))?;
    } else {
        printer.text(&format!("token {id} is good for nothing any more"))?;
    }
    Ok(Exit::Done)
}
