//! All sources brought together: what goes first wins, is read, and fills `Settings`; the rest are defaults.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment;
use super::events::{self, EventSettings};
use super::keys::{self, CONFIG_VARIABLE, Key};
use super::mistake::{Mistake, Mistakes, Source};
use super::parse::{self, Wrong};
use super::redact::HIDDEN;
use super::{
    ArchiveUrl, ConnectSettings, DatabaseUrl, Flags, HttpSettings, LogSettings, PolicySettings, QueueTls, QueueUrl,
    RetentionSettings, SandboxSettings, ServiceSettings, ServiceUrl, Settings, SpoolSettings, TraceSettings,
    UploadSettings, WorkerSettings, check, file, without_password,
};

/// What a process finds around it. Passed in, so that tests need not touch their own process.
#[derive(Clone)]
pub struct Surroundings {
    /// The environment. No `Debug` here: it holds secrets.
    pub variables: Vec<(OsString, OsString)>,
    /// The current folder; relative paths are relative to it.
    pub folder: PathBuf,
    /// The program's own file, where that is known.
    pub program: Option<PathBuf>,
    /// How many threads run at a time.
    pub cores: usize,
}

impl Surroundings {
    /// Those of this process. Fails where the current folder is gone or may not be read.
    pub fn of_process() -> io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            folder: std::env::current_dir()?,
            program: std::env::current_exe().ok(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// The variables that are texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// A variable's value; none where it is not set or empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        environment::value(&self.variables, name)
    }
}

/// Settings, and how they came to be.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What holds.
    pub settings: Settings,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// Every setting that is not at its default because nobody gave it.
    pub origins: Vec<Origin>,
    /// What an administrator should know and nothing fails for; to be logged once logging is on.
    pub warnings: Vec<String>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The setting, as the file spells it.
    pub key: &'static str,
    /// Its value as it was given, without passwords.
    pub value: String,
    /// Who gave it.
    pub source: Source,
}

/// The value of a setting, before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    One(OsString),
    Many(Vec<OsString>),
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// Reads all sources. Either everything is right, or every mistake is told.
pub fn load(flags: &Flags, surroundings: &Surroundings) -> Result<Loaded, Mistakes> {
    let mut sources = Sources::default();
    for (key, value) in flags.given() {
        let source = key.flag.map_or(Source::Default, Source::Flag);
        sources.add(key, Given { value, source });
    }
    for (key, given) in environment::own(&surroundings.variables, &mut sources.mistakes) {
        sources.add(key, given);
    }
    let mut warnings = Vec::new();
    let settled = |key: &Key| sources.given.contains_key(key.name);
    for (key, given) in environment::pacifica(&surroundings.variables, settled, &mut warnings) {
        sources.add(key, given);
    }
    let file = configuration_file(flags, surroundings);
    let mut broken = false;
    if let Some((path, source)) = &file {
        let contents = file::read(path, source.clone());
        broken = contents.broken;
        sources.mistakes.extend(contents.mistakes);
        for (key, given) in contents.given {
            sources.add(key, given);
        }
    }

    let settings = fill(&mut sources, surroundings);
    let Sources { given, mut mistakes, .. } = sources;
    // What a broken file leaves open cannot be held against the rest.
    if !broken {
        check::settings(&settings, &given, &mut mistakes, &mut warnings);
    }
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    let origins = keys::ALL.iter().filter_map(|key| given.get(key.name).map(|given| origin(key, given))).collect();
    Ok(Loaded { settings, file: file.map(|(path, _)| path), origins, warnings })
}

/// The file that was named, or the one in the current folder.
fn configuration_file(flags: &Flags, surroundings: &Surroundings) -> Option<(PathBuf, Source)> {
    let named = |path: &OsStr, source| Some((surroundings.folder.join(path), source));
    if let Some(path) = &flags.config {
        return named(path, Source::Flag("--config"));
    }
    if let Some(path) = surroundings.variable(CONFIG_VARIABLE) {
        return named(path, Source::Environment(CONFIG_VARIABLE.to_owned()));
    }
    let usual = surroundings.folder.join("sluice.toml");
    // A file that is there but may not be read is a mistake, and said to be one when it is read.
    usual.exists().then(|| (usual.clone(), Source::File { path: usual, line: None }))
}

fn origin(key: &'static Key, Given { value, source }: &Given) -> Origin {
    let secret = key.name == keys::EVENTS_SECRET.name;
    let shown = |text: &OsString| match secret {
        true => HIDDEN.to_owned(),
        false => without_password(&text.to_string_lossy()),
    };
    let value = match value {
        Value::One(text) => shown(text),
        Value::Many(texts) => texts.iter().map(shown).collect::<Vec<_>>().join(", "),
    };
    Origin { key: key.name, value, source: source.clone() }
}

/// What was given, and what was wrong with it.
#[derive(Default)]
struct Sources {
    given: HashMap<&'static str, Given>,
    mistakes: Vec<Mistake>,
}

impl Sources {
    /// Adds a value; one that is there already goes before it.
    fn add(&mut self, key: &'static Key, given: Given) {
        self.given.entry(key.name).or_insert(given);
    }

    /// A setting of one value; none where it was not given, or is wrong, which is told at the end.
    fn one<T>(&mut self, key: &Key, read: impl FnOnce(&OsStr) -> Result<T, Wrong>) -> Option<T> {
        let Given { value, source } = self.given.get(key.name)?;
        let read = match value {
            Value::One(text) => read(text),
            Value::Many(_) => Err(Wrong::new("a list is given", "give one value")),
        };
        read.map_err(|wrong| self.mistakes.push(mistake(key, source, wrong))).ok()
    }

    /// A setting of several values. A variable holds them in one text, with a separator between.
    fn many<T>(
        &mut self,
        key: &Key,
        separator: u8,
        mut read: impl FnMut(&OsStr) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let Given { value, source } = self.given.get(key.name)?;
        let texts: Vec<&OsStr> = match (value, source) {
            (Value::Many(texts), _) => texts.iter().map(OsString::as_os_str).collect(),
            (Value::One(text), Source::Environment(_)) => text
                .as_bytes()
                .split(|byte| *byte == separator)
                .map(|part| OsStr::from_bytes(part.trim_ascii()))
                .filter(|part| !part.is_empty())
                .collect(),
            (Value::One(text), _) => vec![text],
        };
        let mut values = Vec::with_capacity(texts.len());
        for text in texts {
            match read(text) {
                Ok(value) => values.push(value),
                Err(wrong) => self.mistakes.push(mistake(key, source, wrong)),
            }
        }
        Some(values)
    }
}

fn mistake(key: &Key, source: &Source, Wrong { wrong, right }: Wrong) -> Mistake {
    Mistake { key: key.name.to_owned(), source: source.clone(), wrong, right }
}

/// The defaults, and what was given in their place.
fn fill(sources: &mut Sources, surroundings: &Surroundings) -> Settings {
    let folder = surroundings.folder.as_path();
    let path = |text: &OsStr| parse::absolute(text, folder);
    let data = sources.one(&keys::DATA, path).unwrap_or_else(|| folder.join("data"));
    Settings {
        http: http_settings(sources),
        database: sources
            .one(&keys::DATABASE, |text| DatabaseUrl::parse(text, folder))
            .unwrap_or_else(|| DatabaseUrl::Sqlite(data.join("sluice.db"))),
        connect: ConnectSettings {
            attempts: sources.one(&keys::CONNECT_ATTEMPTS, parse::count).unwrap_or(10),
            wait: sources.one(&keys::CONNECT_WAIT, parse::duration).unwrap_or(Duration::from_secs(1)),
        },
        queue: sources
            .one(&keys::QUEUE, |text| QueueUrl::parse(text, folder))
            .unwrap_or_else(|| QueueUrl::Sqlite(data.join("queue.db"))),
        queue_tls: QueueTls {
            ca: sources.one(&keys::QUEUE_CA, path),
            cert: sources.one(&keys::QUEUE_CERT, path),
            key: sources.one(&keys::QUEUE_KEY, path),
        },
        archive: sources
            .one(&keys::ARCHIVE, |text| Ok(ArchiveUrl::parse(text, folder)?.surrounded(surroundings.texts())))
            .unwrap_or_else(|| ArchiveUrl::Folder(data.join("archive"))),
        services: service_settings(sources),
        move_roots: sources.many(&keys::MOVE_ROOT, b':', path).unwrap_or_else(|| vec![data.join("incoming")]),
        policy: PolicySettings {
            file: sources.one(&keys::POLICY, path),
            plugins: sources
                .many(&keys::PLUGINS, b':', path)
                .unwrap_or_else(|| usual_plugins(surroundings.program.as_deref()).into_iter().collect()),
            watch: sources.one(&keys::WATCH, path),
        },
        spool: SpoolSettings {
            folder: sources.one(&keys::SPOOL_FOLDER, path).unwrap_or_else(|| data.join("spool")),
            max_metadata: sources.one(&keys::MAX_METADATA, parse::size).unwrap_or(64 << 20),
            max_members: sources.one(&keys::MAX_MEMBERS, parse::count).unwrap_or(1_000_000),
            keep_failed: sources.one(&keys::KEEP_FAILED, parse::duration).unwrap_or(Duration::from_secs(7 * 86_400)),
        },
        uploads: UploadSettings {
            expire: sources.one(&keys::UPLOADS_EXPIRE, parse::duration).unwrap_or(Duration::from_secs(86_400)),
        },
        retention: RetentionSettings {
            reports: sources.one(&keys::RETENTION_REPORTS, parse::retention).flatten(),
            jobs: sources.one(&keys::RETENTION_JOBS, parse::retention).flatten(),
            events: sources.one(&keys::EVENTS_KEEP, parse::duration).unwrap_or(Duration::from_secs(7 * 86_400)),
        },
        worker: worker_settings(sources),
        sandbox: SandboxSettings {
            threads: sources.one(&keys::THREADS, count).unwrap_or_else(|| (2 * surroundings.cores).max(4)),
            cache: sources.one(&keys::CACHE, path).unwrap_or_else(|| data.join("cache")),
            compile_time: sources.one(&keys::COMPILE_TIME, parse::duration).unwrap_or(Duration::from_secs(120)),
            compile_memory: sources.one(&keys::COMPILE_MEMORY, parse::size).unwrap_or(4 << 30),
        },
        events: event_settings(sources, folder),
        metrics_listen: sources.one(&keys::METRICS_LISTEN, parse::address),
        log: LogSettings {
            filter: sources.one(&keys::LOG, parse::log_filter).unwrap_or_else(|| "info".to_owned()),
            json: sources.one(&keys::LOG_JSON, parse::truth).unwrap_or(false),
        },
        traces: TraceSettings {
            endpoint: sources.one(&keys::TRACES, parse::collector),
            ratio: sources.one(&keys::TRACES_RATIO, parse::ratio).unwrap_or(1.0),
        },
        data,
    }
}

fn service_settings(sources: &mut Sources) -> ServiceSettings {
    ServiceSettings {
        ids: sources.one(&keys::IDS, ServiceUrl::parse_or_own).flatten(),
        metadata: sources.one(&keys::METADATA, ServiceUrl::parse_or_own).flatten(),
        policy: sources.one(&keys::POLICY_SERVICE, ServiceUrl::parse_or_own).flatten(),
        timeout: sources.one(&keys::SERVICES_TIMEOUT, parse::duration).unwrap_or(Duration::from_secs(8)),
        archive_concurrency: sources.one(&keys::ARCHIVE_CONCURRENCY, count),
    }
}

fn event_settings(sources: &mut Sources, folder: &Path) -> Option<EventSettings> {
    let url = sources.one(&keys::EVENTS_URL, ServiceUrl::parse);
    let mut span = |key, default| sources.one(key, parse::duration).unwrap_or(Duration::from_secs(default));
    let (timeout, max_age) = (span(&keys::EVENTS_TIMEOUT, 10), span(&keys::EVENTS_MAX_AGE, 3 * 86_400));
    let format = sources.one(&keys::EVENTS_FORMAT, events::format).unwrap_or_default();
    let source = sources.one(&keys::EVENTS_SOURCE, events::source);
    let secret_file = sources.one(&keys::EVENTS_SECRET_FILE, |text| parse::absolute(text, folder));
    let secrets = sources.many(&keys::EVENTS_SECRET, b',', events::secret).unwrap_or_default();
    Some(EventSettings { url: url?, format, source, secret_file, secrets, timeout, max_age })
}

fn http_settings(sources: &mut Sources) -> HttpSettings {
    HttpSettings {
        listen: sources.one(&keys::LISTEN, parse::address).unwrap_or_else(|| ([127, 0, 0, 1], 8066).into()),
        user_header: sources.one(&keys::USER_HEADER, parse::header).unwrap_or_else(|| "X-Http-Authed-User".to_owned()),
        default_user: sources.one(&keys::DEFAULT_USER, parse::user).unwrap_or_else(|| "root".to_owned()),
        trusted_proxies: sources.many(&keys::TRUSTED_PROXY, b',', parse::network).unwrap_or_default(),
        max_body: sources.one(&keys::MAX_BODY, parse::limit).flatten(),
        idle_timeout: sources.one(&keys::IDLE_TIMEOUT, parse::duration).unwrap_or(Duration::from_secs(60)),
        min_rate: sources.one(&keys::MIN_RATE, parse::limit).unwrap_or(Some(256)),
        max_uploads: sources.one(&keys::MAX_UPLOADS, count).unwrap_or(512),
        max_listeners: sources.one(&keys::MAX_LISTENERS, count).unwrap_or(256),
        require_token: sources.one(&keys::REQUIRE_TOKEN, parse::truth).unwrap_or(false),
        plugin_keys: sources.many(&keys::PLUGIN_KEYS, b',', parse::plugin_key).unwrap_or_default(),
    }
}

fn worker_settings(sources: &mut Sources) -> WorkerSettings {
    let mut span = |key, default| sources.one(key, parse::duration).unwrap_or(Duration::from_secs(default));
    let (lease, sweep) = (span(&keys::LEASE, 10), span(&keys::SWEEP, 2));
    let (patience, stop_timeout) = (span(&keys::PATIENCE, 8), span(&keys::STOP_TIMEOUT, 20));
    WorkerSettings {
        concurrency: sources.one(&keys::CONCURRENCY, count).unwrap_or(8),
        lease,
        sweep,
        patience,
        max_attempts: sources.one(&keys::MAX_ATTEMPTS, parse::count).unwrap_or(5),
        stop_timeout,
    }
}

/// A count of things that take memory or threads each: a mistyped one must not exhaust the machine at once.
fn count(text: &OsStr) -> Result<usize, Wrong> {
    const MOST: usize = 65_536;
    let number = parse::count::<usize>(text)?;
    if number > MOST {
        return Err(Wrong::new(format!("{number} is too many"), format!("give at most {MOST}")));
    }
    Ok(number)
}

/// The folder that a build or a package puts plugins into: the first that is there, and else the first, so that
/// whoever looks for it is told where it would be.
fn usual_plugins(program: Option<&Path>) -> Option<PathBuf> {
    let folder = program.and_then(Path::parent);
    let above = folder.and_then(Path::parent);
    let candidates = [
        above.map(|above| above.join("plugins")),
        folder.map(|folder| folder.join("plugins")),
        above.map(|above| above.join("lib/sluice/plugins")),
        Some(PathBuf::from("/usr/lib/sluice/plugins")),
        Some(PathBuf::from("/usr/share/sluice/plugins")),
    ];
    let candidates: Vec<_> = candidates.into_iter().flatten().collect();
    candidates.iter().find(|folder| folder.is_dir()).or(candidates.first()).cloned()
}
