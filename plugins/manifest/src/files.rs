//! The files of a bundle below one folder, and their texts.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Bound;

use sluice_sdk::{Bundle, Failure};
use unicode_normalization::UnicodeNormalization;

/// A text of a bag or crate is no longer. It is read into memory whole.
const LONGEST_TEXT: u64 = 24 << 20;

/// All files of a bundle, fetched once however many bags there are.
pub(crate) struct Listing<'a> {
    bundle: &'a Bundle<'a>,
    sizes: BTreeMap<String, u64>,
    /// Names with other letters than ASCII's, by their composed form. Made when it is first needed.
    composed: OnceCell<BTreeMap<String, String>>,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(bundle: &'a Bundle<'a>) -> Self {
        let sizes = bundle.files().map(|file| (file.path, file.size)).collect();
        Self { bundle, sizes, composed: OnceCell::new() }
    }

    /// The name that is this one, but for how its characters are composed.
    fn composed(&self, path: &str) -> Option<&String> {
        let make = || {
            let names = self.sizes.keys().filter(|name| !name.is_ascii());
            names.map(|name| (name.nfc().collect(), name.clone())).collect()
        };
        self.composed.get_or_init(make).get(&path.nfc().collect::<String>())
    }
}

/// The files below one folder, by their paths from there.
pub(crate) struct Files<'a> {
    listing: &'a Listing<'a>,
    /// Empty, or ends with `/`.
    root: String,
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
    pub(crate) fn below(listing: &'a Listing<'a>, root: &str) -> Self {
        Self { listing, root: root.to_owned() }
    }

    /// Where a file stands in the bundle.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.root)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.listing.sizes.contains_key(&self.path(name))
    }

    /// Whether there are files below such a folder, which ends with `/`.
    pub(crate) fn has_folder(&self, name: &str) -> bool {
        self.names_in(name).next().is_some()
    }

    /// The files below a folder, which is empty or ends with `/`, in order.
    pub(crate) fn names_in(&self, folder: &str) -> impl Iterator<Item = (&str, u64)> + use<'_, 'a> {
        let (folder, root) = (self.path(folder), self.root.len());
        let from = self.listing.sizes.range::<str, _>((Bound::Included(folder.as_str()), Bound::Unbounded));
        from.take_while(move |(path, _)| path.starts_with(&folder)).map(move |(path, size)| (&path[root..], *size))
    }

    /// The file that a list means: as it is spelled, or composed otherwise, as file systems have it.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let path = self.path(name);
        let listing = self.listing;
        let found = listing.sizes.get_key_value(&path).map(|(found, _)| found);
        let found = found.or_else(|| if path.is_ascii() { None } else { listing.composed(&path) })?;
        // Another spelling of the root itself is another folder.
        found.strip_prefix(&self.root)
    }

    /// The contents of a file.
    pub(crate) fn open(&self, name: &str) -> Option<sluice_sdk::File> {
        self.listing.bundle.open(&self.path(name))
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
