//! An upload that is written to.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::UNVERIFIED;
use crate::disk::sync_all;
use crate::model::Digest;

/// Read and written at once.
const BUFFER: usize = 256 << 10;

/// Why a part was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It is longer than what is missing.
    #[error("the part is longer than what is missing of the upload")]
    TooLong,
    /// It is not what its checksum says.
    #[error("the part is not what its checksum says")]
    Checksum,
    /// Reading or writing failed; what had arrived by then is kept.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An upload in the hands of one writer, until this is dropped.
#[derive(Debug)]
pub struct Locked {
    folder: PathBuf,
    bytes: File,
    offset: u64,
}

impl Locked {
    pub(super) fn new(folder: PathBuf, bytes: File, offset: u64) -> Self {
        Self { folder, bytes, offset }
    }

    /// How many bytes there are.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Appends a part of at most so many bytes. What arrived is on disk when this returns, whether all did or not; of a
    /// part with a checksum it is all or nothing.
    pub fn append(&mut self, part: impl Read, most: u64, checksum: Option<&Digest>) -> Result<(), AppendError> {
        let Some(checksum) = checksum else {
            let written = self.write(part, most, |_| {});
            self.bytes.sync_data()?;
            return written;
        };
        let start = self.offset;
        let marker = self.folder.join(UNVERIFIED);
        // Written aside, so that it never is there without its number.
        let aside = self.folder.join("unverified.new");
        fs::write(&aside, start.to_string())?;
        sync_all(&aside)?;
        fs::rename(&aside, &marker)?;
        sync_all(&self.folder)?;
        let mut hasher = checksum.kind.hasher();
        let mut written = self.write(part, most, |piece| hasher.update(piece));
        if written.is_ok() && hasher.finish() != *checksum {
            written = Err(AppendError::Checksum);
        }
        if written.is_err() {
            self.bytes.set_len(start)?;
            self.offset = self.bytes.seek(SeekFrom::Start(start))?;
        }
        self.bytes.sync_data()?;
        fs::remove_file(marker)?;
        written
    }

    fn write(&mut self, mut part: impl Read, most: u64, mut seen: impl FnMut(&[u8])) -> Result<(), AppendError> {
        let mut buffer = vec![0; BUFFER];
        let mut left = most;
        loop {
            let count = match part.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            left = left.checked_sub(count as u64).ok_or(AppendError::TooLong)?;
            seen(&buffer[..count]);
            self.bytes.write_all(&buffer[..count])?;
            self.offset += count as u64;
        }
    }
}
