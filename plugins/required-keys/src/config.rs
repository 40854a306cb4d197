//! What the facility writes into its policy.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Scalar, Severity};

/// What must be present.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Config {
    /// The rows that every transaction has. Where this table is left out, all three must be present; where it is there,
    /// those that it names.
    #[serde(default)]
    pub transaction: Transaction,
    /// Keys of the transaction (`TransactionKeyValue` rows), and what their values must be like.
    #[serde(default)]
    pub key_values: BTreeMap<String, Requirement>,
    /// Keys of files (`FileKeyValue` rows).
    #[serde(default)]
    pub file_keys: Vec<FileKeys>,
}

/// The rows that every transaction has.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Transaction {
    /// Who took the data.
    pub submitter: Option<Requirement>,
    /// What it was taken for.
    pub project: Option<Requirement>,
    /// What it was taken with.
    pub instrument: Option<Requirement>,
}

impl Default for Transaction {
    fn default() -> Self {
        let present = || Some(Requirement::default());
        Self { submitter: present(), project: present(), instrument: present() }
    }
}

/// Keys that some files must have.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FileKeys {
    /// A pattern for the paths below `data/` of the files that must have the keys, such as `raw/**/*.dat`. All files
    /// where it is left out.
    pub files: Option<String>,
    /// The keys, and what their values must be like.
    pub keys: BTreeMap<String, Requirement>,
}

/// What a value must be like. An empty table asks only that there is one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Requirement {
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
    /// The values that are allowed.
    pub allowed: Option<Vec<Scalar>>,
    /// The fewest characters, not counting blanks at both ends; 1 where it is left out. With 0 the value may be empty.
    pub min_length: Option<usize>,
    /// The most characters, not counting blanks at both ends.
    pub max_length: Option<usize>,
    /// How much it weighs when the requirement is not met: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}
