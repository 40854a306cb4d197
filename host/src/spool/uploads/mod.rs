//! Uploads that arrive in parts: bytes that wait for the rest of them.
//!
//! `SPOOL/uploads/ID/` holds `bytes`, to which parts are appended; `record.json`, what is known besides; and, while a
//! part with a checksum is on its way, `unverified`, the length before it. How many bytes there are is told by the file
//! alone, after it was synced: nothing else has to agree with it, and no crash can make it say too much. A lock on the
//! file of the bytes, which ends with its process, keeps two requests from writing at the same time, on one machine or
//! on several.

mod locked;
mod record;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use locked::{AppendError, Locked};
pub use record::{Purpose, UploadId, UploadRecord};
use rustix::fs::{FlockOperation, flock};

use crate::disk::sync_all;
use crate::model::JobId;

const FOLDER: &str = "uploads";
const BYTES: &str = "bytes";
const RECORD: &str = "record.json";
const UNVERIFIED: &str = "unverified";

/// The uploads of a spool. All of this blocks.
#[derive(Clone, Debug)]
pub struct UploadStore {
    folder: PathBuf,
}

/// Why an upload cannot be had for writing.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not there (any more).
    #[error("there is no such upload")]
    Gone,
    /// Another request has it.
    #[error("another request is writing to this upload")]
    Busy,
    /// The disk fails.
    #[error("the spool cannot be used: {0}")]
    Storage(#[from] io::Error),
}

impl UploadStore {
    /// The uploads of the spool in this folder.
    pub fn open(spool: &Path) -> io::Result<Self> {
        let folder = spool.join(FOLDER);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn of(&self, id: &UploadId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// Makes an upload without bytes. It is on disk when this returns.
    pub fn create(&self, record: &UploadRecord) -> io::Result<()> {
        let folder = self.of(&record.id);
        fs::create_dir(&folder)?;
        File::create(folder.join(BYTES))?;
        self.put(record)?;
        sync_all(&self.folder)
    }

    /// What is known of an upload; none where there is no such upload.
    pub fn record(&self, id: &UploadId) -> io::Result<Option<UploadRecord>> {
        match fs::read(self.of(id).join(RECORD)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records what has changed; it is on disk when this returns.
    fn put(&self, record: &UploadRecord) -> io::Result<()> {
        let folder = self.of(&record.id);
        let aside = folder.join("record.new");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_all()?;
        fs::rename(aside, folder.join(RECORD))?;
        sync_all(&folder)
    }

    /// Records that an upload has become a job, and lets its bytes go.
    pub fn done(&self, record: &UploadRecord, job: JobId) -> io::Result<UploadRecord> {
        let record = UploadRecord { job: Some(job), ..record.clone() };
        self.put(&record)?;
        match fs::remove_file(self.of(&record.id).join(BYTES)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(record),
        }
    }

    /// How many bytes of an upload are here for good. Part of that are only bytes whose checksum, if they have one, was
    /// found right.
    pub fn offset(&self, id: &UploadId) -> io::Result<u64> {
        let folder = self.of(id);
        let before = unverified(&folder)?;
        let bytes = File::open(folder.join(BYTES))?;
        bytes.sync_data()?;
        let length = bytes.metadata()?.len();
        // A part may have been begun or taken back in between.
        let after = unverified(&folder)?;
        Ok(length.min(before.unwrap_or(u64::MAX)).min(after.unwrap_or(u64::MAX)))
    }

    /// When something was written to an upload last.
    pub fn touched(&self, id: &UploadId) -> io::Result<SystemTime> {
        let folder = self.of(id);
        let record = fs::metadata(folder.join(RECORD))?.modified()?;
        let bytes = fs::metadata(folder.join(BYTES)).and_then(|bytes| bytes.modified());
        Ok(bytes.map_or(record, |bytes| bytes.max(record)))
    }

    /// An upload, for one writer alone.
    pub fn lock(&self, id: &UploadId) -> Result<Locked, LockError> {
        let folder = self.of(id);
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => LockError::Gone,
            _ => LockError::Storage(error),
        };
        let mut bytes = File::options().read(true).write(true).open(folder.join(BYTES)).map_err(gone)?;
        match flock(&bytes, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Busy),
            other => other.map_err(io::Error::from)?,
        }
        // It may have gone between the opening and the lock.
        if bytes.metadata()?.nlink() == 0 {
            return Err(LockError::Gone);
        }
        if let Some(length) = unverified(&folder)? {
            bytes.set_len(length)?;
            bytes.sync_data()?;
            fs::remove_file(folder.join(UNVERIFIED))?;
        }
        let offset = bytes.seek(SeekFrom::End(0))?;
        Ok(Locked::new(folder, bytes, offset))
    }

    /// The bytes of an upload, from the first on.
    pub fn read(&self, id: &UploadId) -> io::Result<File> {
        File::open(self.of(id).join(BYTES))
    }

    /// Forgets an upload.
    pub fn remove(&self, id: &UploadId) -> io::Result<()> {
        match fs::remove_dir_all(self.of(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Forgets the uploads that nothing was written to since a moment, and says how many there were.
    pub fn expire(&self, since: SystemTime) -> io::Result<usize> {
        let mut gone = 0;
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<UploadId>().ok()) else { continue };
            let old = match self.touched(&id) {
                Ok(touched) => touched < since,
                // Cut off while it was made: nobody has ever been told of it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::metadata(self.of(&id)).and_then(|folder| folder.modified()).is_ok_and(|made| made < since)
                }
                Err(error) => return Err(error),
            };
            if old && !matches!(self.lock(&id), Err(LockError::Busy)) {
                self.remove(&id)?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// The length before a part whose checksum is still to be seen.
fn unverified(folder: &Path) -> io::Result<Option<u64>> {
    match fs::read_to_string(folder.join(UNVERIFIED)) {
        Ok(text) => text.trim().parse().map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, HashKind};

    fn store() -> (tempfile::TempDir, UploadStore, UploadId) {
        let folder = tempfile::tempdir().unwrap();
        let store = UploadStore::open(folder.path()).unwrap();
        let id = UploadId::new(7);
        let (user, purpose) = ("ada".to_owned(), Purpose::Job);
        store.create(&UploadRecord { id: id.clone(), user, length: 9, metadata: None, purpose, job: None }).unwrap();
        (folder, store, id)
    }

    #[test]
    fn parts_are_appended_by_one_writer_at_a_time() {
        let (_folder, store, id) = store();
        let mut locked = store.lock(&id).unwrap();
        assert!(matches!(store.lock(&id), Err(LockError::Busy)));
        locked.append(&b"abc"[..], 9, None).unwrap();
        drop(locked);
        let mut locked = store.lock(&id).unwrap();
        assert_eq!((locked.offset(), store.offset(&id).unwrap()), (3, 3));
        assert!(matches!(locked.append(&b"defghijkl"[..], 6, None), Err(AppendError::TooLong)));
        locked.append(&b"def"[..], 6, None).unwrap();
        assert_eq!(fs::read(store.of(&id).join(BYTES)).unwrap(), b"abcdef");
    }

    #[test]
    fn a_part_with_a_checksum_is_there_whole_and_right_or_not_at_all() {
        let (_folder, store, id) = store();
        let mut locked = store.lock(&id).unwrap();
        let right = Digest::of(HashKind::Sha1, b"abc");
        assert!(matches!(locked.append(&b"abd"[..], 9, Some(&right)), Err(AppendError::Checksum)));
        assert_eq!((locked.offset(), store.offset(&id).unwrap()), (0, 0));
        locked.append(&b"abc"[..], 9, Some(&right)).unwrap();
        assert_eq!(store.offset(&id).unwrap(), 3);
        // A process that died in the middle of a part leaves this behind.
        fs::write(store.of(&id).join(UNVERIFIED), "2").unwrap();
        assert_eq!(store.offset(&id).unwrap(), 2);
        drop(locked);
        assert_eq!(store.lock(&id).unwrap().offset(), 2);
        assert_eq!(store.offset(&id).unwrap(), 2);
    }

    #[test]
    fn what_nobody_writes_to_expires_unless_somebody_has_it() {
        let (_folder, store, id) = store();
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        assert_eq!(store.expire(SystemTime::UNIX_EPOCH).unwrap(), 0);
        let locked = store.lock(&id).unwrap();
        assert_eq!(store.expire(later).unwrap(), 0);
        drop(locked);
        assert_eq!(store.expire(later).unwrap(), 1);
        assert_eq!(store.record(&id).unwrap(), None);
        assert!(matches!(store.lock(&id), Err(LockError::Gone)));
    }

    #[test]
    fn nothing_but_an_id_is_taken_for_one() {
        for text in ["", "..", "../../etc", "0000000000000000000000000000000G", "00000000000000000000000000000000/"] {
            assert!(text.parse::<UploadId>().is_err(), "{text}");
        }
        assert_eq!(UploadId::new(u128::MAX).to_string().parse(), Ok(UploadId::new(u128::MAX)));
    }
}
