//! The files of a bundle below one folder, and their texts.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Bound;

use sluice_sdk::{Bundle, Failure};
use unicode_normalization::UnicodeNormalization;

/// A text of a bag or crate is no longer. It is read into memory whole.
const LONGEST_TEXT: u64 = 24 << 20;

/// The files below one folder, by their paths from there.
pub(crate) struct Files<'a> {
    bundle: &'a Bundle<'a>,
    /// Empty, or ends with `/`.
    root: String,
    sizes: BTreeMap<String, u64>,
}

/// What reading a text gave.
#[derive(Debug)]
pub(crate) enum Text {
    Is(String),
    /// It is in the bundle, and not at hand.
    NotAtHand,
    TooLong,
    NotUtf8,
}

impl<'a> Files<'a> {
    /// The files below `root`, which is empty or ends with `/`.
    pub(crate) fn below(bundle: &'a Bundle<'a>, root: &str) -> Self {
        let files = bundle.files().filter_map(|file| Some((file.path.strip_prefix(root)?.to_owned(), file.size)));
        Self { bundle, root: root.to_owned(), sizes: files.collect() }
    }

    /// Where a file stands in the bundle.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.root)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.sizes.contains_key(name)
    }

    /// Whether there are files below such a folder, which ends with `/`.
    pub(crate) fn has_folder(&self, name: &str) -> bool {
        name.is_empty() || self.names_in(name).next().is_some()
    }

    /// The files below a folder, which is empty or ends with `/`, in order.
    pub(crate) fn names_in<'f>(&'f self, folder: &'f str) -> impl Iterator<Item = (&'f str, u64)> {
        let from = self.sizes.range::<str, _>((Bound::Included(folder), Bound::Unbounded));
        from.take_while(move |(name, _)| name.starts_with(folder)).map(|(name, size)| (name.as_str(), *size))
    }

    /// The file that a list means: as it is spelled, or composed otherwise, as file systems have it.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        if let Some((name, _)) = self.sizes.get_key_value(name) {
            return Some(name);
        }
        if name.is_ascii() {
            return None;
        }
        let same = |other: &&String| other.nfc().eq(name.nfc());
        self.sizes.keys().filter(|other| !other.is_ascii()).find(same).map(String::as_str)
    }

    /// The contents of a file.
    pub(crate) fn open(&self, name: &str) -> Option<sluice_sdk::File> {
        self.bundle.open(&self.path(name))
    }

    /// The text of a file.
    pub(crate) fn text(&self, name: &str) -> Result<Text, Failure> {
        let Some(file) = self.open(name) else { return Ok(Text::NotAtHand) };
        if file.size() > LONGEST_TEXT {
            return Ok(Text::TooLong);
        }
        let mut bytes = Vec::new();
        file.take(LONGEST_TEXT).read_to_end(&mut bytes)?;
        Ok(String::from_utf8(bytes).map_or(Text::NotUtf8, Text::Is))
    }
}
