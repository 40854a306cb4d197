//! Why an upload does not go on.

use std::io;

use super::super::intake::IntakeError;
use crate::spool::{AppendError, BodyError, LockError, UploadId};

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is none of this name, or it is another user's.
    #[error("there is no upload {0}; it may have been ended")]
    Unknown(UploadId),
    /// Nothing was added to it for too long.
    #[error("upload {0} has expired, since nothing was added to it for too long; begin anew")]
    Expired(UploadId),
    /// As many are received at a time as can be.
    #[error("the gate receives as many bundles as it can; try again later")]
    Crowded,
    /// Another request is writing to it.
    #[error("another request is writing to this upload; ask for its offset in a moment")]
    Busy,
    /// A part does not begin where the last one ended.
    #[error("the part begins at byte {given}, and the upload has {there} bytes; go on from there")]
    Offset {
        /// Where the part begins.
        given: u64,
        /// Where the upload stands.
        there: u64,
    },
    /// A part is longer than what is missing.
    #[error("the part is longer than what is missing of the upload")]
    TooLong,
    /// A part is not what its checksum says, and nothing of it was kept.
    #[error("the part is not what its checksum says; send it again")]
    Checksum,
    /// It is put together from others, and nothing can be added.
    #[error("this upload is put together from others, and nothing can be added to it")]
    Final,
    /// Parts that cannot be put together.
    #[error("{0}")]
    Parts(String),
    /// The client went away, or fell silent; what arrived is kept.
    #[error(transparent)]
    Body(BodyError),
    /// The disk is full or failing.
    #[error("the spool cannot be used: {0}")]
    Storage(#[source] io::Error),
    /// The bundle is whole, and no job can be made of it now.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<BodyError>() {
            Ok(body) => Self::Body(body),
            Err(error) => Self::Storage(error),
        }
    }
}

impl From<LockError> for UploadError {
    fn from(error: LockError) -> Self {
        match error {
            // Who finds it gone between two looks finds it busy: the next look says what became of it.
            LockError::Gone | LockError::Busy => Self::Busy,
            LockError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<AppendError> for UploadError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::TooLong => Self::TooLong,
            AppendError::Checksum => Self::Checksum,
            AppendError::Io(error) => error.into(),
        }
    }
}
