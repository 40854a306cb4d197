//! Checksums of files, several at a time.

use std::fmt::Write;
use std::io::Read;

use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use sluice_sdk::{Failure, File};

/// As much is read at once: the gate gives no more.
const READ: usize = 1 << 20;

/// A hash function that manifests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in `manifest-NAME.txt`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn hasher(self) -> Box<dyn DynDigest> {
        match self {
            Self::Md5 => Box::new(Md5::default()),
            Self::Sha1 => Box::new(Sha1::default()),
            Self::Sha224 => Box::new(Sha224::default()),
            Self::Sha256 => Box::new(Sha256::default()),
            Self::Sha384 => Box::new(Sha384::default()),
            Self::Sha512 => Box::new(Sha512::default()),
        }
    }
}

/// The file's checksums in lower-case hexadecimal, in the order of the algorithms. The file is read once.
pub(crate) fn compute(mut file: File, algorithms: &[Algorithm], buffer: &mut Vec<u8>) -> Result<Vec<String>, Failure> {
    buffer.resize(READ, 0);
    let mut hashers: Vec<_> = algorithms.iter().map(|algorithm| algorithm.hasher()).collect();
    loop {
        let read = file.read(buffer)?;
        if read == 0 {
            break;
        }
        for hasher in &mut hashers {
            hasher.update(&buffer[..read]);
        }
    }
    Ok(hashers.into_iter().map(|hasher| hexadecimal(&hasher.finalize())).collect())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
