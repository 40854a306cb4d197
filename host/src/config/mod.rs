//! What the program is told: flags, environment and `sluice.toml`, parsed once into typed sections.
//!
//! Flags go before `SLUICE_*` variables, those before the variables of an installed Pacifica Ingest, those before the
//! file, and the file before the defaults. Nothing else in the program reads the environment. All mistakes are reported
//! together, each with the key that is wrong and where it came from, before anything starts. A password is never shown:
//! not by `Debug`, not by `Display`, not in a mistake.
//!
//! One setting's way through the files here: its names are in `keys`; `flags`, `environment` and `file` bring in what
//! was given under them; `load` takes the one that goes first, has `parse` read it, and fills in the defaults; `check`
//! looks at what must hold between settings.

mod check;
mod environment;
mod events;
mod file;
mod flags;
mod keys;
mod load;
mod mistake;
mod parse;
mod redact;
mod remote;
mod stores;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

pub use environment::foreign_database;
pub use events::{EventFormat, EventSettings, Secret, read_secrets};
pub use flags::Flags;
pub use load::{Loaded, Origin, Surroundings, load};
pub use mistake::{Mistake, Mistakes, Source};
pub use redact::without_password;
pub use remote::{ServiceUrl, StoreUrl};
pub use stores::{ArchiveUrl, DatabaseUrl, QueueTls, QueueUrl};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder: spool, archive, cache and databases, unless they are set elsewhere.
    pub data: PathBuf,
    /// The HTTP side.
    pub http: HttpSettings,
    /// Where jobs are kept.
    pub database: DatabaseUrl,
    /// How long a starting program waits for the database.
    pub connect: ConnectSettings,
    /// Where wake-ups are kept.
    pub queue: QueueUrl,
    /// The certificates of a queue over TLS.
    pub queue_tls: QueueTls,
    /// Where accepted files end up.
    pub archive: ArchiveUrl,
    /// The services behind the gate that a site has beside it.
    pub services: ServiceSettings,
    /// The folders that move sources may lie in, absolute.
    pub move_roots: Vec<PathBuf>,
    /// The rules.
    pub policy: PolicySettings,
    /// How bundles are received.
    pub spool: SpoolSettings,
    /// How bundles are received in parts.
    pub uploads: UploadSettings,
    /// How long what is recorded of jobs is kept.
    pub retention: RetentionSettings,
    /// How jobs are worked off.
    pub worker: WorkerSettings,
    /// The sandbox.
    pub sandbox: SandboxSettings,
    /// Who is told of the ends of jobs; none for nobody.
    pub events: Option<EventSettings>,
    /// Where a process tells how it is, beside its calls; none for nowhere else.
    pub metrics_listen: Option<SocketAddr>,
    /// What is logged.
    pub log: LogSettings,
    /// Where traces go.
    pub traces: TraceSettings,
}

/// Services that do what the gate otherwise does itself. None is the gate's own.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Gives out the ids of jobs and files.
    pub ids: Option<ServiceUrl>,
    /// Takes the metadata of accepted bundles.
    pub metadata: Option<ServiceUrl>,
    /// Is asked after the rules.
    pub policy: Option<ServiceUrl>,
    /// How long one of them may leave a call without an answer.
    pub timeout: Duration,
    /// Files that are sent to the archive at a time; none for what suits the archive.
    pub archive_concurrency: Option<usize>,
}

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The header that names the acting user.
    pub user_header: String,
    /// The acting user where no header is believed.
    pub default_user: String,
    /// The proxies whose user header is believed. On a loopback address, none means every local client.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest body accepted, in bytes; none for no limit.
    pub max_body: Option<u64>,
    /// How long a client may send nothing in the middle of a body.
    pub idle_timeout: Duration,
    /// The fewest bytes a second that a client may send; none for any.
    pub min_rate: Option<u64>,
    /// Uploads received at a time; more are answered 503 with Retry-After.
    pub max_uploads: usize,
    /// Listeners to live events at a time; more are answered 503 with Retry-After.
    pub max_listeners: usize,
    /// Whether every call needs a token, Pacifica's included.
    pub require_token: bool,
    /// The keys of which one must have signed a plugin that is added; none takes unsigned ones.
    pub plugin_keys: Vec<PluginKey>,
}

/// A minisign public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginKey(pub minisign_verify::PublicKey);

/// How long a starting program waits for a database that does not answer yet, as services that start together need it.
#[derive(Clone, Debug)]
pub struct ConnectSettings {
    /// How often it tries.
    pub attempts: u32,
    /// How long it waits between two tries.
    pub wait: Duration,
}

/// The rules.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// The policy document to start with; none for what the database has, or the starter policy.
    pub file: Option<PathBuf>,
    /// Folders with components, `NAME.wasm`.
    pub plugins: Vec<PathBuf>,
    /// A folder whose components are run as soon as they are saved; for development.
    pub watch: Option<PathBuf>,
}

/// How bundles are received.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    /// The folder.
    pub folder: PathBuf,
    /// The largest metadata.txt accepted, in bytes.
    pub max_metadata: u64,
    /// The most members a bundle may have.
    pub max_members: u64,
    /// How long a failed bundle is kept, so that its job can be tried again.
    pub keep_failed: Duration,
}

/// How bundles are received in parts.
#[derive(Clone, Debug)]
pub struct UploadSettings {
    /// How long an upload is kept to which nothing is added.
    pub expire: Duration,
}

/// How long what is recorded of jobs is kept. None is for good.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// What the rules said of a job.
    pub reports: Option<Duration>,
    /// The record of a job that has ended. What was archived of it stays.
    pub jobs: Option<Duration>,
    /// Events that were delivered or given up, be there a receiver still or not.
    pub events: Duration,
}

/// How jobs are worked off.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Jobs worked on at a time.
    pub concurrency: usize,
    /// How long a worker that has fallen silent keeps its jobs.
    pub lease: Duration,
    /// How often the sweeper looks for jobs whose wake-up was lost.
    pub sweep: Duration,
    /// How long temporary faults of one job are retried before it fails.
    pub patience: Duration,
    /// How often a job is taken up before it fails: a job that kills its worker must not come back for ever.
    pub max_attempts: u32,
    /// How long a graceful stop waits for running jobs before it hands them back.
    pub stop_timeout: Duration,
}

/// The sandbox.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Threads that guests run on, and so the number of calls at a time.
    pub threads: usize,
    /// Where compiled components are cached.
    pub cache: PathBuf,
    /// How long a component may take to compile.
    pub compile_time: Duration,
    /// The memory that compiling a component may take, in bytes.
    pub compile_memory: u64,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// What to log, as `tracing` filters are written: `info`, `sluice=debug`.
    pub filter: String,
    /// One JSON object per line instead of text.
    pub json: bool,
}

/// Traces, as OpenTelemetry has them.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The collector's address for traces, over OTLP/HTTP; none for no traces.
    pub endpoint: Option<Url>,
    /// The part of all requests and jobs that is traced, from 0 to 1.
    pub ratio: f64,
}
