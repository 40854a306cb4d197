//! Digests by the names that Python's hashlib knows, since `Files` rows name their hash function in its words.

use std::fmt;
use std::str::FromStr;

use digest::DynDigest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Quoted;

macro_rules! hash_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $bytes:literal, $hasher:ty;)*) => {
        /// A hash function.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HashKind {
            $($(#[$doc])* #[allow(missing_docs, reason = "the hash functions are named by their names")] $variant,)*
        }

        impl HashKind {
            /// All that are known.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name, as hashlib has it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The length of a digest, in bytes.
            pub const fn bytes(self) -> usize {
                match self { $(Self::$variant => $bytes,)* }
            }

            /// A hasher that has seen nothing.
            pub fn hasher(self) -> Hasher {
                let state: Box<dyn DynDigest + Send> = match self {
                    $(Self::$variant => Box::new(<$hasher>::default()),)*
                };
                Hasher { kind: self, state }
            }
        }
    };
}

hash_kinds! {
    #[default]
    Sha1 = "sha1", 20, sha1::Sha1;
    Md5 = "md5", 16, md5::Md5;
    Sha224 = "sha224", 28, sha2::Sha224;
    Sha256 = "sha256", 32, sha2::Sha256;
    Sha384 = "sha384", 48, sha2::Sha384;
    Sha512 = "sha512", 64, sha2::Sha512;
    Sha512_224 = "sha512_224", 28, sha2::Sha512_224;
    Sha512_256 = "sha512_256", 32, sha2::Sha512_256;
    Sha3_224 = "sha3_224", 28, sha3::Sha3_224;
    Sha3_256 = "sha3_256", 32, sha3::Sha3_256;
    Sha3_384 = "sha3_384", 48, sha3::Sha3_384;
    Sha3_512 = "sha3_512", 64, sha3::Sha3_512;
    Blake2b = "blake2b", 64, blake2::Blake2b512;
    Blake2s = "blake2s", 32, blake2::Blake2s256;
    Ripemd160 = "ripemd160", 20, ripemd::Ripemd160;
    Sm3 = "sm3", 32, sm3::Sm3;
    Md4 = "md4", 16, md4::Md4;
    Whirlpool = "whirlpool", 64, whirlpool::Whirlpool;
    Md5Sha1 = "md5-sha1", 36, Md5Sha1;
}

/// OpenSSL's `md5-sha1`: both digests of the same bytes, one after the other.
#[derive(Clone, Default)]
struct Md5Sha1 {
    md5: md5::Md5,
    sha1: sha1::Sha1,
}

impl digest::HashMarker for Md5Sha1 {}

impl digest::OutputSizeUser for Md5Sha1 {
    type OutputSize = digest::consts::U36;
}

impl digest::Update for Md5Sha1 {
    fn update(&mut self, data: &[u8]) {
        digest::Update::update(&mut self.md5, data);
        digest::Update::update(&mut self.sha1, data);
    }
}

impl digest::Reset for Md5Sha1 {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl digest::FixedOutput for Md5Sha1 {
    fn finalize_into(self, out: &mut digest::Output<Self>) {
        let (md5, sha1) = out.split_at_mut(16);
        md5.copy_from_slice(&digest::FixedOutput::finalize_fixed(self.md5));
        sha1.copy_from_slice(&digest::FixedOutput::finalize_fixed(self.sha1));
    }
}

impl digest::FixedOutputReset for Md5Sha1 {
    fn finalize_into_reset(&mut self, out: &mut digest::Output<Self>) {
        digest::FixedOutput::finalize_into(std::mem::take(self), out);
    }
}

/// A name that no hash function here has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown hashtype {}; known are {known}", Quoted(.name), known = known_names())]
pub struct UnknownHash {
    /// The name as it was given.
    pub name: String,
}

fn known_names() -> String {
    HashKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for HashKind {
    type Err = UnknownHash;

    /// As hashlib does, upper case is accepted, and OpenSSL's spelling with a hyphen (`sha3-256`, `sha512-256`).
    fn from_str(text: &str) -> Result<Self, UnknownHash> {
        let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
        Self::ALL
            .iter()
            .copied()
            .find(|kind| plain(kind.name()) == plain(text))
            .ok_or_else(|| UnknownHash { name: text.to_owned() })
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for HashKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for HashKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A digest in the making.
pub struct Hasher {
    kind: HashKind,
    state: Box<dyn DynDigest + Send>,
}

impl Hasher {
    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// The digest of all bytes seen.
    pub fn finish(self) -> Digest {
        Digest { kind: self.kind, hex: hex::encode(self.state.finalize()) }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A digest and the function that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The hash function.
    pub kind: HashKind,
    /// Lower-case hexadecimal.
    pub hex: String,
}

impl Digest {
    /// The digest of these bytes.
    pub fn of(kind: HashKind, bytes: &[u8]) -> Self {
        let mut hasher = kind.hasher();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// `sha1:…`, as Pacifica's hashsums may be spelled.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_has_the_length_it_says() {
        for kind in HashKind::ALL {
            assert_eq!(Digest::of(*kind, b"sluice").hex.len(), 2 * kind.bytes(), "{kind}");
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
    }

    // The expected values are what Python's hashlib and `openssl dgst` print for the three bytes "abc".
    #[test]
    fn digests_are_those_of_hashlib() {
        let abc = |kind: &str| Digest::of(kind.parse().unwrap(), b"abc").hex;
        assert_eq!(abc("sha1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(abc("MD5"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(abc("sha256"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(abc("sha512-256"), "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
        assert_eq!(abc("SHA3-256"), "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
        assert_eq!(abc("blake2s"), "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
        assert_eq!(abc("ripemd160"), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
        assert_eq!(abc("sm3"), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        assert_eq!(abc("md5-sha1"), "900150983cd24fb0d6963f7d28e17f72a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "crc32".parse::<HashKind>().unwrap_err().to_string();
        assert!(error.starts_with("unknown hashtype \"crc32\"; known are sha1, md5"), "{error}");
    }
}
