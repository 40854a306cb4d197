//! The files that an uploader names, found on this machine.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::model::{BundlePath, PathError, Timestamp};

/// A file to be sent, as it was when it was found.
#[derive(Clone, Debug)]
pub struct LocalFile {
    /// Where it lies here.
    pub path: PathBuf,
    /// Where it goes below `data/`.
    pub place: BundlePath,
    /// Its size in bytes.
    pub size: u64,
    /// When its contents changed last.
    pub mtime: Timestamp,
    /// When its inode changed last.
    pub ctime: Timestamp,
    seen: Seen,
}

/// What tells a file from another one at the same path, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl LocalFile {
    fn new(path: PathBuf, place: BundlePath, metadata: &Metadata) -> Self {
        let moment = |seconds: i64, nanos: i64| Timestamp::from_micros(seconds * 1_000_000 + nanos / 1_000);
        Self {
            path,
            place,
            size: metadata.len(),
            mtime: moment(metadata.mtime(), metadata.mtime_nsec()),
            ctime: moment(metadata.ctime(), metadata.ctime_nsec()),
            seen: Seen::of(metadata),
        }
    }

    /// Whether this is still the file that was found, unchanged.
    pub fn is_still(&self, metadata: &Metadata) -> bool {
        Seen::of(metadata) == self.seen
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The files, those of one folder in the order of their names.
    pub files: Vec<LocalFile>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

/// Why files cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It is not there, or may not be read.
    #[error("{path} cannot be read: {error}", path = path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why it cannot be.
        error: io::Error,
    },
    /// Its name cannot be written in a metadata document.
    #[error("the name {0:?} is not UTF-8; rename it: metadata is JSON, which has no other names")]
    NotText(PathBuf),
    /// Its name is no path in a bundle.
    #[error("{path} cannot be sent: {error}", path = path.display())]
    NoPlace {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PathError,
    },
    /// Two files would be one.
    #[error(
        "{one} and {other} would both be data/{place}; name the folder that holds both",
        one = one.display(),
        other = other.display()
    )]
    Twice {
        /// The one.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// The place they share.
        place: BundlePath,
    },
}

/// Finds the files at these paths. A file goes to the top of the bundle, a folder with all in it to a folder of its own
/// name, as `cp -r` would copy them; `.` and others without a name of their own put their contents at the top.
///
/// Links that are named are followed, since whoever names one means what it leads to; links inside of folders are not.
pub fn walk(paths: &[PathBuf]) -> Result<Found, WalkError> {
    let mut found = Found::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        let name = path.file_name().map(|name| name.to_str().ok_or_else(|| WalkError::NotText(path.clone())));
        let name = name.transpose()?.unwrap_or_default();
        take(path, name, &metadata, &mut found)?;
    }
    let mut places = HashMap::with_capacity(found.files.len());
    for file in &found.files {
        if let Some(other) = places.insert(&file.place, &file.path) {
            let (one, other) = (other.clone(), file.path.clone());
            return Err(WalkError::Twice { one, other, place: file.place.clone() });
        }
    }
    Ok(found)
}

fn take(path: &Path, place: &str, metadata: &Metadata, found: &mut Found) -> Result<(), WalkError> {
    if metadata.is_file() {
        let place = BundlePath::of_row("data", place);
        let place = place.map_err(|error| WalkError::NoPlace { path: path.to_owned(), error })?;
        found.files.push(LocalFile::new(path.to_owned(), place, metadata));
        return Ok(());
    }
    let mut leave_out = |why: &str| found.left_out.push(format!("{} is left out: {why}", path.display()));
    if metadata.is_symlink() {
        leave_out("it is a link; name what it leads to, if that is to be sent");
        return Ok(());
    }
    if !metadata.is_dir() {
        leave_out("it is no file but a device, a pipe or a socket");
        return Ok(());
    }
    let listed = fs::read_dir(path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = listed.map_err(|error| unreadable(path, error))?;
    if entries.is_empty() {
        leave_out("it is an empty folder, and a bundle has files only");
    }
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else { return Err(WalkError::NotText(path)) };
        let metadata = entry.metadata().map_err(|error| unreadable(&path, error))?;
        let place = if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") };
        take(&path, &place, &metadata, found)?;
    }
    Ok(())
}

fn unreadable(path: &Path, error: io::Error) -> WalkError {
    WalkError::Unreadable { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(found: &Found) -> Vec<&str> {
        found.files.iter().map(|file| file.place.as_str()).collect()
    }

    #[test]
    fn a_folder_keeps_its_own_name_and_a_file_goes_to_the_top() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("far/run7");
        fs::create_dir_all(run.join("b")).unwrap();
        for name in ["b/2.dat", "a.dat", "b/10.dat"] {
            fs::write(run.join(name), name).unwrap();
        }
        let found = walk(&[run.join(""), run.join("a.dat")]).unwrap();
        assert_eq!(places(&found), ["run7/a.dat", "run7/b/10.dat", "run7/b/2.dat", "a.dat"]);
        assert_eq!(places(&walk(&[run.join("b/..")]).unwrap()), ["a.dat", "b/10.dat", "b/2.dat"]);
        let twice = walk(&[run.join("b"), folder.path().join("far/run7/b/")]).unwrap_err();
        assert!(twice.to_string().contains("would both be data/b/10.dat"), "{twice}");
    }

    #[test]
    fn what_is_no_file_is_left_out_and_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        fs::create_dir_all(run.join("empty")).unwrap();
        fs::write(run.join("x"), "x").unwrap();
        std::os::unix::fs::symlink("x", run.join("link")).unwrap();
        let found = walk(std::slice::from_ref(&run)).unwrap();
        assert_eq!(places(&found), ["run/x"]);
        assert_eq!(found.left_out.len(), 2, "{:?}", found.left_out);
        // Whoever names a link means what it leads to.
        assert_eq!(places(&walk(&[run.join("link")]).unwrap()), ["link"]);
    }

    #[test]
    fn a_name_that_is_no_text_is_refused_by_name() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.dat")), "x").unwrap();
        assert!(matches!(walk(&[folder.path().to_owned()]), Err(WalkError::NotText(_))));
    }
}
