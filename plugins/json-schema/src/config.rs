//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::Severity;

/// What is held against which schema.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The checks. All of them are made.
    pub checks: Vec<Check>,
}

/// One thing that is held against a schema.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Check {
    /// What is held against the schema.
    pub of: Subject,
    /// With `of = "rows"`: the `destinationTable` of the rows, such as `Files`.
    pub table: Option<String>,
    /// The JSON Schema: a table of keys, or a text with the schema in JSON. Without `$schema` it is read as draft 2020-12.
    /// References lead into the schema itself and nowhere else.
    pub schema: serde_json::Value,
    /// Whether `format` is checked, or a remark as the standard has it. Checked where it is left out.
    #[serde(default = "yes")]
    pub formats: bool,
    /// With `of = "rows"`: the fewest rows of the table that there must be.
    pub min_rows: Option<usize>,
    /// With `of = "rows"`: the most rows of the table that there may be.
    pub max_rows: Option<usize>,
    /// How much it weighs: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}

/// What is held against a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Subject {
    /// The whole of metadata.txt: an array of rows.
    Document,
    /// Each row of one table.
    Rows,
    /// The `TransactionKeyValue` rows as one object. A key that comes more than once has an array of its values.
    KeyValues,
}

fn yes() -> bool {
    true
}
