//! Where accepted files end up.
//!
//! What every archive promises: a file appears whole or not at all, nothing is ever overwritten, and putting a file
//! that is in its place already is no error, so that a step may run twice.

mod folder;
mod incoming;
mod location;

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;

pub(crate) use folder::ASIDE;
pub use folder::FolderArchive;
pub use incoming::{Incoming, Origin};
pub use location::{Location, LocationError};

/// One file on its way in.
#[derive(Clone, Debug)]
pub struct Put {
    /// The file, where it lies now.
    pub incoming: Arc<Incoming>,
    /// Where it goes.
    pub location: Location,
    /// Its size in bytes.
    pub size: u64,
}

/// An archive.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Takes files in; they leave where they were. When this returns well, all of them are durable at their places.
    /// When it does not, some may be there already; `take_back` undoes them.
    async fn put(&self, files: Vec<Put>) -> Result<(), SeamError>;

    /// Gives files back to where they came from, for a bundle that failed after they were taken in. One that is not
    /// there is passed over.
    async fn take_back(&self, files: Vec<Put>) -> Result<(), SeamError>;

    /// Opens a file for reading.
    async fn open(&self, location: &Location) -> Result<tokio::fs::File, SeamError>;

    /// A file of the archive as one of this machine's, for rules to read; none where the archive has no such files.
    fn local(&self, _location: &Location) -> Option<std::fs::File> {
        None
    }
}
