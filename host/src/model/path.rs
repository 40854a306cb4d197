//! Paths of files inside a bundle.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Quoted;

/// A file's path below `data/`: parts joined by `/`, none of them empty, `.` or `..`, and at most 4,096 bytes in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BundlePath(String);

/// Why a text is no path of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is left of it.
    #[error("the path is empty")]
    Empty,
    /// It climbs out of the bundle.
    #[error("the path {} has a part \"..\"", Quoted(.0))]
    Climbs(String),
    /// It holds a character that no file system takes.
    #[error("the path {} has a NUL character", Quoted(.0))]
    Nul(String),
    /// It has more bytes than any path can have.
    #[error("the path {} has more than {} bytes", Quoted(.0), BundlePath::LONGEST)]
    TooLong(String),
}

impl BundlePath {
    /// Bytes at most. Longer paths can be nowhere on Linux, and each is kept in memory until its bundle is done.
    pub const LONGEST: usize = 4_096;

    /// The path that a `Files` row means: its `subdir`, without a leading `data` part and without empty parts, and its
    /// `name`. `data/a/b/`, `data//a/b` and `a/b` are the same folder.
    pub fn of_row(subdir: &str, name: &str) -> Result<Self, PathError> {
        let mut parts = parts(subdir).peekable();
        parts.next_if_eq(&"data");
        Self::join(parts.chain(self::parts(name)), || format!("{subdir}/{name}"))
    }

    /// The path of a tar member that lies below `data/`; none for a member that lies elsewhere.
    pub fn of_member(member: &str) -> Result<Option<Self>, PathError> {
        if member.starts_with('/') {
            return Ok(None);
        }
        let mut parts = parts(member).peekable();
        if parts.next_if_eq(&"data").is_none() {
            return Ok(None);
        }
        Self::join(parts, || member.to_owned()).map(Some)
    }

    fn join<'a>(parts: impl Iterator<Item = &'a str>, whole: impl Fn() -> String) -> Result<Self, PathError> {
        let mut path = String::new();
        for part in parts {
            if part == ".." {
                return Err(PathError::Climbs(whole()));
            }
            if part.contains('\0') {
                return Err(PathError::Nul(whole()));
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
            if path.len() > Self::LONGEST {
                return Err(PathError::TooLong(whole()));
            }
        }
        if path.is_empty() { Err(PathError::Empty) } else { Ok(Self(path)) }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder part, empty at the top, and the name.
    pub fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

/// The parts that mean something: neither empty nor `.`.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|part| !part.is_empty() && *part != ".")
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_subdir_means_the_same_folder() {
        for subdir in ["data/a/b/", "data//a/b", "a/b", "/data/a/b", "./data/./a/b", "a//b/"] {
            assert_eq!(BundlePath::of_row(subdir, "n.dat").unwrap().as_str(), "a/b/n.dat", "{subdir}");
        }
        assert_eq!(BundlePath::of_row("", "n.dat").unwrap().as_str(), "n.dat");
        assert_eq!(BundlePath::of_row("data", "n.dat").unwrap().as_str(), "n.dat");
        assert_eq!(BundlePath::of_row("data/data", "n.dat").unwrap().as_str(), "data/n.dat");
    }

    #[test]
    fn a_path_that_climbs_is_refused_with_its_whole_text() {
        assert_eq!(BundlePath::of_row("a/../..", "x"), Err(PathError::Climbs("a/../../x".into())));
        assert_eq!(BundlePath::of_member("data/../x"), Err(PathError::Climbs("data/../x".into())));
        assert_eq!(BundlePath::of_row("", ""), Err(PathError::Empty));
    }

    #[test]
    fn a_path_is_no_longer_than_linux_takes_and_its_error_does_not_repeat_it() {
        let (longest, longer) = ("x".repeat(BundlePath::LONGEST), "x".repeat(BundlePath::LONGEST + 1));
        assert_eq!(BundlePath::of_row("", &longest).unwrap().as_str(), longest);
        for error in [
            BundlePath::of_row("a", &longest).unwrap_err(),
            BundlePath::of_member(&format!("data/{longer}")).unwrap_err(),
            BundlePath::of_row("..", &longer).unwrap_err(),
            BundlePath::of_row("\0", &longer).unwrap_err(),
        ] {
            assert!(error.to_string().len() < 300, "{error}");
        }
    }

    #[test]
    fn only_members_below_data_are_files() {
        assert_eq!(BundlePath::of_member("metadata.txt"), Ok(None));
        assert_eq!(BundlePath::of_member("/data/x"), Ok(None));
        assert_eq!(BundlePath::of_member("./data/x").unwrap().unwrap().as_str(), "x");
    }
}
