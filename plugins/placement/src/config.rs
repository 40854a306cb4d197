//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the files of a bundle go unless the facility says otherwise.
pub const DEFAULT_TEMPLATE: &str = "{project}/{instrument}/{received:%Y/%m}/{job_id}/{subdir}/{name}";

/// Where files may come from, and where they go.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The folders that moved files may come from, and who may move from them. A file that lies in none is refused, so
    /// without this table there are no moves. Uploads are not subject to it.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// The place of a file in the archive. Fields in braces: `job_id`, `user`, `submitter`, `project`, `instrument`,
    /// `subdir`, `name`, `path`, `file_id`, `received:FORMAT` (strftime, UTC) and `key:NAME` (a key of the transaction).
    /// A brace itself is doubled.
    #[serde(default = "default_template")]
    pub template: String,
}

fn default_template() -> String {
    DEFAULT_TEMPLATE.to_owned()
}

/// A folder that moved files may come from. Each list has patterns (`*`, `?`, `[abc]`); one that is left out means
/// anybody or anything.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Source {
    /// The absolute path of the folder.
    pub root: String,
    /// The users who may move from it, as the site's proxy names them.
    pub users: Option<Vec<String>>,
    /// The projects that files may be moved for.
    pub projects: Option<Vec<String>>,
    /// The instruments that files may be moved for.
    pub instruments: Option<Vec<String>>,
}
