//! The files of a bundle, and their contents.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

/// One `Files` row, as the bundle describes the file. Nothing of it is checked yet when a rule runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileInfo {
    /// The position among the files of the bundle.
    pub index: u32,
    /// The id that the gate has given the file; counted from 1 in a dry run.
    pub id: u64,
    /// The position of the row in metadata.txt: `/{row}` is its JSON pointer.
    pub row: u32,
    /// The path below `data/`, parts joined by `/`.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
    /// The mimetype.
    pub mimetype: String,
    /// The hash function, as Python's hashlib names it.
    pub hash_type: String,
    /// The digest in lower-case hexadecimal.
    pub hash_sum: String,
    /// The change time, as the row spells it.
    pub ctime: Option<String>,
    /// The modification time, as the row spells it.
    pub mtime: Option<String>,
    /// On moves: where the file lies now.
    pub source: Option<String>,
}

impl FileInfo {
    /// The folder below `data/`, empty at the top, and the name.
    pub fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }
}

/// What stands behind an open file.
pub(crate) trait Contents {
    fn size(&self) -> u64;
    /// Up to `len` bytes from `offset` on; none at the end.
    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, String>;
}

/// The contents of a file, to be read only.
///
/// Every read is a call into the gate and counts against the rule's limit of bytes read. Wrap it in a
/// [`BufReader`](std::io::BufReader) where it is read in small pieces.
pub struct File {
    contents: Box<dyn Contents>,
    position: u64,
}

impl File {
    pub(crate) fn new(contents: Box<dyn Contents>) -> Self {
        Self { contents, position: 0 }
    }

    /// The true size in bytes, which may differ from what the bundle says.
    pub fn size(&self) -> u64 {
        self.contents.size()
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        if len == 0 {
            return Ok(0);
        }
        let bytes = self.contents.read(self.position, len).map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.size().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("position", &self.position).finish_non_exhaustive()
    }
}
