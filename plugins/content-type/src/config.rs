//! What the facility writes into its policy.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::Severity;

/// What is asked of the contents of files.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Config {
    /// Patterns for the paths below `data/` of files that are not looked into.
    #[serde(default)]
    pub skip: Vec<String>,
    /// What follows when a file is not of the type that its row names. `error` where it is left out.
    pub mismatch: Option<Consequence>,
    /// What follows when a file is neither text nor of any known type, and its row names a type that nothing is known
    /// about. `accept` where it is left out.
    pub unknown: Option<Consequence>,
    /// What follows when the row names no type, or `application/octet-stream`, although the content is of a known type.
    /// `accept` where it is left out.
    pub unspecified: Option<Consequence>,
    /// Types that some files must be of. Every entry whose pattern means a file is held against it.
    #[serde(default)]
    pub required: Vec<Required>,
    /// The site's own formats. They are tried before the ones that are built in.
    #[serde(default)]
    pub formats: Vec<Format>,
    /// Groups of types that mean the same here, such as `["application/x-scan", "image/tiff"]`.
    #[serde(default)]
    pub same: Vec<Vec<String>>,
    /// What the uploader is told to do when a type is wrong.
    pub hint: Option<String>,
}

/// What follows from something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Consequence {
    /// Nothing.
    Accept,
    /// The uploader is told.
    Info,
    /// The uploader is warned.
    Warning,
    /// The bundle is rejected.
    Error,
}

impl Consequence {
    /// How much a finding weighs, where there is one.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Accept => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// Types that some files must be of.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Required {
    /// A pattern for the paths below `data/` that the entry is about, such as `raw/**/*.h5`. All files where it is left
    /// out.
    pub files: Option<String>,
    /// The types of which the content must have one: `application/x-hdf5`, or a pattern such as `image/*`.
    pub types: Vec<String>,
    /// How much it weighs: `error` (the default) rejects the bundle.
    pub severity: Option<Severity>,
    /// What the uploader is told to do about it.
    pub hint: Option<String>,
}

/// How files of a format begin. A format with several beginnings has several entries.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Format {
    /// The format's mimetype, such as `application/x-site-scan`.
    pub mimetype: String,
    /// The bytes that the file has, in hexadecimal; `??` stands for any byte, blanks are ignored.
    pub magic: String,
    /// Where they stand, in bytes from the start of the file: 0 where it is left out. The first 1024 bytes are read.
    #[serde(default)]
    pub offset: usize,
}
