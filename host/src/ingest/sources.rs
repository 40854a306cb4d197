//! Where the files of a move may come from: the core's own law, whatever a mover says.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};

use crate::model::Quoted;
use crate::seams::archive::{Incoming, Origin};

/// The folders that move sources may lie in.
#[derive(Debug)]
pub struct Sources {
    roots: Vec<Origin>,
    /// The gate's own folders and files, as they really are.
    own: Vec<PathBuf>,
}

/// Why a source is none.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Outside the roots, or not a plain absolute path.
    #[error("{} is not allowed: {reason}", Quoted(.path))]
    NotAllowed {
        /// The source as the row has it.
        path: String,
        /// Why.
        reason: String,
    },
    /// Not there.
    #[error("{} is not there", Quoted(.0))]
    Missing(String),
    /// There, and of no use.
    #[error("{} cannot be read: {error}", Quoted(.path))]
    Unreadable {
        /// The source as the row has it.
        path: String,
        /// Why.
        error: io::Error,
    },
}

impl Sources {
    /// The sources below these folders, but for those that are the gate's `own`. Links in the folders' own paths are
    /// followed now, once.
    pub fn open(roots: &[PathBuf], own: &[PathBuf]) -> io::Result<Self> {
        let open = |root: &PathBuf| {
            let resolved = root.canonicalize()?;
            Ok((Origin::open(&resolved)?, root.clone()))
        };
        let mut origins = Vec::new();
        for root in roots {
            let (origin, spelled) = open(root).map_err(|error: io::Error| {
                io::Error::new(error.kind(), format!("the move root {} cannot be opened: {error}", root.display()))
            })?;
            // Sources may be spelled as the root was configured, or as it really is.
            if origin.path() != spelled {
                origins.push(Origin::open(&spelled)?);
            }
            origins.push(origin);
        }
        let own = own.iter().filter_map(|path| path.canonicalize().ok()).collect();
        Ok(Self { roots: origins, own })
    }

    /// Opens a source.
    pub fn find(&self, source: &str) -> Result<(Incoming, File), SourceError> {
        let (origin, below) = self.origin(source)?;
        let (incoming, file) = origin.find(below, false).map_err(|error| failed(source, error))?;
        // A root may hold the gate's own folders, and a folder on the way may be a link into them.
        let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let real = real.map_err(|error| SourceError::Unreadable { path: source.to_owned(), error })?;
        if self.own.iter().any(|own| real.starts_with(own)) {
            let reason = "it is one of the gate's own files".to_owned();
            return Err(SourceError::NotAllowed { path: source.to_owned(), reason });
        }
        Ok((incoming, file))
    }

    /// The place of a source whose file has been taken in already.
    pub fn place(&self, source: &str) -> Result<Incoming, SourceError> {
        let (origin, below) = self.origin(source)?;
        origin.place(below).map_err(|error| failed(source, error))
    }

    fn origin<'a>(&self, source: &'a str) -> Result<(&Origin, &'a Path), SourceError> {
        let refuse = |reason: String| SourceError::NotAllowed { path: source.to_owned(), reason };
        let path = Path::new(source);
        if !path.is_absolute() {
            return Err(refuse("it is not an absolute path".to_owned()));
        }
        if path.components().any(|part| part == Component::ParentDir) || source.contains('\0') {
            return Err(refuse("it has a part \"..\" or a NUL character".to_owned()));
        }
        let below = self.roots.iter().filter_map(|root| Some((root, path.strip_prefix(root.path()).ok()?)));
        // The root that is nearest to the file.
        below.min_by_key(|(_, below)| below.components().count()).ok_or_else(|| {
            refuse("it does not lie below a folder that files may be moved from; ask the site's admin".to_owned())
        })
    }
}

fn failed(source: &str, error: io::Error) -> SourceError {
    let path = source.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SourceError::Missing(path),
        // The two answers of a path that leads through a link out of the root, or ends in one.
        io::ErrorKind::PermissionDenied => SourceError::NotAllowed { path, reason: error.to_string() },
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            SourceError::NotAllowed { path, reason: "it is a link; name the file itself".to_owned() }
        }
        _ => SourceError::Unreadable { path, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gates_own_files_are_no_sources_whatever_the_roots_are() {
        let root = tempfile::tempdir().unwrap();
        let archive = root.path().join("archive");
        std::fs::create_dir(&archive).unwrap();
        std::fs::write(archive.join("x"), "archived").unwrap();
        std::fs::write(root.path().join("x"), "free").unwrap();
        std::os::unix::fs::symlink("archive", root.path().join("link")).unwrap();
        let sources = Sources::open(&[root.path().to_owned()], &[archive]).unwrap();
        let find = |path: &str| sources.find(&format!("{}/{path}", root.path().display()));
        assert!(find("x").is_ok());
        for path in ["archive/x", "link/x"] {
            let error = find(path).unwrap_err();
            assert!(error.to_string().contains("the gate's own"), "{path}: {error}");
        }
    }
}
