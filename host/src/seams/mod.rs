//! What can be exchanged: the archive, the metadata store, the source of ids.
//!
//! Each is a trait with the embedded form beside it. An implementation says of every failure whether trying again may
//! help; the pipeline does the trying.

pub mod archive;
pub mod ids;
pub mod metadata;

/// Why something behind a seam did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SeamError {
    /// It answered, and the answer is no: trying again gives the same. The text is for the uploader.
    #[error("{0}")]
    Refused(String),
    /// It did not answer, or could not: trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl From<crate::db::DbError> for SeamError {
    fn from(error: crate::db::DbError) -> Self {
        if error.is_temporary() {
            Self::Unavailable(format!("the database does not answer: {error}"))
        } else {
            Self::Refused(format!("the database refuses: {error}"))
        }
    }
}
