//! A bundle that is made while it is sent.
//!
//! The tar is never on disk. Its length is known before its first byte, since sizes and the length of hashes are; its
//! bytes follow from the list of files alone, so that a broken transfer can go on from any offset. The metadata comes
//! last: hashes are made while the files are sent, and each file is read once.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::member::{END, member, member_length, metadata_head, padding};
use super::rows::Rows;
use super::walk::LocalFile;
use crate::model::Hasher;

/// Read and sent at once.
const PIECE: usize = 256 << 10;

/// A bundle to be sent.
#[derive(Debug)]
pub struct Parcel {
    files: Vec<LocalFile>,
    rows: Rows,
    /// The hashes that are known so far.
    hashes: Mutex<Vec<Option<String>>>,
    metadata: u64,
}

/// Why a bundle could not be made to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ParcelError {
    /// A file is not what it was when the sending began.
    #[error("{} has changed while it was sent; send the files again when nothing writes to them", .0.display())]
    Changed(PathBuf),
    /// A file cannot be read.
    #[error("{path} cannot be read: {why}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Where pieces go. False from it ends the making: nobody takes any more.
type Take<'a> = &'a mut dyn FnMut(Bytes) -> bool;

/// The making was ended by its taker, or by a fault.
enum Stop {
    Enough,
    Fault(ParcelError),
}

impl Parcel {
    /// The bundle of these files.
    pub fn new(files: Vec<LocalFile>, rows: Rows) -> Self {
        let metadata = rows.length();
        Self { hashes: Mutex::new(vec![None; files.len()]), files, rows, metadata }
    }

    /// Bytes of the whole tar.
    pub fn length(&self) -> u64 {
        let files = self.files.iter().map(|file| member_length(&member(file), file.size));
        files.sum::<u64>() + member_length(&metadata_head(self.metadata), self.metadata) + END
    }

    /// The files.
    pub fn files(&self) -> &[LocalFile] {
        &self.files
    }

    /// Bytes of all files.
    pub fn contents(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The document as far as it is known: hashes are missing until files were read.
    pub fn document(&self) -> Vec<u8> {
        self.rows.document(&self.known())
    }

    /// Reads all files for their hashes, and says of each piece how many bytes it had.
    pub fn hash_all(&self, mut seen: impl FnMut(u64)) -> Result<(), ParcelError> {
        for index in 0..self.files.len() {
            // Bytes that are taken count, whatever they are taken for.
            let hashed = self.contents_from(index, u64::MAX, &mut seen, &mut |_| true);
            if let Err(Stop::Fault(fault)) = hashed {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Makes the tar from this offset on, piece by piece, until its end or until nobody takes any more. Files that lie
    /// before the offset are read only where their hashes are not known yet.
    pub fn make(&self, offset: u64, mut take: impl FnMut(Bytes) -> bool) -> Result<(), ParcelError> {
        match self.pieces(offset, &mut take) {
            Ok(()) | Err(Stop::Enough) => Ok(()),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    fn pieces(&self, offset: u64, take: Take<'_>) -> Result<(), Stop> {
        // Where the next part of the tar begins.
        let mut at = 0;
        for (index, file) in self.files.iter().enumerate() {
            let head = member(file);
            let (start, begin) = (at, at + head.len() as u64);
            at += member_length(&head, file.size);
            let known = self.hashes().get(index).is_some_and(Option::is_some);
            if at <= offset {
                // Whatever a file was when it was sent: it must be that still, or the document would not be true.
                if known {
                    check(file, &open(file)?)?;
                } else {
                    self.contents_from(index, u64::MAX, &mut |_| {}, take)?;
                }
                continue;
            }
            part(&head, offset.saturating_sub(start), take)?;
            self.contents_from(index, offset.saturating_sub(begin), &mut |_| {}, take)?;
            let filled = begin + file.size;
            part(&vec![0; padding(file.size)], offset.saturating_sub(filled), take)?;
        }
        let metadata = self.rows.document(&self.known());
        debug_assert_eq!(metadata.len() as u64, self.metadata, "the length of the document was foreseen");
        let mut tail = metadata_head(metadata.len() as u64);
        tail.extend_from_slice(&metadata);
        tail.resize(tail.len() + padding(metadata.len() as u64) + END as usize, 0);
        part(&tail, offset.saturating_sub(at), take)
    }

    /// Reads a file whole, for its hash, and gives what lies behind `skip` to `take`.
    fn contents_from(&self, index: usize, skip: u64, seen: &mut dyn FnMut(u64), take: Take<'_>) -> Result<(), Stop> {
        let file = &self.files[index];
        let mut open = open(file)?;
        check(file, &open)?;
        let mut hasher: Hasher = self.rows.hash_kind(index).hasher();
        let mut done = 0;
        while done < file.size {
            let wanted = usize::try_from(file.size - done).unwrap_or(PIECE).min(PIECE);
            let mut piece = vec![0; wanted];
            let count = read_some(&mut open, &mut piece).map_err(|error| unreadable(file, &error))?;
            if count == 0 {
                return Err(changed(file));
            }
            piece.truncate(count);
            hasher.update(&piece);
            seen(count as u64);
            let skipped = usize::try_from(skip.saturating_sub(done)).unwrap_or(usize::MAX).min(count);
            done += count as u64;
            if skipped < count && !take(Bytes::from(piece).slice(skipped..)) {
                return Err(Stop::Enough);
            }
        }
        // Also what was written to it since, beyond the end that it had or in the midst of it.
        check(file, &open)?;
        self.hashes()[index] = Some(hasher.finish().hex);
        Ok(())
    }

    fn hashes(&self) -> std::sync::MutexGuard<'_, Vec<Option<String>>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Vec<Option<String>> {
        self.hashes().clone()
    }
}

/// The bundle from this offset on, as the body of a request; `sent` is told of each piece. What goes wrong in the making
/// is left in `fault`, since a body can only break off.
pub(super) fn body(
    parcel: &Arc<Parcel>,
    offset: u64,
    sent: impl Fn(u64) + Send + 'static,
    fault: Arc<Mutex<Option<ParcelError>>>,
) -> reqwest::Body {
    let (feed, pieces) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(4);
    let parcel = parcel.clone();
    tokio::task::spawn_blocking(move || {
        let made = parcel.make(offset, |piece| feed.blocking_send(Ok(piece)).is_ok());
        if let Err(error) = made {
            *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            drop(feed.blocking_send(Err(io::Error::other(error))));
        }
    });
    let pieces = futures::stream::unfold((pieces, sent), |(mut pieces, sent)| async move {
        let piece = pieces.recv().await?;
        if let Ok(piece) = &piece {
            sent(piece.len() as u64);
        }
        Some((piece, (pieces, sent)))
    });
    reqwest::Body::wrap_stream(pieces)
}

/// What lies behind `skip` of some bytes.
fn part(bytes: &[u8], skip: u64, take: Take<'_>) -> Result<(), Stop> {
    let rest = usize::try_from(skip).ok().and_then(|skip| bytes.get(skip..)).unwrap_or_default();
    if rest.is_empty() || take(Bytes::copy_from_slice(rest)) { Ok(()) } else { Err(Stop::Enough) }
}

fn open(file: &LocalFile) -> Result<File, Stop> {
    File::open(&file.path).map_err(|error| unreadable(file, &error))
}

fn check(file: &LocalFile, open: &File) -> Result<(), Stop> {
    let metadata = open.metadata().map_err(|error| unreadable(file, &error))?;
    if file.is_still(&metadata) { Ok(()) } else { Err(changed(file)) }
}

fn changed(file: &LocalFile) -> Stop {
    Stop::Fault(ParcelError::Changed(file.path.clone()))
}

fn unreadable(file: &LocalFile, error: &io::Error) -> Stop {
    Stop::Fault(ParcelError::Unreadable { path: file.path.clone(), why: error.to_string() })
}

fn read_some(open: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match open.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Facts, walk};

    fn parcel(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Parcel) {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        let found = walk(&[folder.path().join(".").join("..").join(folder.path().file_name().unwrap())]).unwrap();
        let rows = Rows::new(&found.files, &Facts::default(), false).unwrap();
        (folder, Parcel::new(found.files, rows))
    }

    fn made(parcel: &Parcel, offset: u64) -> Vec<u8> {
        let mut tar = Vec::new();
        parcel
            .make(offset, |piece| {
                tar.extend_from_slice(&piece);
                true
            })
            .unwrap();
        tar
    }

    #[test]
    fn a_bundle_is_as_long_as_it_was_said_to_be_and_a_tar() {
        let long = format!("{}/{}.dat", "folder".repeat(20), "測定".repeat(30));
        let (_folder, parcel) = parcel(&[("a.dat", b"abc"), ("empty", b""), ("block", &[7; 512]), (&long, &[1; 700])]);
        let tar = made(&parcel, 0);
        assert_eq!(tar.len() as u64, parcel.length());
        let mut archive = tar::Archive::new(tar.as_slice());
        let members: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path().unwrap().to_str().unwrap().to_owned(), entry.size())
            })
            .collect();
        assert_eq!(members.len(), 5);
        assert!(members.iter().any(|(path, size)| path.ends_with(&long) && *size == 700), "{members:?}");
        assert_eq!(members.last().unwrap().0, "metadata.txt");
        assert!(String::from_utf8_lossy(&tar).contains("a9993e364706816aba3e25717850c26c9cd0d89d"));
    }

    #[test]
    fn a_bundle_goes_on_from_any_offset_with_hashes_known_or_not() {
        let files: &[(&str, &[u8])] = &[("a.dat", b"abc"), ("b/empty", b""), ("b/c", &[3; 1025])];
        let (folder, first) = parcel(files);
        let whole = made(&first, 0);
        for offset in (0..=whole.len()).step_by(97).chain([511, 512, 513, 515, 1024, whole.len()]) {
            assert_eq!(made(&first, offset as u64), whole[offset..], "known, from {offset}");
            let rows = Rows::new(first.files(), &Facts::default(), false).unwrap();
            let fresh = Parcel::new(first.files().to_vec(), rows);
            assert_eq!(made(&fresh, offset as u64), whole[offset..], "unknown, from {offset}");
        }
        drop(folder);
    }

    #[test]
    fn a_file_that_changes_is_an_error_that_names_it() {
        for (name, contents) in [("longer", &[1_u8; 3000][..]), ("shorter", b"1"), ("gone", b"")] {
            let (folder, parcel) = parcel(&[("x.dat", &[1; 2000])]);
            let path = folder.path().join("x.dat");
            match name {
                "gone" => std::fs::remove_file(&path).unwrap(),
                _ => std::fs::write(&path, contents).unwrap(),
            }
            let error = parcel.make(0, |_| true).unwrap_err();
            assert!(error.to_string().contains("x.dat"), "{name}: {error}");
        }
        let (folder, parcel) = parcel(&[("a", &[1; 400_000]), ("b", b"")]);
        let mut first = true;
        let error = parcel.make(0, |_| {
            if std::mem::take(&mut first) {
                let file = std::fs::File::options().append(true).open(folder.path().join("a")).unwrap();
                std::io::Write::write_all(&mut &file, b"more").unwrap();
            }
            true
        });
        assert!(matches!(error, Err(ParcelError::Changed(_))), "{error:?}");
    }
}
