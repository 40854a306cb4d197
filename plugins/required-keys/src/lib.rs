//! Which transaction rows, keys and file keys a bundle must have, and what their values must be like.
//!
//! The requirements are the facility's ([`config::Config`]); this plugin knows no key by name. What is missing is
//! reported for the bundle or the file, a value that does not do at its row in metadata.txt.

pub mod config;
mod requirement;

use sluice_sdk::{
    Bundle, Failure, FileInfo, Glob, Location, Mistakes, Note, Quoted, Report, Rule, TransactionField, Validator,
};

use config::Config;
use requirement::Requirement;

/// The rule.
#[derive(Debug)]
pub struct RequiredKeys {
    transaction: Vec<(TransactionField, Requirement)>,
    key_values: Vec<(String, Requirement)>,
    file_keys: Vec<FileKeys>,
}

#[derive(Debug)]
struct FileKeys {
    /// Which files; none means all.
    files: Option<Glob>,
    keys: Vec<(String, Requirement)>,
}

sluice_sdk::validator!(RequiredKeys, schema: "config.schema.json");

impl Rule for RequiredKeys {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        let rows = [config.transaction.submitter, config.transaction.project, config.transaction.instrument];
        let transaction = TransactionField::ALL
            .into_iter()
            .zip(rows)
            .filter_map(|(field, row)| {
                row.map(|row| (field, Requirement::new(&format!("transaction.{field}"), row, &mut mistakes)))
            })
            .collect();
        let key_values = keys("key_values", config.key_values, &mut mistakes);
        let file_keys = config
            .file_keys
            .into_iter()
            .enumerate()
            .map(|(index, file_keys)| {
                let at = format!("file_keys[{index}]");
                if file_keys.keys.is_empty() {
                    mistakes.add(format_args!("{at}.keys"), "names no key");
                }
                FileKeys {
                    files: file_keys.files.and_then(|glob| mistakes.ok(format_args!("{at}.files"), Glob::new(&glob))),
                    keys: keys(&format!("{at}.keys"), file_keys.keys, &mut mistakes),
                }
            })
            .collect();
        mistakes.or(Self { transaction, key_values, file_keys })
    }
}

fn keys(
    at: &str,
    keys: impl IntoIterator<Item = (String, config::Requirement)>,
    mistakes: &mut Mistakes,
) -> Vec<(String, Requirement)> {
    keys.into_iter()
        .map(|(key, config)| {
            let requirement = Requirement::new(&format!("{at}.{key:?}"), config, mistakes);
            (key, requirement)
        })
        .collect()
}

impl Validator for RequiredKeys {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        for (field, requirement) in &self.transaction {
            check_transaction(*field, requirement, bundle, report);
        }
        for (key, requirement) in &self.key_values {
            check_key(key, requirement, bundle, report);
        }
        if !self.file_keys.is_empty() {
            for file in bundle.files() {
                self.check_file(&file, bundle, report);
            }
        }
        Ok(())
    }
}

fn check_transaction(field: TransactionField, requirement: &Requirement, bundle: &Bundle<'_>, report: &mut Report) {
    match bundle.transaction(field) {
        None => {
            let note =
                report.add(requirement.severity, "transaction-row-missing", format!("The bundle names no {field}."));
            advise(note, requirement, || {
                format!("Choose the {field} in the uploader, or add a Transactions.{field} row with a value.")
            });
        }
        Some(value) => {
            object(&format!("the {field}"), value, requirement, report, || bundle.locate(field));
        }
    }
}

fn check_key(key: &str, requirement: &Requirement, bundle: &Bundle<'_>, report: &mut Report) {
    let mut present = false;
    for (index, row) in bundle.key_values().iter().enumerate().filter(|(_, row)| row.key == key) {
        present = true;
        let what = format!("the key {}", Quoted(key));
        object(&what, &row.value, requirement, report, || bundle.locate_key_value(index));
    }
    if !present {
        let message = format!("The bundle has no value for the key {}.", Quoted(key));
        advise(report.add(requirement.severity, "key-missing", message), requirement, || {
            "Fill it in in the uploader, or add a TransactionKeyValue row with this key.".to_owned()
        });
    }
}

impl RequiredKeys {
    fn check_file(&self, file: &FileInfo, bundle: &Bundle<'_>, report: &mut Report) {
        let mut wanted = self
            .file_keys
            .iter()
            .filter(|wanted| wanted.files.as_ref().is_none_or(|glob| glob.matches(&file.path)))
            .flat_map(|wanted| &wanted.keys)
            .peekable();
        // Files that no requirement is about cost no call into the gate.
        if wanted.peek().is_none() {
            return;
        }
        let rows = bundle.file_key_values(file);
        for (key, requirement) in wanted {
            let mut present = false;
            for row in rows.iter().filter(|row| row.key == *key) {
                present = true;
                let what = format!("the file's key {}", Quoted(key));
                object(&what, &row.value, requirement, report, || Location::File(file.path.clone()));
            }
            if !present {
                let message = format!("The file has no value for the key {}.", Quoted(key));
                let note = report.add(requirement.severity, "file-key-missing", message).at_file(file.path.as_str());
                advise(note, requirement, || {
                    "Add a FileKeyValue row with this key whose file_id is the _id of the file's row.".to_owned()
                });
            }
        }
    }
}

fn object(
    what: &str,
    value: &str,
    requirement: &Requirement,
    report: &mut Report,
    location: impl FnOnce() -> Location,
) {
    if let Some(objection) = requirement.object(what, value) {
        let note = report.add(requirement.severity, objection.code, objection.message).at(location());
        advise(note, requirement, || "Correct the value and upload again.".to_owned());
    }
}

/// The facility's own hint is worth more than ours.
fn advise(note: Note<'_>, requirement: &Requirement, otherwise: impl FnOnce() -> String) {
    note.hint(requirement.hint.clone().unwrap_or_else(otherwise));
}
