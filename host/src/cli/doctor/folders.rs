//! Folders: whether they are there, can be used, have room, and lie on one file system.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::print;
use super::Check;
use crate::config::Settings;

/// With less room than this, hardly any bundle fits.
const HARDLY_ANY: u64 = 64 << 20;
/// With less room than this, somebody should look.
const LITTLE: u64 = 2 << 30;

pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    let spool = &settings.spool.folder;
    let archive = settings.archive.folder();
    let mut checks =
        vec![writable("data", &settings.data), writable("spool", spool), writable("cache", &settings.sandbox.cache)];
    if let Some(archive) = archive {
        checks.extend([writable("archive", archive), one_file_system("spool", spool, archive)]);
    }
    let mut measured = Vec::new();
    let folders = [("data", Some(settings.data.as_path())), ("spool", Some(spool.as_path())), ("archive", archive)];
    for (name, folder) in folders.into_iter().filter_map(|(name, folder)| Some((name, folder?))) {
        let device = device(folder);
        // Folders on one file system share their room.
        if device.is_none_or(|device| !measured.contains(&device)) {
            measured.extend(device);
            checks.push(room(name, folder));
        }
    }
    for root in &settings.move_roots {
        checks.push(readable(root, root.starts_with(&settings.data)));
        if let Some(archive) = archive.filter(|_| root.exists()) {
            checks.push(one_file_system("move root", root, archive));
        }
    }
    checks
}

/// Whether files can be made in a folder, or the folder itself where it is not there yet.
fn writable(name: &'static str, folder: &Path) -> Check {
    let remedy = || format!("give the user of sluice the right to write in {}", folder.display());
    match there(folder) {
        Ok(there) if there == folder => match try_write(folder) {
            Ok(()) => Check::ok(name, format!("{} can be written to", folder.display())),
            Err(error) => Check::fault(name, format!("{} cannot be written to: {error}", folder.display()), remedy()),
        },
        Ok(above) => match try_write(&above) {
            Ok(()) => Check::ok(name, format!("{} is not there yet, and will be made", folder.display())),
            Err(error) => Check::fault(
                name,
                format!("{} is not there, and {} cannot be written to: {error}", folder.display(), above.display()),
                "make the folder, and give it to the user of sluice",
            ),
        },
        Err(error) => Check::fault(name, format!("{} cannot be looked at: {error}", folder.display()), remedy()),
    }
}

/// The folder, or the nearest one above it that is there.
fn there(folder: &Path) -> io::Result<PathBuf> {
    for folder in folder.ancestors() {
        match folder.metadata() {
            Ok(metadata) if metadata.is_dir() => return Ok(folder.to_owned()),
            Ok(_) => {
                return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is a file", folder.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Permissions alone do not tell: the file system may be read-only or full, the user may be root.
fn try_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".sluice-doctor-{}", std::process::id()));
    let written = File::create_new(&path).and_then(|mut file| io::Write::write_all(&mut file, b"can be written\n"));
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

fn device(folder: &Path) -> Option<u64> {
    Some(there(folder).ok()?.metadata().ok()?.dev())
}

fn room(name: &'static str, folder: &Path) -> Check {
    let measured = there(folder).and_then(|there| Ok(rustix::fs::statvfs(&there)?));
    let room = match measured {
        Ok(room) => room,
        Err(error) => {
            let found = format!("the room of {} cannot be measured: {error}", folder.display());
            return Check::warning(name, found, "look at it with `df`");
        }
    };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let all = room.f_blocks.saturating_mul(room.f_frsize);
    let found = format!("{} of {} are free at {}", print::bytes(free), print::bytes(all), folder.display());
    let remedy = "make room, or move the folder to a larger file system";
    if free < HARDLY_ANY {
        Check::fault(name, found, remedy)
    } else if free < LITTLE {
        Check::warning(name, found, remedy)
    } else {
        Check::ok(name, found)
    }
}

/// Whether files can be renamed into the archive, or have to be copied.
fn one_file_system(name: &'static str, folder: &Path, archive: &Path) -> Check {
    match (device(folder), device(archive)) {
        (Some(here), Some(there)) if here == there => {
            Check::ok(name, format!("{} is on the archive's file system: files are renamed in", folder.display()))
        }
        (Some(_), Some(_)) => Check::warning(
            name,
            format!("{} is on another file system than the archive: every file is copied once more", folder.display()),
            "put both on one file system, where that is possible",
        ),
        _ => Check::warning(
            name,
            format!("{} or {} cannot be looked at", folder.display(), archive.display()),
            "see what is said of these folders",
        ),
    }
}

/// Whether moves can take files from a folder. They are renamed away, so it has to be writable too.
fn readable(root: &Path, made_by_us: bool) -> Check {
    const NAME: &str = "move root";
    if let Err(error) = std::fs::read_dir(root) {
        return match error.kind() {
            io::ErrorKind::NotFound if made_by_us => {
                Check::ok(NAME, format!("{} is not there yet, and will be made", root.display()))
            }
            io::ErrorKind::NotFound => {
                Check::fault(NAME, format!("{} is not there", root.display()), "make or mount it, or name another")
            }
            _ => Check::fault(
                NAME,
                format!("{} cannot be read: {error}", root.display()),
                "give the user of sluice the right to read it",
            ),
        };
    }
    match try_write(root) {
        Ok(()) => Check::ok(NAME, format!("files can be moved out of {}", root.display())),
        Err(error) => Check::fault(
            NAME,
            format!("{} cannot be written to, so nothing can be moved out of it: {error}", root.display()),
            "give the user of sluice the right to write in it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_the_one_above_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        assert_eq!(writable("data", &data).verdict, Verdict::Ok);
        assert!(!data.exists());
        std::fs::write(folder.path().join("a"), b"").unwrap();
        assert_eq!(writable("data", &data).verdict, Verdict::Fault);
    }

    #[test]
    fn looking_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(writable("data", folder.path()).verdict, Verdict::Ok);
        assert_eq!(readable(folder.path(), false).verdict, Verdict::Ok);
        assert_eq!(one_file_system("spool", &folder.path().join("x"), folder.path()).verdict, Verdict::Ok);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_move_root_of_the_site_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("incoming");
        assert_eq!(readable(&root, true).verdict, Verdict::Ok);
        assert_eq!(readable(&root, false).verdict, Verdict::Fault);
    }
}
