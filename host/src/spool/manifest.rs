//! What was received of a bundle.

use serde::{Deserialize, Serialize};

use crate::model::{BundlePath, Digest};

/// What was received of a bundle: the last thing written, so that a folder without one is a folder that was cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The data members, in the order of the tar.
    pub members: Vec<Member>,
    /// Members that are no data, and why.
    pub ignored: Vec<Ignored>,
    /// Whether there is a metadata.txt.
    pub metadata: bool,
    /// What is wrong with the tar.
    pub fault: Option<Fault>,
}

/// A data member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its path below `data/`.
    pub path: BundlePath,
    /// The number it lies under in the spool.
    pub number: u32,
    /// Its size in bytes.
    pub size: u64,
    /// The digest made while it was written.
    pub digest: Digest,
}

/// A member that is no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Its path, as the tar has it.
    pub path: String,
    /// Why it is none.
    pub reason: String,
}

/// What is wrong with a tar, by the task that is to fail of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is no tar that can be read at all.
    NoTar(String),
    /// It begins as a tar and ends or breaks before its end.
    Broken(String),
    /// Its metadata.txt cannot be taken.
    Metadata(String),
}

impl Manifest {
    /// Bytes of all data members.
    pub fn bytes(&self) -> u64 {
        self.members.iter().map(|member| member.size).sum()
    }
}
