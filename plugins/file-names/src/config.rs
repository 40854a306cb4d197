//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::Severity;

/// What names may be like.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Config {
    /// What names must be like, folder by folder. Every entry whose pattern means a file is held against it.
    #[serde(default)]
    pub names: Vec<Names>,
    /// Paths that differ here and are one elsewhere.
    #[serde(default)]
    pub clashes: Clashes,
}

/// What the paths of some files must be like.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Names {
    /// A pattern for the paths below `data/` that this entry is about, such as `raw/**`. All files where it is left out.
    pub files: Option<String>,
    /// Patterns of which one must match. A pattern without `/` is held against the name, one with `/` against the path.
    pub allowed: Option<Vec<String>>,
    /// Patterns of which none may match; read as those of `allowed`.
    #[serde(default)]
    pub forbidden: Vec<String>,
    /// A regular expression that the whole name (the last part of the path) must match.
    pub name_pattern: Option<String>,
    /// A regular expression that the whole path below `data/` must match.
    pub path_pattern: Option<String>,
    /// Characters that no part of the path may have, one after the other in a string.
    #[serde(default)]
    pub forbidden_characters: String,
    /// Only letters and digits of ASCII, `.`, `_` and `-`, and no part that begins with `-`: POSIX's portable names.
    #[serde(default)]
    pub portable: bool,
    /// Refuse what Windows cannot store: `CON`, `NUL`, `COM1` and so on with any extension, the characters
    /// `<>:"|?*\`, and parts that end with a blank or a dot.
    #[serde(default)]
    pub windows: bool,
    /// The most characters of one part of the path: a folder or the name.
    pub max_part_characters: Option<usize>,
    /// The most bytes (in UTF-8) of one part of the path. Most file systems take 255.
    pub max_part_bytes: Option<usize>,
    /// The most characters of the path below `data/`.
    pub max_path_characters: Option<usize>,
    /// The most bytes (in UTF-8) of the path below `data/`.
    pub max_path_bytes: Option<usize>,
    /// The most folders that a file may lie in, one inside the other.
    pub max_folders: Option<usize>,
    /// How much it weighs: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}

/// Paths that differ here and are one elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Clashes {
    /// Look for paths that are equal but for upper and lower case: one file on Windows and on most Macs.
    #[serde(default = "yes")]
    pub letter_case: bool,
    /// Look for paths that are equal but for how Unicode composes their characters (NFC and NFD): one file on a Mac, and
    /// the same to any eye.
    #[serde(default = "yes")]
    pub unicode: bool,
    /// How much it weighs: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}

fn yes() -> bool {
    true
}

impl Default for Clashes {
    fn default() -> Self {
        Self { letter_case: true, unicode: true, severity: None, hint: None }
    }
}
