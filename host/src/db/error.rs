//! What can go wrong with the database, sorted by what a caller can do about it.

use std::path::PathBuf;

use crate::model::JobId;

/// A result of this room.
pub type Result<T, E = DbError> = std::result::Result<T, E>;

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The lease is no longer the caller's: its work on this job stops here, and nothing it has done is recorded.
    #[error("job {0} is not held by this process any more: it was taken over, cancelled or ended elsewhere")]
    LeaseLost(JobId),
    /// The database cannot be reached, is overloaded, or has no room. The same call may succeed later.
    #[error("the database is not available: {0}; check that it runs, can be reached and has room on its disk")]
    Unavailable(#[source] sqlx::Error),
    /// The two do not trust each other, as a certificate or the want of TLS has it. The same call gives the same.
    #[error("{0}")]
    NoTrust(String),
    /// There is no file of this name, and none was to be made.
    #[error("there is no database at {}; `sluice db sync` makes one", .0.display())]
    NoDatabase(PathBuf),
    /// The schema is not one that this program can work with.
    #[error("{0}")]
    Schema(String),
    /// Anything else: a fault in this program or in its tables.
    #[error("the database refused a statement: {0}")]
    Other(#[source] sqlx::Error),
}

impl DbError {
    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether what was to be written is there already, or another row is in its place.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Other(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether a value was missing that has to be there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Other(sqlx::Error::Database(error)) if error.kind() == sqlx::error::ErrorKind::NotNullViolation)
    }

    /// A value in a row that this program does not understand.
    pub(super) fn unreadable(column: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let temporary = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            sqlx::Error::Database(error) => match error.code() {
                Some(code) if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => sqlite_may_pass(&code),
                Some(code) => postgres_may_pass(&code),
                None => false,
            },
            _ => false,
        };
        if temporary { Self::Unavailable(error) } else { Self::Other(error) }
    }
}

/// <https://www.sqlite.org/rescode.html>; the low byte of an extended code is the primary one.
fn sqlite_may_pass(code: &str) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const PROTOCOL: i32 = 15;
    code.parse::<i32>()
        .is_ok_and(|code| matches!(code & 0xff, BUSY | LOCKED | NOMEM | READONLY | IOERR | FULL | CANTOPEN | PROTOCOL))
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_may_pass(code: &str) -> bool {
    const CONNECTION: &str = "08";
    const ROLLED_BACK: &str = "40";
    const RESOURCES: &str = "53";
    const OPERATOR: &str = "57";
    const SYSTEM: &str = "58";
    // A standby, or a server that an operator has made read-only: another one may have become the primary.
    const READ_ONLY: &str = "25006";
    const LOCKED: &str = "55P03";
    [CONNECTION, ROLLED_BACK, RESOURCES, OPERATOR, SYSTEM].iter().any(|class| code.starts_with(class))
        || code == READ_ONLY
        || code == LOCKED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_called_temporary() {
        assert!(sqlite_may_pass("5") && sqlite_may_pass("517") && sqlite_may_pass("13"));
        assert!(!sqlite_may_pass("1") && !sqlite_may_pass("2067") && !sqlite_may_pass("11"));
        assert!(postgres_may_pass("57P01") && postgres_may_pass("40P01") && postgres_may_pass("53100"));
        assert!(!postgres_may_pass("23505") && !postgres_may_pass("42P01"));
    }
}
