//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Scalar, Severity};

/// What tables must be like.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// Descriptions of tables. A file is held against the first whose pattern means it, and against no other.
    pub tables: Vec<Table>,
}

/// What one kind of table is like.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Table {
    /// A pattern for the paths below `data/` of such tables, such as `results/**/*.csv`.
    pub files: String,
    /// What stands between two values: one character of ASCII, or `tab`. A comma where it is left out.
    pub delimiter: Option<String>,
    /// What values are quoted with: one character of ASCII, or nothing where values are never quoted. `"` where it is left
    /// out.
    pub quote: Option<String>,
    /// Lines that begin with this are passed over, such as `#`.
    pub comment: Option<String>,
    /// Lines in front of the table that do not belong to it.
    #[serde(default)]
    pub skip_lines: u64,
    /// Whether the first row names the columns. Without names, the columns are those of the description, in its order.
    #[serde(default = "yes")]
    pub header: bool,
    /// Whether the columns must come in the order of the description.
    #[serde(default)]
    pub ordered: bool,
    /// Whether there may be columns that the description does not name.
    #[serde(default = "yes")]
    pub other_columns: bool,
    /// The columns.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// Groups of columns whose values together are in one row only, such as `["sample", "time"]`.
    #[serde(default)]
    pub unique: Vec<Vec<String>>,
    /// How many rows are kept in mind to find rows that come again, for all groups together. 500000 where it is left out.
    pub max_unique: Option<usize>,
    /// The fewest rows, not counting the header.
    pub min_rows: Option<u64>,
    /// The most rows, not counting the header.
    pub max_rows: Option<u64>,
    /// What stands for a value that is missing. Only the empty text where it is left out.
    pub missing: Option<Vec<String>>,
    /// Whether blanks around a value do not belong to it.
    #[serde(default)]
    pub trim: bool,
    /// Whether numbers have a decimal comma.
    #[serde(default)]
    pub decimal_comma: bool,
    /// Whether the file must be valid UTF-8.
    #[serde(default = "yes")]
    pub utf8: bool,
    /// The most findings of one file; the others are counted. 20 where it is left out.
    pub max_findings: Option<usize>,
    /// How much it weighs: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}

/// What the values of a column are like.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What its values are. `text` where it is left out.
    #[serde(default, rename = "type")]
    pub kind: Kind,
    /// Whether the table may do without the column.
    #[serde(default)]
    pub may_be_absent: bool,
    /// Whether values may be missing.
    #[serde(default)]
    pub may_be_empty: bool,
    /// Whether a value may come only once.
    #[serde(default)]
    pub unique: bool,
    /// The least value, of a number, a date or a date with time.
    pub min: Option<Scalar>,
    /// The greatest value.
    pub max: Option<Scalar>,
    /// Whether a number may be `nan` or infinite (`inf`).
    #[serde(default)]
    pub nan: bool,
    /// The values that are allowed.
    pub allowed: Option<Vec<Scalar>>,
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
    /// The fewest characters.
    pub min_length: Option<usize>,
    /// The most characters.
    pub max_length: Option<usize>,
}

/// What values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Kind {
    /// Anything.
    #[default]
    Text,
    /// A whole number, such as `-12`.
    Integer,
    /// A number, such as `-1.5e-3`.
    Number,
    /// `true` or `false`, `1` or `0`.
    Boolean,
    /// A date of ISO 8601, such as `2026-03-01`.
    Date,
    /// A date and time of ISO 8601, such as `2026-03-01T12:30:00.5Z`; the seconds and the zone may be left out.
    Datetime,
}

fn yes() -> bool {
    true
}
