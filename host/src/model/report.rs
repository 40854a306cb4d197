//! What the rules say of a job.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{JobId, Revision};

/// How much a finding weighs. Only an error rejects a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending.
    Warning,
    /// Must be mended.
    Error,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "lowercase")]
pub enum Location {
    /// The bundle as a whole.
    Bundle,
    /// A place in metadata.txt: an RFC 6901 JSON pointer.
    Metadata(String),
    /// A file, by its path below `data/`.
    File(String),
}

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// A stable name in kebab case.
    pub code: String,
    /// What is wrong, in a scientist's words.
    pub message: String,
    /// What it is about.
    #[serde(with = "location_with_value")]
    #[schema(value_type = location_with_value::Wire)]
    pub location: Location,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Every location has both keys, `value` being null for the bundle, so that readers need no special case.
mod location_with_value {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Location;

    /// What a finding is about: the `bundle`, a place in its `metadata`, or a `file` of it.
    #[derive(Serialize, Deserialize, utoipa::ToSchema)]
    #[schema(as = Location)]
    pub(super) struct Wire {
        #[schema(pattern = "^(bundle|metadata|file)$")]
        kind: String,
        /// A JSON pointer into metadata.txt, or a path below `data/`; null for the bundle.
        value: Option<String>,
    }

    pub(super) fn serialize<S: Serializer>(location: &Location, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, value) = match location {
            Location::Bundle => ("bundle", None),
            Location::Metadata(pointer) => ("metadata", Some(pointer.clone())),
            Location::File(path) => ("file", Some(path.clone())),
        };
        Wire { kind: kind.to_owned(), value }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Location, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        match (wire.kind.as_str(), wire.value) {
            ("bundle", _) => Ok(Location::Bundle),
            ("metadata", Some(pointer)) => Ok(Location::Metadata(pointer)),
            ("file", Some(path)) => Ok(Location::File(path)),
            (kind, _) => Err(serde::de::Error::custom(format!("{kind:?} is no location with this value"))),
        }
    }
}

/// Whether a rule decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It runs and decides.
    #[default]
    Enforce,
    /// It runs and is recorded, and decides nothing.
    Shadow,
    /// It does not run.
    Off,
}

impl Mode {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Off => "off",
        }
    }
}

/// How one rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// No finding of severity error.
    Passed,
    /// At least one finding of severity error.
    Rejected,
    /// The plugin could not judge.
    Failed,
    /// The rule did not run: off, out of scope, or no longer needed.
    Skipped,
}

/// Why a plugin could not judge. Each limit has its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The guest trapped: a panic, an unreachable, a stack overflow.
    Trap,
    /// The time limit was reached.
    Timeout,
    /// The memory or table limit was reached.
    Memory,
    /// Too many or too long findings, log lines or values.
    Output,
    /// More bytes were read from files than the rule may.
    Reads,
    /// More resources were held than the rule may.
    Handles,
    /// The plugin says that its configuration cannot be used.
    Config,
    /// The plugin says that something it depends on did not answer.
    Unavailable,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Reads => "reads",
            Self::Handles => "handles",
            Self::Config => "config",
            Self::Unavailable => "unavailable",
            Self::Other => "other",
        }
    }
}

/// A failure, with the words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// Its name.
    pub kind: FailureKind,
    /// What happened, and the plugin's own last log lines.
    pub message: String,
}

/// What one call of a rule could use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallLimits {
    /// Time on the processor, in milliseconds.
    pub time_ms: u64,
    /// All linear memories together, in MiB.
    pub memory_mib: u64,
    /// Bytes read from the bundle's files, in MiB.
    pub read_mib: u64,
}

/// What one rule said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleReport {
    /// The rule's name.
    pub rule: String,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// `sha256:` and the digest of the component.
    pub digest: String,
    /// `sha256:` and the digest of the configuration, as the plugin was given it.
    pub config_digest: String,
    /// What its call could use; none for the gate's own entry.
    #[serde(default)]
    pub limits: Option<CallLimits>,
    /// Whether it decided.
    pub mode: Mode,
    /// How it ended.
    pub outcome: Outcome,
    /// Set where the outcome is `failed`.
    pub failure: Option<Failure>,
    /// What it found, in its own order.
    pub findings: Vec<Finding>,
    /// How long the call took, in microseconds.
    pub duration_us: u64,
    /// The tables that it could read, and the digest of the version of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, String>,
    /// What it looked up, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupReport>,
}

/// One lookup of a rule: which URL, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LookupReport {
    /// The URL, as the rule gave it.
    pub url: String,
    /// The status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Otherwise why there was none: `timeout`, `too-large`, or `denied: ` or `unavailable: ` and a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many bytes the answer's body had.
    pub bytes: u64,
    /// The digest of the body, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether the answer was there already: the job had asked before, or another one a short while ago.
    pub cached: bool,
    /// How long the rule waited, in microseconds.
    pub duration_us: u64,
}

/// What all rules said of one job, and which revision said it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// The job.
    pub job_id: JobId,
    /// The policy revision that judged it.
    pub revision: Revision,
    /// Whether the bundle may go into the archive.
    pub accepted: bool,
    /// Every rule, in the policy's order, after what the gate itself found.
    pub rules: Vec<RuleReport>,
}

/// The reasons for a rejection, one line each, fit to show to the uploader.
pub fn explain_findings<'a>(findings: impl IntoIterator<Item = (&'a str, &'a Finding)>) -> String {
    let mut lines = Vec::new();
    for (rule, finding) in findings {
        let mut line = format!("{rule}: {} [{}, {}]", finding.message, finding.location, finding.code);
        if let Some(hint) = &finding.hint {
            line.push_str(" - ");
            line.push_str(hint);
        }
        lines.push(line);
    }
    lines.join("\n")
}
