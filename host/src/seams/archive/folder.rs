//! An archive that is a folder of this machine, or of a volume that all machines share.
//!
//! A file is renamed in, so that it is there whole or not at all and no byte is copied. From another file system it is
//! copied aside first, synced, and then renamed. A rename refuses to overwrite (`RENAME_NOREPLACE`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;
use tokio::io::AsyncReadExt as _;

use super::incoming::{Incoming, open_itself};
use super::{Archive, Contents, Location, Put, SeamError, Taken, missing};
use crate::disk::Disk;
use crate::failpoint::{self, Point};
use crate::model::JobId;

/// Where files from other file systems are written before they are renamed into their places.
pub(crate) const ASIDE: &str = ".incoming";

/// The folder.
#[derive(Clone, Debug)]
pub struct FolderArchive {
    root: Arc<Dir>,
    path: PathBuf,
    /// Held, so that what is known of its flushes outlasts each job. Other volumes may be mounted below.
    disk: Disk,
}

impl FolderArchive {
    /// The archive in this folder, which is made where it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        root.create_dir_all(ASIDE)?;
        let disk = Disk::of(File::open(path)?)?;
        Ok(Self { root: Arc::new(root), path: path.to_owned(), disk })
    }

    /// Runs blocking work; its error tells which file it was about.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, SeamError> + Send + 'static,
    ) -> Result<T, SeamError> {
        let archive = self.clone();
        tokio::task::spawn_blocking(move || work(&archive))
            .await
            .map_err(|error| SeamError::Unavailable(format!("the archive's work was cut off: {error}")))?
    }

    fn put_all(&self, files: &[Put]) -> Result<(), SeamError> {
        let (mut folders, mut fresh) = (BTreeSet::new(), Vec::new());
        let mut copied = Vec::new();
        for file in files {
            let folder = self.folder(&file.location).map_err(|error| self.failed(&file.location, &error))?;
            copied.extend(self.put_one(&folder, file).map_err(|error| self.failed_put(file, &error))?);
            folders.extend(ancestors(&file.location));
            // Nobody has said yet that what it holds is on the disk.
            fresh.extend((!file.incoming.synced).then(|| file.location.as_str()));
        }
        let synced = failpoint::reach(Point::ArchiveSync).and_then(|()| self.sync(&folders, &fresh));
        synced.map_err(|error| SeamError::Unavailable(format!("the archive cannot be synced: {error}")))?;
        failpoint::pass(Point::ArchiveSynced);
        // Only now are the copies safe, and their originals may go.
        for source in copied {
            failpoint::pass(Point::ArchiveCopied);
            source.remove().map_err(|error| {
                let path = source.path.display();
                SeamError::Unavailable(format!("{path} was copied but cannot be removed: {error}"))
            })?;
        }
        Ok(())
    }

    /// Syncs these folders, and these files in them, on all volumes that they are on.
    fn sync(&self, folders: &BTreeSet<String>, files: &[&str]) -> io::Result<()> {
        let mut disks = vec![self.disk.clone()];
        for folder in folders {
            let disk = Disk::of(self.root.open(folder)?.into_std())?;
            if !disks.contains(&disk) {
                disks.push(disk);
            }
        }
        let all = || files.iter().copied().chain(folders.iter().map(String::as_str));
        for disk in disks {
            disk.sync(folders.len() + files.len(), || all().try_for_each(|path| self.root.open(path)?.sync_all()))?;
        }
        Ok(())
    }

    /// Puts one file in its place. The answer is the original that is still to be removed, where it had to be copied.
    fn put_one<'a>(&self, folder: &Dir, file: &'a Put) -> io::Result<Option<&'a Incoming>> {
        let (_, name) = file.location.split();
        let incoming = &*file.incoming;
        // A file that is gone from where it was has been taken in already, by a run that was cut off.
        let taken_in = || match folder.symlink_metadata(name) {
            Ok(there) if there.is_file() && there.len() == file.size => Ok(None),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        if incoming.identity.is_none() {
            return taken_in();
        }
        failpoint::reach(Point::ArchivePut)?;
        match rustix::fs::renameat_with(&incoming.folder, &incoming.name, folder, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                failpoint::reach(Point::ArchivePlaced)?;
                let moved = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                if incoming.identity != Some((moved.st_dev, moved.st_ino)) {
                    // Another file was swapped in between the check and the rename.
                    return Err(self.put_out(folder, name, file, moved.st_ino));
                }
                Ok(None)
            }
            Err(Errno::NOENT) => taken_in(),
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS) => {
                self.copy(folder, name, incoming, file.job).map(|()| Some(incoming))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts out of the archive what was swapped in for a file that was checked: to where it was, beside that where
    /// somebody has taken its place again, or aside where there is no such folder any more. It is somebody's, and not lost.
    fn put_out(&self, folder: &Dir, name: &str, file: &Put, inode: u64) -> io::Error {
        const WHAT: &str = "it was exchanged for another file while it was being moved";
        let incoming = &*file.incoming;
        let beside = format!(".sluice-exchanged-{}-{inode}", file.job);
        let aside = self.root.open_dir(ASIDE);
        let places = [Some((&incoming.folder, &incoming.name)), Some((&incoming.folder, &beside))]
            .into_iter()
            .chain([aside.as_ref().ok().map(|aside| (aside, &beside))]);
        let mut left = io::Error::from(io::ErrorKind::NotFound);
        for (place, (to, to_name)) in places.flatten().enumerate() {
            match rustix::fs::renameat_with(folder, name, to, to_name, RenameFlags::NOREPLACE) {
                Ok(()) if place == 0 => return io::Error::other(WHAT),
                Ok(()) if place == 1 => return io::Error::other(format!("{WHAT}, which is called {beside} now")),
                Ok(()) => return io::Error::other(format!("{WHAT}, which is {ASIDE}/{beside} in the archive now")),
                Err(error) => left = error.into(),
            }
        }
        io::Error::other(format!("{WHAT}, which is left in the archive: {left}"))
    }

    /// Copies a file in from another file system, or on one that knows no rename without overwriting.
    fn copy(&self, folder: &Dir, name: &str, incoming: &Incoming, job: JobId) -> io::Result<()> {
        let mut source = incoming.reopen()?;
        let metadata = source.metadata()?;
        let aside = self.root.open_dir(ASIDE)?;
        let temporary = format!("{}{:016x}", aside_of(job), rand::random::<u64>());
        let copied = (|| {
            let mut options = OpenOptions::new();
            let mut copy = aside.open_with(&temporary, options.write(true).create_new(true))?.into_std();
            io::copy(&mut source, &mut copy)?;
            copy.set_modified(metadata.modified()?)?;
            failpoint::reach(Point::ArchiveCopying)?;
            copy.sync_all()?;
            // What lies there already is the same file where a run was cut off before it could remove the original.
            link_in(&aside, &temporary, folder, name)?;
            failpoint::pass(Point::ArchiveLinked);
            Ok(())
        })();
        remove_if_there(&aside, &temporary)?;
        copied
    }

    /// Removes the copies that earlier runs of a job were making when they were cut off.
    fn give_up_all(&self, job: JobId) -> io::Result<()> {
        let aside = self.root.open_dir(ASIDE)?;
        let mine = aside_of(job);
        for entry in aside.entries()? {
            let name = entry?.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(&mine)) {
                remove_if_there(&aside, name)?;
            }
        }
        Ok(())
    }

    fn take_back_all(&self, files: &[Put]) -> Result<(), SeamError> {
        if let Some(file) = files.first() {
            self.give_up_all(file.job).map_err(|error| self.failed(&file.location, &error))?;
        }
        for file in files {
            let (below, name) = file.location.split();
            let folder = match below {
                None => self.root.try_clone(),
                Some(below) => self.root.open_dir(below),
            };
            let back = folder.and_then(|folder| {
                let target = &file.incoming;
                match rustix::fs::renameat_with(&folder, name, &target.folder, &target.name, RenameFlags::NOREPLACE) {
                    Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS) => {
                        give_back(&folder, name, target, file.job)?;
                        failpoint::reach(Point::ArchiveGivenBack)?;
                        folder.remove_file(name)
                    }
                    other => Ok(other?),
                }
            });
            match back {
                Ok(()) => {
                    failpoint::pass(Point::ArchiveReturned);
                    self.prune(&file.location);
                }
                // Never put, or given back already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed(&file.location, &error)),
            }
        }
        Ok(())
    }

    /// Removes folders that have become empty, from the lowest up. One that is in use stays, and so do those above it.
    fn prune(&self, location: &Location) {
        for folder in ancestors(location).filter(|folder| folder != ".") {
            if self.root.remove_dir(folder).is_err() {
                return;
            }
        }
    }

    /// The folder of a place, made where it is not there.
    fn folder(&self, location: &Location) -> io::Result<Dir> {
        match location.split() {
            (None, _) => self.root.try_clone(),
            (Some(folder), _) => match self.root.open_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.root.create_dir_all(folder)?;
                    self.root.open_dir(folder)
                }
                other => other,
            },
        }
    }

    fn failed_put(&self, file: &Put, error: &io::Error) -> SeamError {
        let (source, location) = (file.incoming.path.display(), &file.location);
        match error.kind() {
            io::ErrorKind::AlreadyExists => SeamError::Refused(format!(
                "the archive already has a file at {location}, and nothing in it is ever overwritten"
            )),
            io::ErrorKind::NotFound => SeamError::Refused(format!("{source} is not there any more")),
            io::ErrorKind::Other | io::ErrorKind::PermissionDenied => {
                SeamError::Refused(format!("{source} cannot be moved to {location}: {error}"))
            }
            _ => self.failed(location, error),
        }
    }

    fn failed(&self, location: &Location, error: &io::Error) -> SeamError {
        let text = format!("the archive cannot take {location} in {}: {error}", self.path.display());
        match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename | io::ErrorKind::PermissionDenied => {
                SeamError::Refused(text)
            }
            _ => SeamError::Unavailable(text),
        }
    }
}

/// What the names begin with of copies that a job makes aside.
fn aside_of(job: JobId) -> String {
    format!("{job}-")
}

/// Gives a file its name in another folder, if that is free or the same file's already. A link refuses to overwrite on
/// every file system that has links.
fn link_in(aside: &Dir, temporary: &str, folder: &Dir, name: &str) -> io::Result<()> {
    match aside.hard_link(temporary, folder, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut there = open_itself(folder, name)?;
            if same_contents(&mut aside.open(temporary)?.into_std(), &mut there)? { Ok(()) } else { Err(error) }
        }
        other => other,
    }
}

/// Copies a file back to another file system, where it came from: whole or not at all, and a run that was cut off in it
/// is gone on with.
fn give_back(folder: &Dir, name: &str, target: &Incoming, job: JobId) -> io::Result<()> {
    let mut source = folder.open(name)?.into_std();
    let metadata = source.metadata()?;
    // The same name each time, so that what a run leaves that was cut off is found. It is removed and made anew: in a
    // folder that is others' as well, what has the name might be another name of any file.
    let temporary = format!(".sluice-{job}-{}", metadata.ino());
    remove_if_there(&target.folder, &temporary)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let given = (|| {
        let mut copy = target.folder.open_with(&temporary, &options)?.into_std();
        io::copy(&mut source, &mut copy)?;
        copy.set_modified(metadata.modified()?)?;
        copy.sync_all()?;
        link_in(&target.folder, &temporary, &target.folder, &target.name)
    })();
    remove_if_there(&target.folder, &temporary)?;
    given
}

fn remove_if_there(folder: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
    match folder.remove_file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether two files have the same bytes.
fn same_contents(one: &mut File, other: &mut File) -> io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let count = left.len().min(right.len());
        if count == 0 {
            return Ok(left.len() == right.len());
        }
        if left[..count] != right[..count] {
            return Ok(false);
        }
        one.consume(count);
        other.consume(count);
    }
}

/// The folders above a place, from the lowest up to the archive itself.
fn ancestors(location: &Location) -> impl Iterator<Item = String> {
    let path = location.as_str();
    let ends: Vec<usize> = path.match_indices('/').map(|(end, _)| end).collect();
    let folders: Vec<String> = ends.into_iter().rev().map(|end| path[..end].to_owned()).collect();
    folders.into_iter().chain(std::iter::once(".".to_owned()))
}

#[async_trait]
impl Archive for FolderArchive {
    async fn put(&self, files: Vec<Put>, taken: &Taken) -> Result<(), SeamError> {
        let bytes = files.iter().map(|file| file.size).sum();
        self.blocking(move |archive| archive.put_all(&files)).await?;
        taken.add(bytes);
        Ok(())
    }

    async fn give_up(&self, job: JobId) -> Result<(), SeamError> {
        self.blocking(move |archive| {
            let given_up = archive.give_up_all(job);
            given_up.map_err(|error| SeamError::Unavailable(format!("the archive cannot be tidied up: {error}")))
        })
        .await
    }

    async fn take_back(&self, files: Vec<Put>) -> Result<(), SeamError> {
        self.blocking(move |archive| archive.take_back_all(&files)).await
    }

    async fn size(&self, location: &Location) -> Result<Option<u64>, SeamError> {
        let location = location.clone();
        self.blocking(move |archive| match archive.root.symlink_metadata(location.as_str()) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(archive.failed(&location, &error)),
        })
        .await
    }

    async fn open(&self, location: &Location, _size: u64, range: Range<u64>) -> Result<Contents, SeamError> {
        let (location, start) = (location.clone(), range.start);
        let file: File = self
            .blocking(move |archive| {
                let open = || {
                    let mut file = archive.root.open(location.as_str())?.into_std();
                    file.seek(SeekFrom::Start(start))?;
                    Ok(file)
                };
                open().map_err(|error: io::Error| match error.kind() {
                    io::ErrorKind::NotFound => missing(&location),
                    _ => archive.failed(&location, &error),
                })
            })
            .await?;
        Ok(Box::new(tokio::fs::File::from_std(file).take(range.end - range.start)))
    }

    fn local(&self, location: &Location) -> Option<File> {
        let file = open_itself(&self.root, location.as_str()).ok()?;
        file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;

    struct Site {
        _folder: tempfile::TempDir,
        archive: FolderArchive,
        source: PathBuf,
        target: PathBuf,
    }

    fn site() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("source"), folder.path().join("archive"));
        std::fs::create_dir(&source).unwrap();
        let archive = FolderArchive::open(&target).unwrap();
        Site { archive, source, target, _folder: folder }
    }

    impl Site {
        fn file(&self, name: &str, contents: &str, location: &str) -> Put {
            std::fs::write(self.source.join(name), contents).unwrap();
            let (incoming, _) = Origin::open(&self.source).unwrap().find(Path::new(name), false).unwrap();
            let location = Location::new(location).unwrap();
            let size = contents.len() as u64;
            Put { incoming: Arc::new(incoming), location, size, job: JobId::new(1), moved: false }
        }

        async fn put(&self, files: Vec<Put>) -> Result<(), SeamError> {
            self.archive.put(files, &Taken::default()).await
        }
    }

    #[tokio::test]
    async fn a_file_is_put_in_its_place_and_given_back() {
        let site = site();
        let put = site.file("x", "abc", "a/b/x");
        site.put(vec![put.clone()]).await.unwrap();
        assert_eq!(std::fs::read_to_string(site.target.join("a/b/x")).unwrap(), "abc");
        assert!(!site.source.join("x").exists());
        // Cut off and done again, it finds its work done.
        site.put(vec![put.clone()]).await.unwrap();

        site.archive.take_back(vec![put.clone()]).await.unwrap();
        assert_eq!(std::fs::read_to_string(site.source.join("x")).unwrap(), "abc");
        assert!(!site.target.join("a").exists(), "folders that have become empty are removed");
        site.archive.take_back(vec![put]).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_ever_overwritten() {
        let site = site();
        site.put(vec![site.file("x", "first", "x")]).await.unwrap();
        let error = site.put(vec![site.file("y", "second", "x")]).await.unwrap_err();
        assert!(matches!(&error, SeamError::Refused(why) if why.contains("already has a file at x")), "{error}");
        assert_eq!(std::fs::read_to_string(site.target.join("x")).unwrap(), "first");
        assert_eq!(std::fs::read_to_string(site.source.join("y")).unwrap(), "second");
    }

    #[tokio::test]
    async fn a_file_that_is_swapped_after_the_check_is_not_taken() {
        let site = site();
        let put = site.file("x", "checked", "x");
        std::fs::write(site.source.join("other"), "swapped").unwrap();
        std::fs::rename(site.source.join("other"), site.source.join("x")).unwrap();
        let error = site.put(vec![put]).await.unwrap_err();
        assert!(matches!(&error, SeamError::Refused(why) if why.contains("exchanged")), "{error}");
        assert!(!site.target.join("x").exists());
        assert_eq!(std::fs::read_to_string(site.source.join("x")).unwrap(), "swapped");
    }

    #[test]
    fn a_copy_cut_off_before_its_original_was_removed_is_recognised() {
        let site = site();
        let put = site.file("x", "abc", "x");
        let folder = site.archive.folder(&put.location).unwrap();
        site.archive.copy(&folder, "x", &put.incoming, put.job).unwrap();
        site.archive.copy(&folder, "x", &put.incoming, put.job).unwrap();
        std::fs::write(site.target.join("x"), "xyz").unwrap();
        let error = site.archive.copy(&folder, "x", &put.incoming, put.job).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_dir(site.target.join(ASIDE)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_a_run_was_copying_when_it_was_cut_off_is_given_up_with_its_job() {
        let site = site();
        let aside = site.target.join(ASIDE);
        for name in ["1-00ab", "1-00cd", "11-00ab"] {
            std::fs::write(aside.join(name), "half").unwrap();
        }
        site.archive.give_up(JobId::new(1)).await.unwrap();
        let left: Vec<_> = std::fs::read_dir(aside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["11-00ab"]);
    }

    #[test]
    fn giving_a_copy_back_goes_on_where_it_was_cut_off_and_overwrites_nothing() {
        let site = site();
        let put = site.file("x", "abc", "x");
        std::fs::write(site.target.join("x"), "abc").unwrap();
        let folder = site.archive.folder(&put.location).unwrap();
        // Cut off between the copy and the removal, it finds the file where it belongs.
        give_back(&folder, "x", &put.incoming, put.job).unwrap();
        std::fs::remove_file(site.source.join("x")).unwrap();
        give_back(&folder, "x", &put.incoming, put.job).unwrap();
        assert_eq!(std::fs::read_to_string(site.source.join("x")).unwrap(), "abc");
        std::fs::write(site.source.join("x"), "xyz").unwrap();
        let error = give_back(&folder, "x", &put.incoming, put.job).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_dir(&site.source).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn no_link_leads_out_of_an_origin() {
        let site = site();
        let outside = site.target.join("secret");
        std::fs::write(&outside, "secret").unwrap();
        std::os::unix::fs::symlink(&outside, site.source.join("link")).unwrap();
        std::os::unix::fs::symlink(&site.target, site.source.join("folder")).unwrap();
        let origin = Origin::open(&site.source).unwrap();
        for path in ["link", "folder/secret", "../archive/secret"] {
            assert!(origin.find(Path::new(path), false).is_err(), "{path}");
        }
    }
}
