//! A file as an archive elsewhere reads it: opened once more, and known to be the one that was checked.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::incoming::open_itself;
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
        let exchanged = || io::Error::other("it was exchanged for another file while it was being taken in");
        let file = open_itself(&self.folder, &self.name).map_err(|error| match error.raw_os_error() {
            // What a link is answered, and a socket.
            Some(code) if [Errno::LOOP, Errno::NXIO].iter().any(|errno| errno.raw_os_error() == code) => exchanged(),
            _ => error,
        })?;
        let metadata = file.metadata()?;
        if self.identity != Some((metadata.dev(), metadata.ino())) {
            return Err(exchanged());
        }
        Ok(file)
    }

    /// Removes the original of a file that an archive has a copy of. What somebody has put in its place is not ours.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let there = match rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        if self.identity != Some((there.st_dev, there.st_ino)) {
            return Ok(());
        }
        match self.folder.remove_file(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
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
