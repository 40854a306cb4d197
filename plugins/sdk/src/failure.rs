//! Why a rule could not judge.

use std::fmt;
use std::io;

use crate::Mistakes;

/// Why a rule could not judge. This says nothing about the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The configuration cannot be used.
    BadConfig(String),
    /// Something that the rule depends on did not answer.
    Unavailable(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadConfig(why) => write!(f, "the configuration cannot be used: {why}"),
            Self::Unavailable(what) => write!(f, "unavailable: {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

/// A file that can no longer be read is no fault of the bundle.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::BadConfig(mistakes.into_lines().join("; "))
    }
}
