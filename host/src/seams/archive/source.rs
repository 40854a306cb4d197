//! A file as an archive elsewhere reads it: opened once more, and known to be the one that was checked.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;

use super::{Incoming, Put, SeamError};

impl Incoming {
    /// Whether the file was not there any more when it was looked for.
    pub(super) fn is_gone(&self) -> bool {
        self.identity.is_none()
    }

    /// Whether there is a file at its path now.
    pub(super) fn is_there(&self) -> bool {
        self.folder.symlink_metadata(&self.name).is_ok()
    }

    /// Opens it, if it is still the file that was checked.
    pub(super) fn reopen(&self) -> io::Result<File> {
        let mut file = self.folder.open(&self.name)?.into_std();
        let metadata = file.metadata()?;
        if self.identity != Some((metadata.dev(), metadata.ino())) {
            return Err(io::Error::other("it was exchanged for another file while it was being taken in"));
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// Removes the original of a file that an archive has a copy of, if it is still the one that was copied.
    pub(crate) fn remove(&self) -> io::Result<()> {
        if self.is_gone() || !self.is_there() {
            return Ok(());
        }
        drop(self.reopen()?);
        self.folder.remove_file(&self.name)
    }
}

/// Opens the file of a put. `None` is one that was gone when it was looked for.
pub(super) async fn open(put: &Put) -> Result<Option<File>, SeamError> {
    if put.incoming.is_gone() {
        return Ok(None);
    }
    let incoming = put.incoming.clone();
    let opened = tokio::task::spawn_blocking(move || incoming.reopen()).await;
    let opened = opened.map_err(|error| SeamError::Unavailable(format!("the work was cut off: {error}")))?;
    opened.map(Some).map_err(|error| {
        let path = put.incoming.path.display();
        match error.kind() {
            io::ErrorKind::NotFound => gone(put),
            io::ErrorKind::Other | io::ErrorKind::PermissionDenied => {
                SeamError::Refused(format!("{path} cannot be read: {error}"))
            }
            _ => SeamError::Unavailable(format!("{path} cannot be read: {error}")),
        }
    })
}

/// What is said of a file that is neither where it was nor in the archive.
pub(super) fn gone(put: &Put) -> SeamError {
    SeamError::Refused(format!("{} is not there any more", put.incoming.path.display()))
}
