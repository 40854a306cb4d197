//! Things to send, and what is to come of each.

use std::collections::BTreeMap;

use crate::bundle::{Generated, bundle, listed_files, test_data, tree};

/// One thing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    /// A bundle that ends in the archive.
    Good(Generated),
    /// Another one, with a file for each hash function.
    Hashes,
    /// A bundle that the rules reject.
    Foreign,
    /// A bundle of which one file is not what its row says.
    WrongHash,
    /// A bundle whose metadata the store refuses, when its files are in the archive already.
    Lame,
    /// Files that lie at the gate already, below one of the roots.
    Move(usize),
    /// The same with metadata that the store refuses: they are to go back.
    LameMove(usize),
}

/// A thing and the way it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) thing: Thing,
    pub(super) how: How,
}

/// How a parcel is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Under a key, by which the gate knows it again.
    Keyed,
    /// Without one: what got no answer may have become a job, and is sent again all the same.
    Bare,
    /// As an upload in parts.
    Parts,
}

impl Thing {
    /// How its job ends: state, task, and a word of the reason.
    pub(super) fn end(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Good(_) | Self::Hashes | Self::Move(_) => ("OK", "ingest metadata", ""),
            Self::Foreign => ("FAILED", "Policy Validation", "submitter"),
            Self::WrongHash => ("FAILED", "ingest files", "does not have the contents its row claims"),
            Self::Lame | Self::LameMove(_) => ("FAILED", "ingest metadata", "is no media type"),
        }
    }

    /// What its job leaves in the archive.
    pub(super) fn archived(self) -> BTreeMap<String, Vec<u8>> {
        match self {
            Self::Good(generated) => generated.contents(),
            Self::Hashes => listed_files("hash-types"),
            Self::Move(_) => moved_files(),
            Self::Foreign | Self::WrongHash | Self::Lame | Self::LameMove(_) => BTreeMap::new(),
        }
    }

    /// What is sent of it; nothing of a move but its document.
    pub(super) fn body(self) -> Vec<u8> {
        match self {
            Self::Good(generated) => generated.bytes(),
            Self::Hashes => bundle("hash-types"),
            Self::Foreign => bundle("foreign-submitter"),
            Self::WrongHash => bundle("wrong-hash"),
            Self::Lame => bundle("lame-mime-type"),
            Self::Move(_) | Self::LameMove(_) => Vec::new(),
        }
    }
}

/// The files of each move.
pub(super) fn moved_files() -> BTreeMap<String, Vec<u8>> {
    let mut files = tree(&test_data().join("move-files"));
    files.remove("README.md");
    files
}
