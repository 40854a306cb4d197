//! Places in the archive.

use std::fmt;

use crate::model::Quoted;

/// A path below the archive: parts joined by `/`, each of them a plain name. Whatever a mover says, a place that is
/// not of this form is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(String);

/// Why a text is no place in the archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is no place in the archive: {reason}", Quoted(.path))]
pub struct LocationError {
    path: String,
    reason: &'static str,
}

/// The longest name that common file systems take, in bytes.
const NAME_BYTES: usize = 255;
/// The longest path that Linux takes, less some room for the archive's own folder.
const PATH_BYTES: usize = 3_000;

impl Location {
    /// Checks a path.
    pub fn new(path: &str) -> Result<Self, LocationError> {
        let refuse = |reason| Err(LocationError { path: path.to_owned(), reason });
        if path.is_empty() {
            return refuse("it is empty");
        }
        if path.len() > PATH_BYTES {
            return refuse("it is too long");
        }
        for part in path.split('/') {
            match part {
                "" => return refuse("it begins or ends with a slash, or has two in a row"),
                "." | ".." => return refuse("it has a part that is \".\" or \"..\""),
                _ if part.len() > NAME_BYTES => return refuse("a part of it has more than 255 bytes"),
                _ if part.chars().any(char::is_control) => return refuse("it has a control character"),
                _ => {}
            }
        }
        if path.split('/').next() == Some(super::folder::ASIDE) {
            return refuse("its first folder is the archive's own");
        }
        Ok(Self(path.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder, none at the top, and the name.
    pub(super) fn split(&self) -> (Option<&str>, &str) {
        match self.0.rsplit_once('/') {
            Some((folder, name)) => (Some(folder), name),
            None => (None, &self.0),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_stays_in_the_archive() {
        for path in ["", "/etc/x", "../x", "a/../x", "a//b", "a/", ".", "a/./b", "a\0b", "a\nb", ".incoming/x"] {
            assert!(Location::new(path).is_err(), "{path:?}");
        }
        assert!(Location::new(&"x".repeat(256)).is_err());
        assert!(Location::new(&"x/".repeat(100_000)).unwrap_err().to_string().len() < 300);
        assert!(Location::new("1234a/54/2026/11/1/データ/測定.dat").is_ok());
    }

    proptest! {
        #[test]
        fn joined_to_a_folder_it_never_leaves_it(path in "[a./\\\\ ]{0,12}") {
            if let Ok(location) = Location::new(&path) {
                let joined = std::path::Path::new("/archive").join(location.as_str());
                prop_assert!(joined.components().all(|part| part != std::path::Component::ParentDir));
                prop_assert!(joined.starts_with("/archive"));
            }
        }
    }
}
