//! Findings: what rules say.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// How much a finding weighs. Only an error rejects a bundle. In a configuration: `info`, `warning`, `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending.
    Warning,
    /// Must be mended.
    Error,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// The bundle as a whole.
    Bundle,
    /// A place in metadata.txt: an RFC 6901 JSON pointer, such as `/2/value`.
    Metadata(String),
    /// A file, by its path below `data/`.
    File(String),
}

/// The wording of the gate's own messages.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle => f.write_str("bundle"),
            Self::Metadata(pointer) => write!(f, "metadata.txt {pointer}"),
            Self::File(path) => write!(f, "data/{path}"),
        }
    }
}

/// One thing a rule says about a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// A stable name for this kind of finding, in kebab case, for programs to act on.
    pub code: String,
    /// What is wrong, in words a scientist understands.
    pub message: String,
    /// What it is about.
    pub location: Location,
    /// What to do about it.
    pub hint: Option<String>,
}
