//! One bag: a folder with a `bagit.txt`.
//!
//! RFC 8493, and the versions before it from 0.93 on. A bag is judged as the Python package `bagit` judges it; the tests
//! hold the two against one another. What differs: an empty payload folder cannot be sent in a bundle, and is not missed.

use std::collections::{BTreeMap, BTreeSet};

use sluice_sdk::{Failure, Quoted};

use crate::checksum::{self, Algorithm};
use crate::config::BagIt;
use crate::files::{Files, Text};
use crate::notes::Notes;
use crate::tags::{self, Line};

/// The file that makes a folder a bag.
pub(crate) const MARK: &str = "bagit.txt";

/// What the payload lies in.
pub(crate) const PAYLOAD: &str = "data/";

pub(crate) const AGAIN: &str = "Make the bag again, or repair it with the program that made it.";

/// A bag that is looked at.
pub(crate) struct Bag<'a, 'r> {
    pub(crate) config: &'a BagIt,
    pub(crate) files: &'a Files<'a>,
    notes: &'a mut Notes<'r>,
    pub(crate) version: (u32, u32),
    /// What the manifests say, by path.
    entries: BTreeMap<String, Vec<(Algorithm, String)>>,
}

impl<'a, 'r> Bag<'a, 'r> {
    pub(crate) fn new(config: &'a BagIt, files: &'a Files<'a>, notes: &'a mut Notes<'r>) -> Self {
        Self { config, files, notes, version: (1, 0), entries: BTreeMap::new() }
    }

    /// Says what is wrong with the bag.
    pub(crate) fn check(mut self) -> Result<(), Failure> {
        if !self.declaration()? {
            return Ok(());
        }
        self.manifests()?;
        let deferred = self.fetch()?;
        self.oxum()?;
        self.completeness(&deferred);
        if self.config.checksums { self.checksums() } else { Ok(()) }
    }

    /// Reads `bagit.txt`. Says whether the rest of the bag can be read by it.
    fn declaration(&mut self) -> Result<bool, Failure> {
        let Some(text) = self.text(MARK)? else { return Ok(false) };
        if text.starts_with('\u{feff}') {
            self.wrong(
                "bag-declaration",
                MARK,
                "bagit.txt begins with a byte order mark, which it must not.",
                "Save it without the mark.",
            );
        }
        let Some(tags) = self.tags(MARK, &text) else { return Ok(false) };
        let (version, encoding) =
            (tags::value(&tags, "BagIt-Version"), tags::value(&tags, "Tag-File-Character-Encoding"));
        let (Some(version), Some(encoding)) = (version, encoding) else {
            let message = "bagit.txt does not have both BagIt-Version and Tag-File-Character-Encoding.";
            self.wrong("bag-declaration", MARK, message, AGAIN);
            return Ok(false);
        };
        // Programs take "1" for "1.0".
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        let numbers = major.parse().ok().zip(minor.parse().ok());
        match numbers {
            Some(numbers) if ((0, 93)..(2, 0)).contains(&numbers) => self.version = numbers,
            _ => {
                let message = format!("{} is no version of BagIt that is known here (0.93 to 1.x).", Quoted(version));
                self.wrong("bag-declaration", MARK, &message, AGAIN);
                return Ok(false);
            }
        }
        if !["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) {
            let message = format!("The bag's tag files are in {}; only UTF-8 is read here.", Quoted(encoding));
            self.wrong("bag-declaration", MARK, &message, "Make the bag again with tag files in UTF-8.");
            return Ok(false);
        }
        Ok(true)
    }

    fn manifests(&mut self) -> Result<(), Failure> {
        let mut algorithms = Vec::new();
        let names: Vec<String> =
            self.files.names_in("").map(|(name, _)| name.to_owned()).filter(|name| !name.contains('/')).collect();
        for name in &names {
            let (is_payload, algorithm) = match name.strip_suffix(".txt") {
                Some(stem) if stem.starts_with("manifest-") => (true, &stem["manifest-".len()..]),
                Some(stem) if stem.starts_with("tagmanifest-") && self.version >= (0, 97) => {
                    (false, &stem["tagmanifest-".len()..])
                }
                _ => continue,
            };
            let Some(algorithm) = Algorithm::named(algorithm) else {
                let known = Algorithm::ALL.map(Algorithm::name).join(", ");
                let message = format!("{name} uses an algorithm that is not known here; known are {known}.");
                self.odd("manifest-algorithm", name, &message, "Add a manifest with one of these algorithms.");
                continue;
            };
            if is_payload {
                algorithms.push(algorithm);
            }
            if let Some(text) = self.text(name)? {
                self.manifest(name, algorithm, &text, is_payload);
            }
        }
        if algorithms.is_empty() {
            self.wrong("manifest-missing", MARK, "The bag has no manifest, such as manifest-sha256.txt.", AGAIN);
        } else if let Some(wanted) = &self.config.algorithms
            && !algorithms.iter().any(|algorithm| wanted.iter().any(|name| name == algorithm.name()))
        {
            let message = format!("The bag has no manifest of an algorithm that is taken here: {}.", wanted.join(", "));
            self.wrong("manifest-algorithm", MARK, &message, "Make the bag again with one of these algorithms.");
        }
        Ok(())
    }

    fn manifest(&mut self, name: &str, algorithm: Algorithm, text: &str, is_payload: bool) {
        let mut listed = 0_usize;
        for line in tags::manifest(text) {
            let (checksum, written) = match line {
                Line::Entry { checksum, path } => (checksum, path),
                Line::Malformed(line) => {
                    let message = format!("{name} has a line that is no entry: {}.", Quoted(line));
                    self.odd("manifest-line", name, &message, AGAIN);
                    continue;
                }
            };
            let path = self.meant(written);
            let Some(path) = path else {
                let message = format!("{name} lists {}, which leads out of the bag.", Quoted(written));
                self.wrong("path-unsafe", name, &message, AGAIN);
                continue;
            };
            listed += usize::from(path.starts_with(PAYLOAD));
            let checksum = checksum.to_ascii_lowercase();
            let sums = self.entries.entry(path).or_default();
            match sums.iter().find(|(known, _)| *known == algorithm) {
                None => sums.push((algorithm, checksum)),
                Some((_, known)) => {
                    let differs = *known != checksum;
                    let how = if differs { "with different checksums" } else { "twice" };
                    let message = format!("{name} lists {} {how}.", Quoted(written));
                    if differs || self.version >= (1, 0) {
                        self.wrong("path-twice", name, &message, AGAIN);
                    } else {
                        self.odd("path-twice", name, &message, AGAIN);
                    }
                }
            }
        }
        let payload = self.files.names_in(PAYLOAD).count();
        if is_payload && self.version >= (1, 0) && listed < payload {
            let message = format!("{name} lists {listed} of the {payload} files of the payload; it should list all.");
            self.odd("manifest-incomplete", name, &message, AGAIN);
        }
    }

    /// The file that an entry means, or the path that it would have. Programs differ in whether they encode percent signs,
    /// so a file of the name as it is written is taken as well.
    pub(crate) fn meant(&self, written: &str) -> Option<String> {
        let path = tags::normal(&tags::decoded(written))?;
        let raw = || tags::normal(written).and_then(|raw| self.files.find(&raw).map(str::to_owned));
        Some(self.files.find(&path).map(str::to_owned).or_else(raw).unwrap_or(path))
    }

    /// Every file of the payload is listed, and every file that is listed is there.
    fn completeness(&mut self, deferred: &BTreeSet<String>) {
        let unlisted: Vec<String> = self
            .files
            .names_in(PAYLOAD)
            .filter(|(name, _)| !self.entries.contains_key(*name))
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in unlisted {
            self.wrong(
                "file-unlisted",
                &name,
                "The file is in the bag's payload and in none of its manifests.",
                "Make the bag again, or take the file out of its payload.",
            );
        }
        // Before 0.97 nothing was promised of tag files.
        let is_promised = |name: &str| name.starts_with(PAYLOAD) || self.version >= (0, 97);
        let missing: Vec<String> = self
            .entries
            .keys()
            .filter(|name| !self.files.has(name) && is_promised(name) && !deferred.contains(*name))
            .cloned()
            .collect();
        for name in missing {
            let message = format!("The bag lists {}, and it is not there.", Quoted(&name));
            self.wrong("file-missing", &name, &message, "Send the file as well, or make the bag again without it.");
        }
    }

    fn checksums(mut self) -> Result<(), Failure> {
        let mut buffer = Vec::new();
        let entries = std::mem::take(&mut self.entries);
        for (name, sums) in entries.iter().filter(|(name, _)| self.files.has(name)) {
            let Some(file) = self.files.open(name) else {
                self.notes.not_at_hand += 1;
                continue;
            };
            let algorithms: Vec<Algorithm> = sums.iter().map(|(algorithm, _)| *algorithm).collect();
            let computed = checksum::compute(file, &algorithms, &mut buffer)?;
            for ((algorithm, listed), computed) in sums.iter().zip(computed) {
                if *listed != computed {
                    let message = format!(
                        "The {} of the file is {computed}; the bag lists {}.",
                        algorithm.name(),
                        Quoted(listed)
                    );
                    self.wrong("checksum-mismatch", name, &message, "The file was changed or damaged since the bag was made: send the right one, or make the bag again.");
                }
            }
        }
        Ok(())
    }

    pub(crate) fn tags(&mut self, name: &str, text: &str) -> Option<Vec<(String, String)>> {
        tags::tags(text)
            .map_err(|line| {
                let message = format!("{name} has a line that is no \"Label: value\": {}.", Quoted(&line));
                self.wrong(
                    "tag-malformed",
                    name,
                    &message,
                    "Correct the line; a value that goes on begins its next line with a blank.",
                );
            })
            .ok()
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        Ok(match self.files.text(name)? {
            Text::Is(text) => Some(text),
            Text::NotAtHand => {
                self.notes.not_at_hand += 1;
                None
            }
            Text::TooLong => {
                self.wrong(
                    "text-unreadable",
                    name,
                    "The file is too long to be read here.",
                    "Make several bags of it.",
                );
                None
            }
            Text::NotUtf8 => {
                self.wrong("text-unreadable", name, "The file is not UTF-8, as the bag says that it is.", AGAIN);
                None
            }
        })
    }

    pub(crate) fn wrong(&mut self, code: &str, name: &str, message: &str, hint: &str) {
        self.notes.wrong(code, self.files.path(name), message.to_owned(), hint);
    }

    fn odd(&mut self, code: &str, name: &str, message: &str, hint: &str) {
        self.notes.odd(code, self.files.path(name), message.to_owned(), hint);
    }
}
