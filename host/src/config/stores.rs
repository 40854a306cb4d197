//! Where jobs, wake-ups and files are kept: the three URLs.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::parse::{Wrong, absolute, shown};
use super::redact::without_password;
use super::remote::{ServiceUrl, StoreUrl};

/// Where jobs are kept. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of SQLite's, absolute.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as a `postgres://` URL, password and all.
    Postgres(String),
}

/// Where wake-ups are kept. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum QueueUrl {
    /// A file of SQLite's, absolute, and never the jobs' own: the queue sets pragmas that a database of jobs must not
    /// have.
    Sqlite(PathBuf),
    /// A Redis server, as a `redis://` or `rediss://` URL, password and all.
    Redis(String),
}

/// The files of a queue over TLS. None are the CAs of this machine, and no certificate of our own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueTls {
    /// The CA of the server's certificate.
    pub ca: Option<PathBuf>,
    /// The certificate that we show.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// Where accepted files end up. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveUrl {
    /// A folder of this machine, or a shared volume; absolute.
    Folder(PathBuf),
    /// A Pacifica archive interface.
    Pacifica(ServiceUrl),
    /// A store of objects.
    Store(StoreUrl),
}

const DATABASE_FORMS: &str = "give sqlite:PATH, a path that ends in .db, or postgres://USER:PASSWORD@HOST/NAME";
const QUEUE_FORMS: &str = "give sqlite:PATH, a path that ends in .db, redis://HOST:PORT, or rediss://HOST:PORT";
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const SSL_FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];
const ARCHIVE_FORMS: &str = "give a folder, file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, or \
                             pacifica+http://HOST:PORT";
/// What stands before the address of an archive interface, to tell it from other archives over HTTP.
const PACIFICA: &str = "pacifica+";

impl DatabaseUrl {
    /// `sqlite:PATH`, `sqlite://PATH`, a plain path of a database file, or `postgres://…`.
    pub(super) fn parse(text: &OsStr, folder: &Path) -> Result<Self, Wrong> {
        if let Some(path) = sqlite_path(text, folder, DATABASE_FORMS)? {
            return Ok(Self::Sqlite(path));
        }
        let url = remote(text, &["postgres", "postgresql"], "no database that is known", DATABASE_FORMS)?;
        let url = with_files(&url, folder)?;
        Ok(Self::Postgres(url))
    }
}

impl QueueUrl {
    /// `redis://…`, `rediss://…`, `sqlite:PATH`, `sqlite://PATH`, or a plain path of a database file.
    pub(super) fn parse(text: &OsStr, folder: &Path) -> Result<Self, Wrong> {
        if let Some(path) = sqlite_path(text, folder, QUEUE_FORMS)? {
            return Ok(Self::Sqlite(path));
        }
        let url = remote(text, &["redis", "rediss"], "no queue that is known", QUEUE_FORMS)?;
        Ok(Self::Redis(url))
    }
}

impl ArchiveUrl {
    /// `file:///PATH`, a plain folder, `pacifica+http://HOST:PORT`, or a store of objects.
    pub(super) fn parse(text: &OsStr, folder: &Path) -> Result<Self, Wrong> {
        let Some((scheme, whole)) = text.to_str().and_then(|text| Some((text.split_once("://")?.0, text))) else {
            return absolute(text, folder).map(Self::Folder);
        };
        if let Some(service) = whole.strip_prefix(PACIFICA) {
            let parsed = ServiceUrl::parse(OsStr::new(service));
            return parsed.map(Self::Pacifica).map_err(|wrong| Wrong::new(wrong.wrong, ARCHIVE_FORMS));
        }
        if let Some(store) = StoreUrl::parse(whole) {
            return store.map(Self::Store);
        }
        if scheme != "file" {
            let wrong = format!("{} is no archive that is known", shown(text));
            return Err(Wrong::new(wrong, ARCHIVE_FORMS));
        }
        let path = text.to_str().and_then(|text| url::Url::parse(text).ok()?.to_file_path().ok());
        match path {
            Some(path) => absolute(path.as_os_str(), folder).map(Self::Folder),
            None => Err(Wrong::new(format!("{} names no folder of this machine", shown(text)), ARCHIVE_FORMS)),
        }
    }

    /// The folder that this machine sees it as; none where it is elsewhere.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Pacifica(_) | Self::Store(_) => None,
        }
    }

    /// A store, with what the environment says of stores of its kind.
    pub(super) fn surrounded<'a>(self, variables: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        match self {
            Self::Store(store) => Self::Store(store.surrounded(variables)),
            other => other,
        }
    }
}

/// The path of a file of SQLite's; none where the text names something else.
fn sqlite_path(text: &OsStr, folder: &Path, right: &str) -> Result<Option<PathBuf>, Wrong> {
    let database_file = |text: &OsStr| {
        let ending = Path::new(text).extension().and_then(OsStr::to_str);
        ending.is_some_and(|ending| ["db", "sqlite", "sqlite3"].contains(&ending))
    };
    let path = match text.to_str() {
        Some(whole) => match whole.strip_prefix("sqlite:") {
            Some(path) => OsStr::new(path.strip_prefix("//").unwrap_or(path)),
            None if !whole.contains("://") && database_file(text) => text,
            None => return Ok(None),
        },
        None if database_file(text) => text,
        None => return Ok(None),
    };
    let wrong = match path.to_str() {
        Some("") => "no path is given".to_owned(),
        Some(path) if path.contains(":memory:") => "a database in memory forgets everything when it ends".to_owned(),
        Some(path) if path.contains('?') => format!("{} has options behind a ?, which none here are", shown(text)),
        _ => return absolute(path, folder).map(Some),
    };
    Err(Wrong::new(wrong, right))
}

/// A URL of a server, of one of these schemes.
fn remote(text: &OsStr, schemes: &[&str], unknown: &str, right: &str) -> Result<String, Wrong> {
    let scheme = |text: &str| text.split_once("://").is_some_and(|(scheme, _)| schemes.contains(&scheme));
    let Some(text) = text.to_str().filter(|text| scheme(text)) else {
        return Err(Wrong::new(format!("{} is {unknown}", shown(text)), right));
    };
    match url::Url::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Wrong::new(format!("{} is no URL: {error}", shown(OsStr::new(text))), right)),
    }
}

/// A URL of PostgreSQL, the files that it names made absolute. Whether they can be read is seen when they are.
fn with_files(text: &str, folder: &Path) -> Result<String, Wrong> {
    let Ok(mut url) = url::Url::parse(text) else { return Ok(text.to_owned()) };
    let pairs: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if let Some((_, mode)) = pairs.iter().find(|(name, mode)| name == "sslmode" && !SSL_MODES.contains(&mode.as_str()))
    {
        let wrong = format!("its sslmode is {}", shown(OsStr::new(mode)));
        return Err(Wrong::new(wrong, format!("give one of {}", SSL_MODES.join(", "))));
    }
    let is_file = |name: &str, value: &str| SSL_FILES.contains(&name) && !value.trim_start().starts_with("-----BEGIN");
    if !pairs.iter().any(|(name, value)| is_file(name, value) && Path::new(value).is_relative()) {
        return Ok(text.to_owned());
    }
    let mut query = url.query_pairs_mut();
    query.clear();
    for (name, value) in &pairs {
        let file = is_file(name, value).then(|| absolute(OsStr::new(value), folder)).transpose()?;
        query.append_pair(name, file.as_deref().and_then(Path::to_str).unwrap_or(value));
    }
    drop(query);
    Ok(url.into())
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Pacifica(service) => write!(f, "{PACIFICA}{service}"),
            Self::Store(store) => store.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Debug for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(text: &str) -> Result<DatabaseUrl, Wrong> {
        DatabaseUrl::parse(OsStr::new(text), Path::new("/srv"))
    }

    fn queue(text: &str) -> Result<QueueUrl, Wrong> {
        QueueUrl::parse(OsStr::new(text), Path::new("/srv"))
    }

    fn archive(text: &str) -> Result<ArchiveUrl, Wrong> {
        ArchiveUrl::parse(OsStr::new(text), Path::new("/srv"))
    }

    #[test]
    fn every_form_of_a_database_is_read() {
        for (text, path) in [
            ("sqlite:jobs.db", "/srv/jobs.db"),
            ("sqlite:/var/jobs.db", "/var/jobs.db"),
            ("sqlite://jobs.db", "/srv/jobs.db"),
            ("sqlite:///var/jobs", "/var/jobs"),
            ("./a/jobs.db", "/srv/a/jobs.db"),
        ] {
            assert_eq!(database(text).unwrap(), DatabaseUrl::Sqlite(path.into()), "{text}");
        }
        for text in ["postgres://u:p@h/x", "postgresql://h/x"] {
            assert_eq!(database(text).unwrap(), DatabaseUrl::Postgres(text.into()));
        }
        let tls = database("postgres://h/x?sslmode=verify-full&sslrootcert=ca.crt&sslcert=/c").unwrap();
        let expected = "postgres://h/x?sslmode=verify-full&sslrootcert=%2Fsrv%2Fca.crt&sslcert=%2Fc";
        assert_eq!(tls, DatabaseUrl::Postgres(expected.into()));
        for text in [
            "mysql://h/x",
            "jobs",
            "postgres://h/x?sslmode=full",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:x.db?mode=rwc",
            "postgres://h:x/y",
        ] {
            assert!(database(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_form_of_a_queue_is_read() {
        for text in ["redis://h", "redis://:p@h:6379/1", "rediss://h"] {
            assert_eq!(queue(text).unwrap(), QueueUrl::Redis(text.into()));
        }
        assert_eq!(queue("sqlite:q.db").unwrap(), QueueUrl::Sqlite("/srv/q.db".into()));
        assert!(queue("amqp://h").is_err());
    }

    #[test]
    fn every_form_of_an_archive_is_read() {
        assert_eq!(archive("file:///a%20b/c").unwrap(), ArchiveUrl::Folder("/a b/c".into()));
        assert_eq!(archive("c/d").unwrap(), ArchiveUrl::Folder("/srv/c/d".into()));
        assert_eq!(archive("s3://bucket/x").unwrap().to_string(), "s3://bucket/x");
        assert_eq!(archive("pacifica+http://h:8080/").unwrap().to_string(), "pacifica+http://h:8080");
        assert_eq!(archive("http://h/x").unwrap_err().wrong, "\"http://h/x\" is no archive that is known");
        assert!(archive("pacifica+file:///x").is_err());
        assert!(archive("file://host/x").is_err());
        assert!(archive("").is_err());
    }

    #[test]
    fn no_way_of_showing_a_url_shows_its_password() {
        let database = database("postgres://u:s3cret@h/x").unwrap();
        let queue = queue("redis://:s3cret@h/0").unwrap();
        let shown = format!("{database} {database:?} {queue} {queue:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        for wrong in ["postgress://u:s3cret@h/x", "postgres://u:s3cret@h:port/x"] {
            assert!(!self::database(wrong).unwrap_err().wrong.contains("s3cret"));
        }
    }
}
