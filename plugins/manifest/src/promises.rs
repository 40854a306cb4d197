//! What a bag promises beside its manifests: files to be fetched, and the size of its payload.

use std::collections::BTreeSet;

use sluice_sdk::{Failure, Quoted};

use crate::bag::{AGAIN, Bag, PAYLOAD};
use crate::config::Fetch;
use crate::tags;

impl Bag<'_, '_> {
    /// Reads `fetch.txt`: the files that may be missing.
    pub(crate) fn fetch(&mut self) -> Result<BTreeSet<String>, Failure> {
        const FETCH: &str = "fetch.txt";
        let mut deferred = BTreeSet::new();
        if !self.files.has(FETCH) {
            return Ok(deferred);
        }
        if self.config.fetch == Fetch::Refuse {
            let message =
                "The bag has a fetch.txt: parts of it are to be fetched from elsewhere, which is not done here.";
            self.wrong("fetch-refused", FETCH, message, "Fetch the files, remove fetch.txt, and make the bag again.");
            return Ok(deferred);
        }
        let Some(text) = self.text(FETCH)? else { return Ok(deferred) };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut parts = line.splitn(3, [' ', '\t']);
            let (url, _, path) = (parts.next(), parts.next(), parts.next());
            let (Some(url), Some(path)) = (url, path.map(str::trim)) else {
                let message = format!("fetch.txt has a line without URL, length and path: {}.", Quoted(line));
                self.wrong("fetch-malformed", FETCH, &message, AGAIN);
                continue;
            };
            let is_url = url.split_once("://").is_some_and(|(scheme, rest)| {
                let host = rest.split('/').next().unwrap_or_default();
                scheme.eq_ignore_ascii_case("file") || (!scheme.is_empty() && !host.is_empty())
            });
            if !is_url {
                self.wrong("fetch-malformed", FETCH, &format!("{} in fetch.txt is no URL.", Quoted(url)), AGAIN);
            }
            match self.meant(path) {
                Some(path) => {
                    deferred.insert(path);
                }
                None => {
                    let message = format!("fetch.txt lists {}, which leads out of the bag.", Quoted(path));
                    self.wrong("path-unsafe", FETCH, &message, AGAIN);
                }
            }
        }
        if self.config.fetch == Fetch::Complete {
            deferred.clear();
        }
        Ok(deferred)
    }

    /// Compares the number of files and bytes with what `bag-info.txt` says of them.
    pub(crate) fn oxum(&mut self) -> Result<(), Failure> {
        let name = if self.version < (0, 96) { "package-info.txt" } else { "bag-info.txt" };
        if !self.files.has(name) {
            return Ok(());
        }
        let Some(text) = self.text(name)? else { return Ok(()) };
        let Some(tags) = self.tags(name, &text) else { return Ok(()) };
        let Some(oxum) = tags::value(&tags, "Payload-Oxum") else { return Ok(()) };
        let numbers = oxum.split_once('.').and_then(|(bytes, files)| Some((bytes.parse().ok()?, files.parse().ok()?)));
        let Some((bytes, files)): Option<(u64, u64)> = numbers else {
            let message = format!("The Payload-Oxum {} is not BYTES.FILES.", Quoted(oxum));
            self.wrong("oxum-mismatch", name, &message, AGAIN);
            return Ok(());
        };
        let found = self
            .files
            .names_in(PAYLOAD)
            .fold((0_u64, 0_u64), |(bytes, files), (_, size)| (bytes.saturating_add(size), files + 1));
        if found != (bytes, files) {
            let message = format!(
                "The bag says that its payload has {bytes} bytes in {files} files; there are {} bytes in {} files.",
                found.0, found.1
            );
            self.wrong(
                "oxum-mismatch",
                name,
                &message,
                "Look whether all files were sent, and whether any was changed.",
            );
        }
        Ok(())
    }
}
