//! One component in the gate's own sandbox, and one bundle to try it on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scratch::{self, Scratch};
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::model::{
    self, BundlePath, Document, FileId, Finding, JobId, JobKind, LookupReport, Outcome, Severity, Table, TableFormat,
    TableName, Timestamp,
};
use crate::plugin::{
    Bundle, CallResult, Contents, Granted, GrantedLookup, Limits, Plan, Plugin, PluginKind, RecordedAnswers, Sandbox,
};
use crate::policy::config_mistakes;
use crate::spool::{Fault, MemberLimits, Spool};

/// When a sample was received unless it says otherwise: 2026-03-01 at 12:00 UTC, as in the SDKs' own tests.
const RECEIVED: u64 = 1_772_366_400;

/// Runs what needs a runtime.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("no threads can be started: {error}")))?;
    runtime.block_on(work)
}

/// A component that is ready to be called, and how long that took.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) plugin: Arc<Plugin>,
    pub(super) took: Duration,
}

/// Reads a component and loads it into a sandbox of its own.
pub(super) async fn load(path: &Path, surroundings: &Surroundings) -> Result<Loaded, Failure> {
    let wasm =
        std::fs::read(path).map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))?;
    let sandbox = Sandbox::new(1, &scratch::compiled(surroundings)?)
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let started = Instant::now();
    let plugin = sandbox
        .load(wasm.into())
        .await
        .map_err(|error| Failure::new(Exit::Failed, format!("{} is no plugin: {error}", path.display())))?;
    Ok(Loaded { plugin, took: started.elapsed() })
}

/// A configuration as it is given on the command line: a file, or JSON itself.
///
/// The flag has the name of the one for the program's own settings, which these commands have no use for, and so its type.
pub(super) fn read_config(given: &OsStr, surroundings: &Surroundings) -> Result<Value, Failure> {
    if let Some(json) = given.to_str().filter(|given| given.trim_start().starts_with('{')) {
        return serde_json::from_str(json)
            .map_err(|error| Failure::new(Exit::Usage, format!("--config is no JSON: {error}")));
    }
    read_config_file(&surroundings.folder.join(given))
}

/// A configuration in a file: TOML where its name ends so, JSON otherwise.
pub(super) fn read_config_file(path: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::file(format!("the configuration {} cannot be read", path.display()), &error))?;
    let parsed = match path.extension().is_some_and(|extension| extension == "toml") {
        true => toml::from_str(&text).map_err(|error| error.to_string()),
        false => serde_json::from_str(&text).map_err(|error| error.to_string()),
    };
    parsed
        .map_err(|why| Failure::new(Exit::Usage, format!("{} is no configuration: {}", path.display(), why.trim_end())))
}

/// Refuses a configuration as the gate does before a policy with it takes effect.
pub(super) async fn check_config(plugin: &Arc<Plugin>, config: &Value) -> Result<Arc<str>, Failure> {
    let mistakes = config_mistakes(plugin, config).await;
    if mistakes.is_empty() {
        return Ok(Arc::from(config.to_string()));
    }
    let name = &plugin.info().name;
    Err(Failure::new(
        Exit::Usage,
        format!("{name} refuses the configuration; say another with --config\n  {}", mistakes.join("\n  ")),
    ))
}

/// The tables of `--table NAME=FILE`, granted.
pub(super) fn granted(tables: &[String], surroundings: &Surroundings) -> Result<Granted, Failure> {
    let mut granted = Granted::default();
    for given in tables {
        let named = given.split_once('=').and_then(|(name, file)| Some((name.parse::<TableName>().ok()?, file)));
        let Some((name, file)) = named else {
            let why = format!("--table {given} is none: give NAME=FILE, such as projects=projects.csv");
            return Err(Failure::new(Exit::Usage, why));
        };
        let path = surroundings.folder.join(file);
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::file(format!("the table {} cannot be read", path.display()), &error))?;
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let format = if json { TableFormat::Json } else { TableFormat::Csv };
        let table = Table::parse(&bytes, format, None).map_err(|mistakes| {
            Failure::new(Exit::Usage, format!("{} is no table\n  {}", path.display(), mistakes.join("\n  ")))
        })?;
        granted.tables.insert(name.into(), Arc::new(table));
    }
    Ok(granted)
}

/// Answers to lookups from a file.
pub(super) fn read_lookups(path: &Path) -> Result<GrantedLookup, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::file(format!("the answers in {} cannot be read", path.display()), &error))?;
    let recorded = RecordedAnswers::parse(&text)
        .map_err(|why| Failure::new(Exit::Usage, format!("{} has no answers to lookups: {why}", path.display())))?;
    Ok(GrantedLookup::Recorded(Arc::new(recorded)))
}

/// What a sample's `job.json` may say of its job.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct JobWire {
    job_id: i64,
    kind: JobKind,
    user: String,
    /// Seconds since 1970.
    received: u64,
}

impl Default for JobWire {
    fn default() -> Self {
        Self { job_id: 1, kind: JobKind::Upload, user: "root".to_owned(), received: RECEIVED }
    }
}

/// A bundle to try a plugin on.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) bundle: Arc<Bundle>,
    /// What of it is odd, and worth a remark.
    pub(super) remarks: Vec<String>,
    /// Where its files lie, if it came as a tar.
    _unpacked: Option<Scratch>,
}

/// The files of a sample, by the index of their rows.
struct Files(Vec<Option<PathBuf>>);

impl Contents for Files {
    fn open(&self, file: usize) -> Option<File> {
        File::open(self.0.get(file)?.as_ref()?).ok()
    }
}

impl Sample {
    /// The bundle in a folder (`metadata.txt` and `data/`) or a tar.
    pub(super) fn open(path: &Path, surroundings: &Surroundings) -> Result<Self, Failure> {
        if path.is_dir() { Self::of_folder(path) } else { Self::of_tar(path, surroundings) }
    }

    fn of_folder(folder: &Path) -> Result<Self, Failure> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))
        };
        let job = match read("job.json") {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Failure::new(Exit::Usage, format!("{}/job.json: {error}", folder.display())))?,
            Err(Failure { exit: Exit::NotFound, .. }) => JobWire::default(),
            Err(failure) => return Err(failure),
        };
        let data = folder.join("data");
        Self::build(folder, read("metadata.txt")?, job, None, |path| {
            Some(data.join(path.as_str())).filter(|path| path.is_file())
        })
    }

    fn of_tar(path: &Path, surroundings: &Surroundings) -> Result<Self, Failure> {
        let tar =
            File::open(path).map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))?;
        let scratch = Scratch::new(surroundings)?;
        let wrong = |why: String| Failure::new(Exit::Failed, format!("{} is no bundle: {why}", path.display()));
        let limits = MemberLimits { metadata: u64::MAX, members: u64::MAX };
        let spool = Spool::open(scratch.path(), limits).map_err(|error| wrong(error.to_string()))?;
        let job = JobId::new(1);
        let manifest = spool.receive_tar(job, tar).map_err(|error| wrong(error.to_string()))?;
        if let Some(Fault::NoTar(why) | Fault::Broken(why) | Fault::Metadata(why)) = &manifest.fault {
            return Err(wrong(why.clone()));
        }
        if !manifest.metadata {
            return Err(wrong("it has no metadata.txt".to_owned()));
        }
        let document = spool.metadata(job).map_err(|error| wrong(error.to_string()))?;
        let members: BTreeMap<BundlePath, PathBuf> =
            manifest.members.iter().map(|member| (member.path.clone(), spool.member(job, member))).collect();
        Self::build(path, document, JobWire::default(), Some(scratch), |path| members.get(path).cloned())
    }

    fn build(
        place: &Path,
        document: Vec<u8>,
        job: JobWire,
        unpacked: Option<Scratch>,
        find: impl Fn(&BundlePath) -> Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let document = Document::parse(document)
            .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", place.display())))?;
        let rows = document.files();
        let files: Vec<_> = rows.iter().map(|row| row.path.as_ref().ok().and_then(&find)).collect();
        let missing = rows.iter().zip(&files).filter(|(_, file)| file.is_none());
        let remarks = missing.map(|(row, _)| format!("{}: data/ lacks {}", place.display(), row.name)).collect();
        let ids = (1..).map(FileId::new).take(files.len()).collect();
        let received = Timestamp::from_micros(i64::try_from(job.received).unwrap_or(0).saturating_mul(1_000_000));
        let contents = Arc::new(Files(files));
        let (id, document) = (Some(JobId::new(job.job_id)), Arc::new(document));
        let bundle = Arc::new(Bundle::new(id, job.kind, job.user, received, document, ids, contents));
        Ok(Self { bundle, remarks, _unpacked: unpacked })
    }
}

/// What a plugin made of a bundle.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) findings: Vec<Finding>,
    /// Of a mover: where each file goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) places: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<model::Failure>,
}

/// A call's verdict and its cost.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) duration: Duration,
    pub(super) instantiated: Duration,
    pub(super) memory: usize,
    pub(super) lookups: Vec<LookupReport>,
}

/// Has a plugin judge a sample.
pub(super) async fn judge(
    plugin: &Arc<Plugin>,
    sample: &Sample,
    config: Arc<str>,
    granted: Granted,
    limits: Limits,
) -> Judged {
    match plugin.info().kind {
        PluginKind::Validator => judged(plugin.validate(&sample.bundle, config, granted, limits).await, |findings| {
            let rejects = findings.iter().any(|finding| finding.severity == Severity::Error);
            let outcome = if rejects { Outcome::Rejected } else { Outcome::Passed };
            Verdict { outcome, findings, places: None, failure: None }
        }),
        PluginKind::Mover => judged(plugin.plan(&sample.bundle, config, granted, limits).await, |plan| match plan {
            Plan::Refuse(findings) => Verdict { outcome: Outcome::Rejected, findings, places: None, failure: None },
            Plan::Place(places) => {
                let rows = sample.bundle.document.files();
                let name =
                    |file: usize| rows.get(file).map_or_else(|| format!("#{file}"), |row| path_of(row).to_owned());
                let places = places.into_iter().map(|place| (name(place.file), place.path)).collect();
                Verdict { outcome: Outcome::Passed, findings: Vec::new(), places: Some(places), failure: None }
            }
        }),
    }
}

fn path_of(row: &model::FileRow) -> &str {
    row.path.as_ref().map_or(&row.name, BundlePath::as_str)
}

fn judged<T>(result: CallResult<T>, verdict: impl FnOnce(T) -> Verdict) -> Judged {
    let verdict = result.answer.map(verdict).unwrap_or_else(|failure| Verdict {
        outcome: Outcome::Failed,
        findings: Vec::new(),
        places: None,
        failure: Some(failure),
    });
    Judged {
        verdict,
        duration: result.duration,
        instantiated: result.instantiated,
        memory: result.memory,
        lookups: result.lookups,
    }
}
