//! `bundle.toml`: how the tar of a folder differs from what the real uploader sends.

use std::path::Path;

use serde::Deserialize;
use tar::EntryType;

use super::member::Format;

/// The keys of `bundle.toml`. All may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recipe {
    /// Where metadata.txt comes: `first`, `last` (the default), `between` the data members, or `none`.
    pub(crate) metadata: MetadataPlace,
    /// `pax` (the default), `gnu` or `ustar`.
    pub(crate) format: Format,
    /// Whether every directory has an entry of its own.
    pub(crate) directories: bool,
    /// Whether the two zero blocks and the padding to 10,240 bytes come at the end.
    pub(crate) end_marker: bool,
    /// Text after all that.
    pub(crate) trailing: String,
    /// Where the body breaks off.
    pub(crate) truncate: Option<Truncate>,
    /// Whether the whole is compressed.
    pub(crate) gzip: bool,
    /// A file of the folder that is sent as it is, instead of a tar.
    pub(crate) raw: Option<String>,
    /// `@NESTED@` in metadata.txt becomes so many arrays, each within the other.
    pub(crate) nested: usize,
    /// Members that no folder could hold.
    pub(crate) members: Vec<ExtraMember>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            metadata: MetadataPlace::Last,
            format: Format::Pax,
            directories: false,
            end_marker: true,
            trailing: String::new(),
            truncate: None,
            gzip: false,
            raw: None,
            nested: 0,
            members: Vec::new(),
        }
    }
}

impl Recipe {
    /// The recipe of a folder, which may have none.
    pub(crate) fn of(folder: &Path) -> Self {
        let path = folder.join("bundle.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            Err(_) => Self::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MetadataPlace {
    First,
    Between,
    Last,
    None,
}

/// Either after so many bytes of the whole, or after so many of a member's contents.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Truncate {
    Whole { bytes: usize },
    Member { member: String, at: usize },
}

/// A member that is written as it is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtraMember {
    /// The name in the tar, to the letter.
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: MemberKind,
    /// Where a link points.
    #[serde(default)]
    pub(crate) link: String,
    #[serde(default)]
    pub(crate) contents: String,
    /// The size in the header, where it is not that of the contents.
    pub(crate) declared_size: Option<u64>,
    #[serde(default)]
    pub(crate) checksum: Checksum,
    #[serde(default)]
    pub(crate) place: MemberPlace,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MemberKind {
    #[default]
    File,
    Directory,
    Symlink,
    Hardlink,
    CharDevice,
    BlockDevice,
    Pipe,
    Unknown,
}

impl MemberKind {
    pub(crate) fn entry_type(self) -> EntryType {
        match self {
            Self::File => EntryType::Regular,
            Self::Directory => EntryType::Directory,
            Self::Symlink => EntryType::Symlink,
            Self::Hardlink => EntryType::Link,
            Self::CharDevice => EntryType::Char,
            Self::BlockDevice => EntryType::Block,
            Self::Pipe => EntryType::Fifo,
            Self::Unknown => EntryType::new(b'Q'),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Checksum {
    #[default]
    Right,
    Wrong,
}

/// Before all other members, or after the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MemberPlace {
    Start,
    #[default]
    AfterData,
}
