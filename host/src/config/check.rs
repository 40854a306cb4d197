//! What must hold between settings, whoever gave them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, Key};
use super::load::Given;
use super::mistake::{Mistake, Source};
use super::{ArchiveUrl, DatabaseUrl, EventFormat, QueueUrl, Settings};

/// A shorter lease would be lost to a disk that is slow for a moment.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Looks at settings that are right each by itself. A check is left out where one of its settings had a mistake of its
/// own, since what stands in its place is not what was meant.
pub(super) fn settings(
    settings: &Settings,
    given: &HashMap<&'static str, Given>,
    mistakes: &mut Vec<Mistake>,
    warnings: &mut Vec<String>,
) {
    let mut check = Check { given, mistakes };
    check.stays_local(settings);
    check.databases_are_two(settings);
    check.certificates_are_of_use(settings);
    check.folders_are_apart(settings, warnings);
    check.lease_is_long_enough(settings);
    check.ids_are_of_the_archive(settings, warnings);
    check.events_are_told_once(settings, warnings);
}

struct Check<'a> {
    given: &'a HashMap<&'static str, Given>,
    mistakes: &'a mut Vec<Mistake>,
}

impl Check<'_> {
    fn sound(&self, keys: &[&Key]) -> bool {
        !self.mistakes.iter().any(|mistake| keys.iter().any(|key| key.name == mistake.key))
    }

    fn mistake(&mut self, key: &Key, wrong: impl Into<String>, right: impl Into<String>) {
        let source = self.given.get(key.name).map_or(Source::Default, |given| given.source.clone());
        self.mistakes.push(Mistake { key: key.name.to_owned(), source, wrong: wrong.into(), right: right.into() });
    }

    /// Beyond loopback, a user header is worth something only from a proxy that is known.
    fn stays_local(&mut self, settings: &Settings) {
        let http = &settings.http;
        if !self.sound(&[&keys::LISTEN, &keys::TRUSTED_PROXY, &keys::REQUIRE_TOKEN])
            || http.listen.ip().to_canonical().is_loopback()
            || !http.trusted_proxies.is_empty()
            || http.require_token
        {
            return;
        }
        self.mistake(
            &keys::LISTEN,
            format!(
                "{} is reached from other machines, and without a trusted proxy nobody vouches for the user header {}, and no token is required",
                http.listen, http.user_header
            ),
            "name the proxy of the site (--trusted-proxy ADDRESS), require tokens (http.require_token), or listen on 127.0.0.1",
        );
    }

    fn databases_are_two(&mut self, settings: &Settings) {
        if let (DatabaseUrl::Sqlite(database), QueueUrl::Sqlite(queue)) = (&settings.database, &settings.queue)
            && self.sound(&[&keys::DATABASE, &keys::QUEUE, &keys::DATA])
            && real(database) == real(queue)
        {
            // The one that somebody gave is the one to change.
            let key = if self.given.contains_key(keys::QUEUE.name) { &keys::QUEUE } else { &keys::DATABASE };
            self.mistake(
                key,
                format!("{} is the file of the queue and of the database", database.display()),
                "give each a file of its own: the queue is written in ways that would put the jobs at risk",
            );
        }
    }

    /// A file that has no effect is one that somebody believes to have one.
    fn certificates_are_of_use(&mut self, settings: &Settings) {
        let tls = &settings.queue_tls;
        let with_tls = matches!(&settings.queue, QueueUrl::Redis(url) if url.starts_with("rediss://"));
        let given = [(&keys::QUEUE_CA, &tls.ca), (&keys::QUEUE_CERT, &tls.cert), (&keys::QUEUE_KEY, &tls.key)];
        if !with_tls && self.sound(&[&keys::QUEUE]) {
            for (key, _) in given.iter().filter(|(_, file)| file.is_some()) {
                self.mistake(key, "the queue is none over TLS", "let queue begin with rediss://, or leave this out");
            }
        }
        for (key, other) in [(&keys::QUEUE_CERT, &tls.key), (&keys::QUEUE_KEY, &tls.cert)] {
            if self.given.contains_key(key.name)
                && self.sound(&[&keys::QUEUE_CERT, &keys::QUEUE_KEY])
                && other.is_none()
            {
                self.mistake(key, "a certificate and its key belong together", "give queue_cert and queue_key");
            }
        }
    }

    /// The archive and the spool are no place for anything else, least of all for the files of moves.
    fn folders_are_apart(&mut self, settings: &Settings, warnings: &mut Vec<String>) {
        if !self.sound(&[&keys::ARCHIVE, &keys::SPOOL_FOLDER, &keys::MOVE_ROOT, &keys::DATA]) {
            return;
        }
        let (archive, spool) = (settings.archive.folder().map(real), real(&settings.spool.folder));
        if let Some(archive) =
            archive.as_ref().filter(|archive| archive.starts_with(&spool) || spool.starts_with(archive))
        {
            let key = if self.given.contains_key(keys::ARCHIVE.name) { &keys::ARCHIVE } else { &keys::SPOOL_FOLDER };
            self.mistake(
                key,
                format!("the archive {} and the spool {} lie in one another", archive.display(), spool.display()),
                "give each a folder of its own",
            );
        }
        for root in &settings.move_roots {
            let real_root = real(root);
            let own = archive.iter().map(|archive| ("archive", archive)).chain([("spool", &spool)]);
            for (what, folder) in own {
                if real_root.starts_with(folder) {
                    self.mistake(
                        &keys::MOVE_ROOT,
                        format!("{} lies in the {what}, whose files are not to be moved away", root.display()),
                        "give a folder outside of it",
                    );
                } else if folder.starts_with(&real_root) {
                    warnings.push(format!(
                        "the move root {} holds the {what} {}: give moves a folder of their own",
                        root.display(),
                        folder.display()
                    ));
                }
            }
        }
    }

    /// An archive interface keeps files under their ids, so whoever else puts files there must count with us.
    fn ids_are_of_the_archive(&self, settings: &Settings, warnings: &mut Vec<String>) {
        if matches!(settings.archive, ArchiveUrl::Pacifica(_)) && settings.services.ids.is_none() {
            warnings.push(format!(
                "{} keeps files under their ids, and ids are the gate's own: set ids to the site's UniqueID service, unless \
                 nothing else has ever put a file there",
                settings.archive
            ));
        }
    }

    /// Pacifica's metadata service tells of what it has accepted by itself; and without a receiver nobody is told.
    fn events_are_told_once(&mut self, settings: &Settings, warnings: &mut Vec<String>) {
        let Some(events) = &settings.events else {
            let mut given: Vec<_> = self.given.keys().filter(|name| name.starts_with("events.")).copied().collect();
            given.sort_unstable();
            if !given.is_empty() && !self.given.contains_key(keys::EVENTS_URL.name) {
                warnings.push(format!("{} without events.url: nobody is told of anything", given.join(", ")));
            }
            return;
        };
        if events.format == EventFormat::Pacifica && settings.services.metadata.is_some() {
            self.mistake(
                &keys::EVENTS_FORMAT,
                "the site's metadata service tells of accepted metadata in this form by itself",
                "leave events.url out, or set the format to cloudevents, which tells of every job",
            );
        }
    }

    fn lease_is_long_enough(&mut self, settings: &Settings) {
        let lease = settings.worker.lease;
        if self.sound(&[&keys::LEASE]) && lease < SHORTEST_LEASE {
            self.mistake(
                &keys::LEASE,
                format!("a lease of {lease:?} is lost to every short hiccup"),
                "give at least 1s",
            );
        }
    }
}

/// The path that links lead to; that of the folder above, where the file itself is not there yet.
fn real(path: &Path) -> PathBuf {
    let above = || Some(real(path.parent()?).join(path.file_name()?));
    path.canonicalize().ok().or_else(above).unwrap_or_else(|| path.to_owned())
}
