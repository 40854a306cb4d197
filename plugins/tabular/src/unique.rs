//! Rows that come again.
//!
//! Of each row a hash of 64 bits is kept, and of so many rows only: a table may have more of them than a call has memory.
//! Two different rows have one hash in one of about a hundred million tables of half a million rows; then a row is
//! wrongly said to have come before. A row that did come before is never missed, as long as there is room.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Groups of columns whose values together come once.
#[derive(Debug)]
pub(crate) struct Unique {
    groups: Vec<Group>,
    room: usize,
}

#[derive(Debug)]
struct Group {
    /// Positions in the row.
    fields: Vec<usize>,
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    First,
    Again,
    /// There was no room to keep it.
    Full,
}

impl Unique {
    /// Room for `room` rows, all groups together.
    pub(crate) fn new(groups: Vec<Vec<usize>>, room: usize) -> Self {
        let group = |fields| Group { fields, seen: HashSet::default() };
        Self { groups: groups.into_iter().map(group).collect(), room }
    }

    /// The groups, by their numbers.
    pub(crate) fn groups(&self) -> std::ops::Range<usize> {
        0..self.groups.len()
    }

    /// The positions of a group's values.
    pub(crate) fn fields(&self, group: usize) -> &[usize] {
        &self.groups[group].fields
    }

    /// Keeps the values of a group, by their hash.
    pub(crate) fn keep(&mut self, group: usize, hash: u64) -> Seen {
        let seen = &mut self.groups[group].seen;
        if self.room == 0 {
            return if seen.contains(&hash) { Seen::Again } else { Seen::Full };
        }
        if seen.len() == seen.capacity() {
            // By four at a time: each growth goes through all that is there.
            seen.reserve((seen.len() * 3).max(1_024).min(self.room));
        }
        // Looked for and kept in one: most of the time goes into the memory that is not in the processor's cache.
        if !seen.insert(hash) {
            return Seen::Again;
        }
        self.room -= 1;
        Seen::First
    }
}

/// The hash of a group's values; None where one of them is missing.
pub(crate) fn hash_of<'v>(
    values: impl Iterator<Item = Cow<'v, [u8]>>,
    is_missing: impl Fn(&[u8]) -> bool,
) -> Option<u64> {
    let mut hash = 0;
    for value in values {
        if is_missing(&value) {
            return None;
        }
        hash = murmur(&value, hash);
    }
    Some(hash)
}

/// MurmurHash64A (Austin Appleby, public domain): a few instructions for eight bytes, which WebAssembly has all of. The
/// hash of one value is the seed of the next one's, and each has its length in it, so values cannot run into each other.
fn murmur(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(M);
        hash = (hash ^ (word ^ (word >> 47)).wrapping_mul(M)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(M);
    hash ^ (hash >> 47)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_rows_have_different_hashes() {
        let hash = |values: &[&str]| hash_of(values.iter().map(|value| value.as_bytes().into()), <[u8]>::is_empty);
        assert_eq!(hash(&["a", ""]), None);
        let rows = [&["ab", "c"][..], &["a", "bc"], &["abc"], &["abc\0"], &["c", "ab"], &["abcdefgh"], &["abcdefghi"]];
        let hashes: HashSet<_> = rows.iter().map(|row| hash(row)).collect();
        assert_eq!(hashes.len(), rows.len());
        let many: HashSet<_> = (0..200_000).map(|n| hash(&[&format!("NaCl-{n:07}")])).collect();
        assert_eq!(many.len(), 200_000);
    }
}

/// What is hashed is a hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
