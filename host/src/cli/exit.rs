//! How a command ends.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::client::{FactsError, FetchError, SendError, WalkError};
use crate::db::DbError;

/// What the exit code says. Scripts rely on these numbers: they are added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It is done, and all is well.
    Done = 0,
    /// It was tried and did not succeed, or what was looked at is not well.
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage = 2,
    /// There is no such job, file or record.
    NotFound = 3,
    /// It is there, and its state forbids what was asked; or it would overwrite something; or the rules of the gate
    /// reject the bundle.
    Refused = 4,
    /// Something it depends on does not answer: the database, the queue.
    Unreachable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked, and the code it ends with.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// What went wrong and what to do next; empty where nothing is to be said.
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// What was read or written could not be.
    pub(super) fn file(what: impl fmt::Display, error: &io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Self::new(exit, format!("{what}: {error}"))
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let exit = match &error {
            DbError::Unavailable(_) | DbError::NoDatabase(_) => Exit::Unreachable,
            DbError::Schema(_) | DbError::NoTrust(_) => Exit::Refused,
            DbError::LeaseLost(_) | DbError::Other(_) => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<WalkError> for Failure {
    fn from(error: WalkError) -> Self {
        let exit = match &error {
            WalkError::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound => Exit::NotFound,
            WalkError::Unreadable { .. } => Exit::Failed,
            WalkError::NotText(_) | WalkError::NoPlace { .. } | WalkError::Twice { .. } => Exit::Usage,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<FactsError> for Failure {
    fn from(error: FactsError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Gate(error) => error.into(),
            SendError::Parcel(error) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Gate(error) => error.into(),
            FetchError::Taken(_) => Self::new(Exit::Refused, error.to_string()),
            FetchError::Here { .. } | FetchError::Wrong { .. } => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

/// Standard output cannot be written to. A reader that has seen enough, such as `head`, is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::new(Exit::Failed, format!("the output cannot be written: {error}")),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let unreachable = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<DbError>().is_some_and(DbError::is_temporary)
        };
        let exit = if error.chain().any(unreachable) { Exit::Unreachable } else { Exit::Failed };
        Self::new(exit, format!("{error:#}"))
    }
}
