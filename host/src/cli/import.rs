//! `sluice import`: what another ingest service has recorded.

use clap::Subcommand;
use serde_json::json;

use super::print::{self, Printer};
use super::{Exit, Failure};
use crate::config::{self, Settings, Surroundings};
use crate::db::{Db, ForeignJobs};
use crate::model::Timestamp;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Bring the jobs of a Pacifica Ingest over, so that clients can still ask for them; done again it changes nothing
    Pacifica {
        /// Its database, as PEEWEE_URL names it, or a path of SQLite's file; it is only read
        #[arg(long, value_name = "URL")]
        from: String,
    },
}

impl Command {
    pub(super) async fn run(
        self,
        settings: &Settings,
        surroundings: &Surroundings,
        printer: &Printer,
    ) -> Result<Exit, Failure> {
        let Self::Pacifica { from } = self;
        let source = config::foreign_database(&from, &surroundings.folder);
        let source = source.map_err(|why| Failure::new(Exit::Usage, format!("--from: {why}")))?;
        let mut foreign = ForeignJobs::open(&source).await?;
        let db = Db::open(&settings.database, true).await?;
        db.sync(Timestamp::now()).await?;
        let mut progress = printer.progress();
        let (mut seen, mut taken, mut unended) = (0, 0, 0);
        while let Some(page) = foreign.page().await? {
            seen += page.len();
            unended += page.iter().filter(|job| !job.complete).count();
            taken += db.import_jobs(&page).await?;
            progress.show(|| format!("{seen} jobs read"));
        }
        drop(progress);
        db.close().await;
        let known = seen as u64 - taken;
        if printer.json {
            printer.document(&json!({ "jobs": seen, "imported": taken, "known": known, "unended": unended }))?;
        } else {
            let known = if known > 0 { format!(", {known} were known before") } else { String::new() };
            printer.text(&format!("{}: {taken} imported{known}", print::count(seen, "job")))?;
            if unended > 0 {
                printer.text(&format!(
                    "{} had not ended there, and counts as failed here: its bundle has to be sent again",
                    print::count(unended, "job")
                ))?;
            }
        }
        Ok(Exit::Done)
    }
}
