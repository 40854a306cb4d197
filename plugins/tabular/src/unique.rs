//! Rows that come again.
//!
//! Of each row a hash of 64 bits is kept, and of so many rows only: a table may have more of them than a call has memory.
//! Two different rows have one hash in one of about a hundred million tables of half a million rows; then a row is
//! wrongly said to have come before. A row that did come before is never missed, as long as there is room.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

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
        if seen.contains(&hash) {
            return Seen::Again;
        }
        if self.room == 0 {
            return Seen::Full;
        }
        self.room -= 1;
        seen.insert(hash);
        Seen::First
    }
}

/// The hash of a group's values; None where one of them is missing.
pub(crate) fn hash_of<'v>(
    values: impl Iterator<Item = Cow<'v, [u8]>>,
    is_missing: impl Fn(&[u8]) -> bool,
) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for value in values {
        if is_missing(&value) {
            return None;
        }
        value.hash(&mut hasher);
    }
    Some(hasher.finish())
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
