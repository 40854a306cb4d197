//! Paths that differ here and are one elsewhere.
//!
//! A bundle may list a million paths, and a call has little memory. So the bundle is gone through once with hashes only;
//! the second time, which is rarely needed, only paths whose hashes have met are kept and compared as text. Two paths of
//! one hash that do not clash are never taken for a clash.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use sluice_sdk::{Bundle, FileInfo, Quoted, Report, Severity};
use unicode_normalization::UnicodeNormalization;

use crate::config;
use crate::names::location;

/// What to look for.
#[derive(Debug)]
pub(crate) struct Clashes {
    letter_case: bool,
    unicode: bool,
    severity: Severity,
    hint: Option<String>,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Folder,
    File,
}

impl Clashes {
    pub(crate) fn new(config: config::Clashes) -> Self {
        Self {
            letter_case: config.letter_case,
            unicode: config.unicode,
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        }
    }

    /// Says which paths of the bundle fall on one another.
    pub(crate) fn check(&self, bundle: &Bundle<'_>, report: &mut Report) {
        let met = self.meetings(bundle);
        if met.is_empty() {
            return;
        }
        // By what the paths are elsewhere: how each was spelled first.
        let mut first: BTreeMap<String, (String, Kind)> = BTreeMap::new();
        // Folders that were spoken of, so that not every file in them is.
        let mut told: HashSet<String> = HashSet::new();
        for file in bundle.files() {
            for (path, kind) in entries(&file.path) {
                let elsewhere = self.elsewhere(path);
                if !met.contains(&hash(&elsewhere)) {
                    continue;
                }
                let Some((other, other_kind)) = first.get(&elsewhere) else {
                    first.insert(elsewhere, (path.to_owned(), kind));
                    continue;
                };
                let same = other == path;
                if same && kind == Kind::Folder && *other_kind == Kind::Folder {
                    continue;
                }
                if kind == Kind::Folder && !told.insert(path.to_owned()) {
                    continue;
                }
                self.say(&file, (path, kind), (other, *other_kind), report);
            }
        }
    }

    /// Hashes of paths that more than one spelling, or more than one file, has.
    fn meetings(&self, bundle: &Bundle<'_>) -> HashSet<u64> {
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let mut met = HashSet::new();
        for file in bundle.files() {
            for (path, kind) in entries(&file.path) {
                let exact = hash(&(path, kind));
                match seen.entry(hash(&self.elsewhere(path))) {
                    Entry::Vacant(entry) => {
                        entry.insert(exact);
                    }
                    Entry::Occupied(entry) => {
                        if *entry.get() != exact || kind == Kind::File {
                            met.insert(*entry.key());
                        }
                    }
                }
            }
        }
        met
    }

    /// The path as it would be on a system that does not tell apart what is looked for.
    fn elsewhere(&self, path: &str) -> String {
        if path.is_ascii() {
            return if self.letter_case { path.to_ascii_lowercase() } else { path.to_owned() };
        }
        let path = if self.unicode { path.nfc().collect() } else { path.to_owned() };
        if !self.letter_case {
            return path;
        }
        // Through upper case, so that letters with two lower-case forms (the Greek sigma) meet.
        let folded = path.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        if self.unicode { folded.nfc().collect() } else { folded.collect() }
    }

    fn say(&self, file: &FileInfo, (path, kind): (&str, Kind), (other, other_kind): (&str, Kind), report: &mut Report) {
        let noun = if kind == Kind::Folder { "folder" } else { "file" };
        let (code, message, hint) = if path == other && kind == other_kind {
            let message = format!("The file {} is listed twice.", Quoted(path));
            ("path-twice", message, "List every file once.")
        } else if path == other {
            let message = format!("{} is a file and a folder at once.", Quoted(path));
            ("paths-clash", message, "Rename one of the two.")
        } else {
            let message = format!(
                "The {noun} {} and {} are spelled differently here, but are one on systems that do not tell {} apart.",
                Quoted(path),
                Quoted(other),
                self.difference(path, other),
            );
            ("paths-clash", message, "Rename one of the two, or put them into different folders.")
        };
        report
            .add(self.severity, code, message)
            .at(location(file))
            .hint(self.hint.clone().unwrap_or_else(|| hint.to_owned()));
    }

    fn difference(&self, path: &str, other: &str) -> &'static str {
        if self.unicode && path.nfc().eq(other.nfc()) {
            "composed from decomposed characters"
        } else {
            "upper from lower case"
        }
    }
}

/// The folders that a path leads through, and the file itself.
fn entries(path: &str) -> impl Iterator<Item = (&str, Kind)> {
    let folders = path.match_indices('/').map(|(end, _)| (&path[..end], Kind::Folder));
    folders.chain([(path, Kind::File)])
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
