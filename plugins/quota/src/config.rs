//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Scalar, Severity};

/// How much a bundle may have.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// Quotas, of which the first that is about the bundle counts, and no other. A bundle that none is about may be of
    /// any size.
    pub quotas: Vec<Quota>,
}

/// What the bundles that it is about may have.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Quota {
    /// Patterns for the project, of which one must match. Any bundle, even without a project, where it is left out.
    pub projects: Option<Vec<Scalar>>,
    /// Patterns for the instrument.
    pub instruments: Option<Vec<Scalar>>,
    /// Patterns for the submitter.
    pub submitters: Option<Vec<Scalar>>,
    /// The most files.
    pub max_files: Option<u64>,
    /// The fewest files: 1 refuses bundles without any.
    pub min_files: Option<u64>,
    /// The most bytes of all files together: a number, or a text such as `"50 GiB"`.
    pub max_bytes: Option<Scalar>,
    /// The most bytes of each file.
    pub max_file_bytes: Option<Scalar>,
    /// The fewest bytes of each file: 1 refuses empty files.
    pub min_file_bytes: Option<Scalar>,
    /// How much it weighs: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}
