//! A file in a buffer of fixed size, from which whole rows are taken.

use std::io::Read;

use sluice_sdk::{Failure, File};

/// As much is read at once: the gate gives no more.
const READ: usize = 1 << 20;

/// No row is longer. One that seems to be has a quote that is never closed, or is no table at all.
pub(crate) const LONGEST_ROW: usize = 1 << 20;

/// What was read and not yet used.
#[derive(Debug)]
pub(crate) struct Chunks {
    file: File,
    buffer: Vec<u8>,
    filled: usize,
    last: bool,
    ascii: bool,
}

impl Chunks {
    pub(crate) fn new(file: File) -> Self {
        Self { file, buffer: vec![0; LONGEST_ROW + READ], filled: 0, last: false, ascii: true }
    }

    /// What is in the buffer.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Whether nothing comes after it.
    pub(crate) fn is_last(&self) -> bool {
        self.last
    }

    /// Whether all of it is ASCII, so that nobody needs to look for bytes that are not UTF-8.
    pub(crate) fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Drops the bytes before `used` and reads more. Says whether there was room.
    pub(crate) fn more(&mut self, used: usize) -> Result<bool, Failure> {
        let rest = self.filled - used;
        if rest > LONGEST_ROW {
            return Ok(false);
        }
        self.buffer.copy_within(used..self.filled, 0);
        self.filled = rest;
        let read = self.file.read(&mut self.buffer[rest..rest + READ])?;
        self.filled += read;
        self.last = read == 0;
        let (words, tail) = self.bytes().as_chunks::<8>();
        let high = words.iter().fold(0, |high, word| high | u64::from_le_bytes(*word));
        self.ascii = high & 0x8080_8080_8080_8080 == 0 && tail.is_ascii();
        Ok(true)
    }
}
