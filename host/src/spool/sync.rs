//! Getting files onto the disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// From so many files on, one flush of the file system is quicker than a flush of each.
const MANY: usize = 8;

/// Syncs one file or folder.
pub fn sync_all(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs a folder and the files in it, of which there are about so many.
pub(super) fn sync_folder(folder: &Path, files: usize) -> io::Result<()> {
    if files > MANY {
        // Since Linux 5.8 syncfs reports failed writes as fsync does.
        return Ok(rustix::fs::syncfs(File::open(folder)?)?);
    }
    for entry in fs::read_dir(folder)? {
        sync_all(&entry?.path())?;
    }
    sync_all(folder)
}
