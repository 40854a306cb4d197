//! What files and folders may be called, and which names would fall on one another elsewhere.
//!
//! The rules are the facility's ([`config::Config`]). A path is what stands below `data/`; its parts are the folders and,
//! last, the name. Whatever a path is refused for is said at once, for the file.

mod clashes;
pub mod config;
mod names;
mod reserved;

use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator};

use clashes::Clashes;
use config::Config;
use names::Names;

/// Findings of one kind that are kept. The rule has a dozen kinds, and the gate takes a thousand findings.
const KEPT: usize = 50;

/// The rule.
#[derive(Debug)]
pub struct FileNames {
    names: Vec<Names>,
    clashes: Clashes,
}

sluice_sdk::validator!(FileNames, schema: "config.schema.json");

impl Rule for FileNames {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        let names = config
            .names
            .into_iter()
            .enumerate()
            .map(|(index, names)| Names::new(&format!("names[{index}]"), names, &mut mistakes))
            .collect();
        mistakes.or(Self { names, clashes: Clashes::new(config.clashes) })
    }
}

impl Validator for FileNames {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        report.fold_after(KEPT);
        if !self.names.is_empty() {
            for file in bundle.files() {
                for names in self.names.iter().filter(|names| names.is_about(&file.path)) {
                    names.check(&file, report);
                }
            }
        }
        self.clashes.check(bundle, report);
        Ok(())
    }
}
