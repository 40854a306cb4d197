//! What is known of an upload besides its bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::JobId;

/// The name of an upload: 128 bits that nobody can guess, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(String);

impl UploadId {
    /// The text of it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of these bits.
    pub fn new(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }
}

impl FromStr for UploadId {
    type Err = String;

    /// Nothing but an id as it was given ever becomes a name in the file system.
    fn from_str(text: &str) -> Result<Self, String> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(Self(text.to_owned())) } else { Err(format!("{text:?} is no upload")) }
    }
}

impl TryFrom<String> for UploadId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> Self {
        id.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an upload is to become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A job, when it is whole.
    Job,
    /// A part of another upload.
    Part,
    /// A job, made of these parts.
    Parts(Vec<UploadId>),
}

/// What is known of an upload besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    /// Its name.
    pub id: UploadId,
    /// Who sends it.
    pub user: String,
    /// How many bytes it will have.
    pub length: u64,
    /// What its client says of it, as it was sent.
    pub metadata: Option<String>,
    /// What it is to become.
    pub purpose: Purpose,
    /// The job that it has become. Its bytes are no longer here then.
    pub job: Option<JobId>,
}
