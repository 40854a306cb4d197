//! `sluice archive`: whether the archive still holds what was put there.

mod strays;
mod verify;

use std::num::NonZero;

use clap::Subcommand;
use serde_json::json;

use super::print::{self, Printer};
use super::{Exit, Failure, open_database};
use crate::config::Settings;
use crate::db::Db;
use crate::seams::{open_archive, service};
use verify::{Problem, Verifier};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Read every file again and compare its size and digest; 1 when anything is wrong
    Verify {
        /// Also name files of the archive that no job has brought
        #[arg(long)]
        strays: bool,
        /// Files read at a time [default: twice the processors]
        #[arg(long, value_name = "N")]
        threads: Option<NonZero<u16>>,
    },
}

impl Command {
    pub(super) async fn run(self, settings: &Settings, printer: &Printer) -> Result<Exit, Failure> {
        let Self::Verify { strays, threads } = self;
        let db = open_database(settings).await?;
        let threads = threads.map_or_else(
            || 2 * std::thread::available_parallelism().map_or(1, usize::from),
            |threads| usize::from(threads.get()),
        );
        let done = verify(settings, &db, printer, threads, strays).await;
        db.close().await;
        done
    }
}

async fn verify(
    settings: &Settings,
    db: &Db,
    printer: &Printer,
    threads: usize,
    with_strays: bool,
) -> Result<Exit, Failure> {
    let unreadable = |error| Failure::file(format!("the archive {} cannot be read", settings.archive), &error);
    let folder = settings.archive.folder();
    let mut verifier = match folder {
        Some(folder) => Verifier::open(folder, threads).map_err(unreadable)?,
        None if with_strays => {
            let what =
                format!("{} cannot be searched for strays; only a folder can: leave --strays out", settings.archive);
            return Err(Failure::new(Exit::Refused, what));
        }
        None => Verifier::elsewhere(open_archive(settings, &service::client()?, None)?, threads),
    };
    // Before anything else, so that what is put into the archive meanwhile is known to be no stray.
    let mut search = if with_strays { Some(strays::Search::begin(db).await?) } else { None };

    let mut problems = Vec::new();
    let mut progress = printer.progress();
    while let Some(page) = verifier.page(db).await? {
        if let Some(search) = &mut search {
            search.know(page.iter().map(|file| file.location.as_str()));
        }
        let mut checks = verifier.check(page);
        while let Some(problem) = checks
            .next(|files, bytes| progress.show(|| format!("verified {files} files, {}", print::bytes(bytes))))
            .await
        {
            // A job that fails at its last step takes its files back out.
            if verify::still_there(db, &problem).await? {
                progress.clear();
                if !printer.json {
                    printer.text(&describe(&problem))?;
                }
                problems.push(problem);
            }
        }
    }
    let strays = match search.zip(folder) {
        None => Vec::new(),
        Some((search, folder)) => {
            progress.show(|| "looking for files that no job has brought".to_owned());
            let folder = folder.to_owned();
            let walk = tokio::task::spawn_blocking(move || search.walk(&folder)).await;
            walk.map_err(anyhow::Error::from)?.map_err(unreadable)?
        }
    };
    drop(progress);

    let (files, bytes) = verifier.totals();
    if printer.json {
        let mut document = json!({ "files": files, "bytes": bytes, "problems": problems });
        if with_strays {
            document["strays"] = json!(strays);
        }
        printer.document(&document)?;
    } else {
        for stray in &strays {
            printer.text(&format!("stray         {stray}"))?;
        }
        let strays = if with_strays { format!(", {}", print::count(strays.len(), "stray")) } else { String::new() };
        let files = print::count(usize::try_from(files).unwrap_or(usize::MAX), "file");
        let problems = print::count(problems.len(), "problem");
        printer.text(&format!("{files}, {} read: {problems}{strays}", print::bytes(bytes)))?;
    }
    Ok(if problems.is_empty() && strays.is_empty() { Exit::Done } else { Exit::Failed })
}

fn describe(problem: &Problem) -> String {
    let Problem { file_id, job, location, wrong } = problem;
    format!("{:<13} {location} (file {file_id} of job {job}): {wrong}", wrong.name())
}
