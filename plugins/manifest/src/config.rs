//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::Severity;

/// What is asked of bags and crates. Bundles without any pass, unless one is required.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Config {
    /// Bags: folders with a `bagit.txt`.
    #[serde(default)]
    pub bagit: BagIt,
    /// Crates: folders with a `ro-crate-metadata.json`.
    #[serde(default)]
    pub ro_crate: RoCrate,
    /// How much it weighs: `error` (the default) rejects the bundle. What is odd but does no harm is a warning at most.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}

/// What is asked of bags.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BagIt {
    /// Whether bags are looked at.
    #[serde(default = "yes")]
    pub check: bool,
    /// Whether a bundle must have a bag.
    #[serde(default)]
    pub required: bool,
    /// Whether files are read and their checksums computed; otherwise only their presence is checked.
    #[serde(default = "yes")]
    pub checksums: bool,
    /// What a bag with a `fetch.txt` is: see [`Fetch`].
    #[serde(default)]
    pub fetch: Fetch,
    /// Algorithms of which every bag must have a manifest of at least one, such as `sha256` and `sha512`. Any where it is
    /// left out.
    pub algorithms: Option<Vec<String>>,
}

/// What a bag is that lists files to be fetched from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Fetch {
    /// Refused.
    #[default]
    Refuse,
    /// Taken, if all of its files are there all the same.
    Complete,
    /// Taken, although the files listed in `fetch.txt` may be missing.
    Incomplete,
}

/// What is asked of crates.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RoCrate {
    /// Whether crates are looked at.
    #[serde(default = "yes")]
    pub check: bool,
    /// Whether a bundle must have a crate.
    #[serde(default)]
    pub required: bool,
    /// Whether every file in the crate must be described in it.
    #[serde(default)]
    pub all_described: bool,
}

fn yes() -> bool {
    true
}

impl Default for BagIt {
    fn default() -> Self {
        Self { check: true, required: false, checksums: true, fetch: Fetch::Refuse, algorithms: None }
    }
}

impl Default for RoCrate {
    fn default() -> Self {
        Self { check: true, required: false, all_described: false }
    }
}
