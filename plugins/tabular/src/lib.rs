//! CSV and TSV tables: header, types, ranges and uniqueness of columns, read in one pass.
//!
//! A file of any length is read once, through a buffer of two megabytes; no value is copied. What the tables are like is
//! the facility's ([`config::Config`]).

mod chunks;
mod column;
pub mod config;
mod form;
mod header;
mod notes;
mod reading;
mod split;
mod table;
mod unique;
mod value;

use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator};

use config::Config;
use notes::Notes;
use reading::Reading;
use table::Table;

/// Findings of one kind that are kept. The rule has a dozen kinds, and the gate takes a thousand findings.
const KEPT: usize = 50;

/// The rule.
#[derive(Debug)]
pub struct Tabular(Vec<Table>);

sluice_sdk::validator!(Tabular, schema: "config.schema.json");

impl Rule for Tabular {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        if config.tables.is_empty() {
            mistakes.add("tables", "describes no table");
        }
        let tables = config.tables.into_iter().enumerate();
        let tables =
            tables.map(|(index, table)| Table::new(&format!("tables[{index}]"), table, &mut mistakes)).collect();
        mistakes.or(Self(tables))
    }
}

impl Validator for Tabular {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        report.fold_after(KEPT);
        let mut not_at_hand = 0_u64;
        for file in bundle.files() {
            let is_about = |table: &&Table| table.files.as_ref().is_some_and(|glob| glob.matches(&file.path));
            let Some(table) = self.0.iter().find(is_about) else { continue };
            let Some(contents) = bundle.open(&file.path) else {
                not_at_hand += 1;
                continue;
            };
            let mut notes = Notes::new(table, &file.path, report);
            Reading::new(table, contents).read(&mut notes)?;
            notes.end();
        }
        if not_at_hand > 0 {
            let message =
                format!("The contents of {not_at_hand} listed tables are not at hand here; they were not checked.");
            report
                .info("content-not-at-hand", message)
                .hint("In a dry run this is so for all files. In an upload, look whether all listed files were sent.");
        }
        Ok(())
    }
}
