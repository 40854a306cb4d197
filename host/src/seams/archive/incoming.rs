//! A file on its way into the archive, and how it is got hold of without being led astray.
//!
//! The source of a move is a path that an uploader chose. It is opened below one of the configured roots by
//! `cap-std`, which follows no link out of the root, and from then on it is known by the handle of its folder and by
//! its inode: a link that is swapped in later leads nowhere. As long as it is held open, no other file can have that
//! inode's number: file systems give the numbers of files that are gone to new ones.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// Where files may come from.
#[derive(Debug)]
pub struct Origin {
    dir: Dir,
    path: PathBuf,
}

/// A file that was found and opened.
#[derive(Debug)]
pub struct Incoming {
    /// The folder it lies in.
    pub(super) folder: Dir,
    /// Its name there.
    pub(super) name: String,
    /// Which file it is: device and inode. None for one that is gone, because it was taken in already.
    pub(super) identity: Option<(u64, u64)>,
    /// The open file, so that its identity stays its own.
    pub(super) held: Option<File>,
    /// The path, for messages.
    pub(super) path: PathBuf,
    /// Whether its contents are on disk for sure.
    pub(super) synced: bool,
}

impl Origin {
    /// The folder at this path, which the program itself was told of.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { dir: Dir::open_ambient_dir(path, ambient_authority())?, path: path.to_owned() })
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file below the folder, by its path from there. No link is followed out of the folder, and none
    /// at all in the last place: a link would be moved in the file's stead.
    pub fn find(&self, below: &Path, synced: bool) -> io::Result<(Incoming, File)> {
        let (folder, name) = self.folder_of(below)?;
        let file = open_itself(&folder, &name)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let identity = Some((metadata.dev(), metadata.ino()));
        Ok((Incoming { folder, name, identity, held: None, path: self.path.join(below), synced }, file))
    }

    /// The place of a file that is not there any more, to give it back to or to see that it has been taken.
    pub fn place(&self, below: &Path) -> io::Result<Incoming> {
        let (folder, name) = self.folder_of(below)?;
        Ok(Incoming { folder, name, identity: None, held: None, path: self.path.join(below), synced: true })
    }

    fn folder_of(&self, below: &Path) -> io::Result<(Dir, String)> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let name = below.file_name().and_then(|name| name.to_str()).ok_or_else(|| invalid("it names no file"))?;
        let folder = match below.parent() {
            Some(parent) if parent != Path::new("") => self.dir.open_dir(parent)?,
            _ => self.dir.try_clone()?,
        };
        Ok((folder, name.to_owned()))
    }
}

/// Opens what lies in a folder for reading, and waits for nobody: a link is not followed, and opening a named pipe without
/// NONBLOCK would wait for its other end.
pub(super) fn open_itself(folder: &Dir, name: impl AsRef<Path>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    Ok(folder.open_with(name, &options)?.into_std())
}

impl Incoming {
    /// Holds the file open that was found here, from its check on until it is taken in.
    pub fn hold(&mut self, file: File) {
        self.held = Some(file);
    }

    /// The path it was found at, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The sources that one move has claimed for itself. Two moves of one file from another file system would both copy it before
/// either removes it, and both end well.
#[derive(Default)]
pub struct Claims(HashSet<(u64, u64)>);

impl Claims {
    /// Claims a source for as long as its open file is held: none of the others, on whatever node, has it then. False where
    /// one of them does. A file that is not at its source any more is nobody else's, and needs no claim. Where a file system
    /// has no locks, or none for who may only read, there is no claim either.
    pub fn claim(&mut self, incoming: &Incoming, file: Option<&File>) -> bool {
        let (Some(identity), Some(file)) = (incoming.identity, file) else { return true };
        // A second name of a file that is claimed already: its lock would be in its own way.
        if !self.0.insert(identity) {
            return true;
        }
        flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
    }
}
