//! Bags (BagIt) and crates (RO-Crate) in a bundle: complete, consistent, checksums as listed.
//!
//! A bag is a folder with a `bagit.txt`, a crate one with a `ro-crate-metadata.json`; a bundle may have any number of them,
//! at its top, further down, and inside of one another.

mod bag;
mod checksum;
pub mod config;
mod files;
mod notes;
mod promises;
mod ro_crate;
mod tags;

use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Severity, Validator};

use bag::Bag;
use checksum::Algorithm;
use config::Config;
use files::{Files, Listing};
use notes::Notes;

/// Findings of one kind that are kept. The rule has a score of kinds, and the gate takes a thousand findings.
const KEPT: usize = 30;

/// The rule.
#[derive(Debug)]
pub struct Manifest(Config);

sluice_sdk::validator!(Manifest, schema: "config.schema.json");

impl Rule for Manifest {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        for (name, check, required) in [
            ("bagit", config.bagit.check, config.bagit.required),
            ("ro_crate", config.ro_crate.check, config.ro_crate.required),
        ] {
            if required && !check {
                mistakes.add(format_args!("{name}.required"), format_args!("needs {name}.check"));
            }
        }
        if config.bagit.algorithms.as_ref().is_some_and(Vec::is_empty) {
            mistakes.add("bagit.algorithms", "an empty list takes no bag; leave it out to take any");
        }
        for (index, name) in config.bagit.algorithms.iter().flatten().enumerate() {
            if Algorithm::named(name).is_none() {
                let known = Algorithm::ALL.map(Algorithm::name).join(", ");
                mistakes.add(format_args!("bagit.algorithms[{index}]"), format_args!("{name:?} is none of {known}"));
            }
        }
        mistakes.or(Self(config))
    }
}

impl Validator for Manifest {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        report.fold_after(KEPT);
        let Config { bagit, ro_crate, severity, hint } = &self.0;
        let severity = severity.unwrap_or(Severity::Error);
        let (mut bags, mut crates) = (Vec::new(), Vec::new());
        for file in bundle.files() {
            if let Some(root) = root(&file.path, bag::MARK).filter(|_| bagit.check) {
                bags.push(root);
            } else if let Some(root) = root(&file.path, ro_crate::MARK).filter(|_| ro_crate.check) {
                crates.push(root);
            }
        }
        let missing = [
            (bagit.required && bags.is_empty(), "bag-missing", "no bag: no folder has a bagit.txt"),
            (
                ro_crate.required && crates.is_empty(),
                "crate-missing",
                "no RO-Crate: no folder has a ro-crate-metadata.json",
            ),
        ];
        for (_, code, what) in missing.into_iter().filter(|(is_missing, ..)| *is_missing) {
            report
                .add(severity, code, format!("The bundle has {what}."))
                .hint(hint.as_deref().unwrap_or("Pack the data as the facility asks, and upload again."));
        }
        if bags.is_empty() && crates.is_empty() {
            return Ok(());
        }
        let listing = Listing::new(bundle);
        let mut notes = Notes { report, severity, hint: hint.as_deref(), not_at_hand: 0 };
        for root in &bags {
            Bag::new(bagit, &Files::below(&listing, root), &mut notes).check()?;
        }
        for root in &crates {
            ro_crate::check(ro_crate, &Files::below(&listing, root), &mut notes)?;
        }
        let not_at_hand = notes.not_at_hand;
        if not_at_hand > 0 {
            let message =
                format!("The contents of {not_at_hand} listed files are not at hand here; they were not checked.");
            report
                .info("content-not-at-hand", message)
                .hint("In a dry run this is so for all files. In an upload, look whether all listed files were sent.");
        }
        Ok(())
    }
}

/// The folder that the file marks, empty or with a `/` at its end.
fn root(path: &str, mark: &str) -> Option<String> {
    let root = path.strip_suffix(mark)?;
    (root.is_empty() || root.ends_with('/')).then(|| root.to_owned())
}
