//! What is to be sent, and what is said of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::super::print::{self, Printer};
use super::super::{Exit, Failure};
use super::watch::Watch;
use crate::client::{Facts, Parcel, Rows, walk};

/// What an uploader says of the files.
#[derive(Args, Clone)]
#[command(next_help_heading = "Metadata")]
pub(super) struct Saying {
    /// What the files were taken for
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// What they were taken with
    #[arg(long, value_name = "ID")]
    instrument: Option<String>,
    /// Who took them
    #[arg(long, value_name = "ID")]
    submitter: Option<String>,
    /// Something else that is true of all of them, such as 'Temp C=27'; as often as you like
    #[arg(long = "key", value_name = "KEY=VALUE", value_parser = key_value)]
    keys: Vec<(String, String)>,
    /// Something that is true of some of them, such as 'run7/*.dat:Detector=2'; ** reaches into folders
    #[arg(long = "file-key", value_name = "FILES:KEY=VALUE", value_parser = file_key_value)]
    file_keys: Vec<(String, String, String)>,
    /// Rows that were written before: a JSON array, as in metadata.txt; what is said above goes before them
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as 'Temp C=27'")?;
    if key.trim().is_empty() {
        return Err("the key is empty".to_owned());
    }
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

fn file_key_value(text: &str) -> Result<(String, String, String), String> {
    let (files, rest) = text.split_once(':').ok_or("write FILES:KEY=VALUE, such as 'run7/*.dat:Detector=2'")?;
    let (key, value) = key_value(rest)?;
    Ok((files.to_owned(), key, value))
}

impl Saying {
    /// The file with rows that were written before.
    pub(super) fn metadata(&self) -> Option<&Path> {
        self.metadata.as_deref()
    }

    /// The bundle of the files at these paths. What is left out of it is told.
    pub(super) fn parcel(self, paths: &[PathBuf], sources: bool, printer: &Printer) -> Result<Arc<Parcel>, Failure> {
        let rows = match &self.metadata {
            Some(file) => rows(file)?,
            None => Vec::new(),
        };
        let facts = Facts {
            transaction: [self.submitter, self.project, self.instrument],
            keys: self.keys,
            file_keys: self.file_keys,
            rows,
        };
        let found = walk(paths)?;
        for what in &found.left_out {
            if printer.json {
                printer.line(&json!({"event": "left_out", "what": what}))?;
            } else {
                print::complain(what);
            }
        }
        if found.files.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "there is no file to be sent; name files, or folders that hold some",
            ));
        }
        let rows = Rows::new(&found.files, &facts, sources)?;
        Ok(Arc::new(Parcel::new(found.files, rows)))
    }
}

/// Reads all files for their hashes.
pub(super) async fn hash(parcel: &Arc<Parcel>, printer: &Printer) -> Result<(), Failure> {
    let watch = Watch::new("hashing", parcel.contents(), printer);
    let (parcel, shown) = (parcel.clone(), watch.clone());
    let hashed = tokio::task::spawn_blocking(move || {
        let mut done = 0;
        parcel.hash_all(|count| {
            done += count;
            crate::client::Watcher::sent(&*shown, done);
        })
    });
    let hashed = hashed.await.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    watch.end();
    hashed.map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

fn rows(file: &Path) -> Result<Vec<Value>, Failure> {
    let text =
        std::fs::read(file).map_err(|error| Failure::file(format!("{} cannot be read", file.display()), &error))?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::new(Exit::Usage, format!("{} is no JSON array of rows: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_hold_blanks_and_values_may_hold_signs() {
        assert_eq!(key_value("Temp C=27"), Ok(("Temp C".to_owned(), "27".to_owned())));
        assert_eq!(key_value("formula = a=b"), Ok(("formula".to_owned(), "a=b".to_owned())));
        assert!(key_value("Temp C").is_err() && key_value("=27").is_err());
        let split = file_key_value("run7/*.dat:at=12:30").unwrap();
        assert_eq!(split, ("run7/*.dat".to_owned(), "at".to_owned(), "12:30".to_owned()));
    }
}
