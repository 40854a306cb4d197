//! Where accepted files end up.
//!
//! What every archive promises: a file appears whole or not at all, nothing is ever overwritten, and putting a file
//! that is in its place already is no error, so that a step may run twice.

mod bucket;
mod folder;
mod incoming;
mod location;
mod pacifica;
mod parts;
mod source;
mod store;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::io::AsyncRead;

use super::SeamError;
use crate::model::{FileId, JobId};

pub(crate) use folder::ASIDE;
pub use folder::FolderArchive;
pub use incoming::{Claims, Incoming, Origin};
pub use location::{Location, LocationError};
pub(crate) use pacifica::PacificaArchive;
pub(crate) use store::StoreArchive;

/// One file on its way in.
#[derive(Clone, Debug)]
pub struct Put {
    /// The file, where it lies now.
    pub incoming: Arc<Incoming>,
    /// Where it goes.
    pub location: Location,
    /// Its size in bytes.
    pub size: u64,
    /// The job that brings it.
    pub job: JobId,
    /// Whether it is a file of a move, which lies where its owner put it, and not one of the spool.
    pub moved: bool,
}

/// Counts the bytes that an archive has taken, while it takes them.
#[derive(Clone, Debug, Default)]
pub struct Taken(Arc<AtomicU64>);

impl Taken {
    /// A count that goes on from where another one is.
    pub fn counting(counter: Arc<AtomicU64>) -> Self {
        Self(counter)
    }

    /// So many more.
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The contents of a file, or of a range of it.
pub type Contents = Box<dyn AsyncRead + Send + Unpin>;

/// An archive.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Where the archive keeps a file for which a place is planned: there, unless it has an order of its own.
    fn place(&self, planned: Location, _file: FileId) -> Location {
        planned
    }

    /// Takes files in. When this returns well, all of them are durable at their places. When it does not, some may be
    /// there already; `take_back` undoes them.
    async fn put(&self, files: Vec<Put>, taken: &Taken) -> Result<(), SeamError>;

    /// Gives up what earlier runs of a job have begun and were cut off in, where the archive would keep it. Only for who
    /// knows that no other run of the job is under way.
    async fn give_up(&self, _job: JobId) -> Result<(), SeamError> {
        Ok(())
    }

    /// Whether the files of a move are still where they were when `put` is over, to be removed when the job has gone
    /// well; otherwise they have left.
    fn leaves_originals(&self) -> bool {
        false
    }

    /// Gives files back to where they came from, for a bundle that failed after they were taken in. One that is not
    /// there is passed over. An archive that gives nothing back says so.
    async fn take_back(&self, files: Vec<Put>) -> Result<(), SeamError>;

    /// A file's size; none where it is not there.
    async fn size(&self, location: &Location) -> Result<Option<u64>, SeamError>;

    /// Opens a range of a file of this size.
    async fn open(&self, location: &Location, size: u64, range: Range<u64>) -> Result<Contents, SeamError>;

    /// A file of the archive as one of this machine's, for rules to read; none where the archive has no such files.
    fn local(&self, _location: &Location) -> Option<std::fs::File> {
        None
    }
}

/// What is said of a file that is not there.
fn missing(location: &Location) -> SeamError {
    SeamError::Refused(format!("the archive has no file at {location}"))
}
