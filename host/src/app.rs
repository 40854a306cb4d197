//! The program, put together: the rooms wired to each other, started, and stopped in order.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::access;
use crate::config::{DatabaseUrl, QueueUrl, SandboxSettings, Settings};
use crate::db::Db;
use crate::handles;
use crate::http::{self, Live, Site};
use crate::ingest::{Clearing, Held, Intake, Pipeline, Replay, Retention, Sources, Sweeper, Uploads};
use crate::measures::{self, Measures};
use crate::model::{Job, JobId, JobKind, Timestamp};
use crate::outbox::{self, Deliverer};
use crate::plugin::{Compiler, Registry, Sandbox};
use crate::policy::{PolicyBook, Watch};
use crate::queue::Queue;
use crate::seams::{self, Seams};
use crate::spool::{MemberLimits, Spool, UploadStore};

/// What this process does of the site's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It answers HTTP.
    pub http: bool,
    /// It works jobs off.
    pub worker: bool,
}

/// Runs the program until it is told to stop by SIGTERM or SIGINT. Whatever can be found wrong is found before the
/// socket is bound.
pub async fn serve(settings: Settings, roles: Roles) -> anyhow::Result<()> {
    // First of all, so that a process told to stop while it starts stops in order as well.
    let stop = stop_signal()?;
    handles::take_all(if roles.http { settings.http.max_uploads } else { 0 });
    let parts = Parts::open(&settings, roles).await?;
    // Set when the time for a graceful stop is over: what is still in hand then is handed back.
    let cut = CancellationToken::new();

    let mut tasks = JoinSet::new();
    let renewing = CancellationToken::new();
    let renewals = parts.renewals(&settings, &renewing);
    let (book, following) = (parts.policy.clone(), stop.clone());
    tasks.spawn(async move { book.follow(following).await });
    if let Some(folder) = settings.policy.watch.clone() {
        let (book, watching) = (parts.policy.clone(), stop.clone());
        let watch = Watch::new(&folder).with_context(|| format!("{} cannot be watched", folder.display()))?;
        tasks.spawn(async move { watch.run(&book, watching).await });
    }
    if let Some(deliverer) = parts.deliverer.clone() {
        let delivering = stop.clone();
        tasks.spawn(async move { deliverer.run(delivering).await });
    }
    let pipeline = roles.worker.then(|| Arc::new(parts.pipeline(&settings, cut.clone())));
    let clearing = pipeline.as_ref().map(|pipeline| pipeline.clearing.clone());
    if let Some(pipeline) = pipeline.clone() {
        let sweeper = Sweeper {
            pipeline: pipeline.clone(),
            every: settings.worker.sweep,
            uploads: parts.uploads.clone(),
            expire_uploads: settings.uploads.expire,
            keep_failed: settings.spool.keep_failed,
        };
        let sweeping = stop.clone();
        tasks.spawn(async move { sweeper.run(sweeping).await });
        let retention = Retention { db: parts.db.clone(), kept: settings.retention };
        let forgetting = stop.clone();
        tasks.spawn(async move { retention.run(forgetting).await });
        let (queue, concurrency, working) = (parts.queue.clone(), settings.worker.concurrency, stop.clone());
        tasks.spawn(async move {
            let run = move |job| {
                let pipeline = pipeline.clone();
                async move { pipeline.run(job).await }
            };
            queue.work(concurrency, run, working).await;
        });
    }
    if roles.http {
        access::first_token(&parts.db, &settings.data, Timestamp::now()).await?;
        let listen = settings.http.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen}; is another server there? --listen names another address")
        })?;
        let address = listener.local_addr()?;
        let router = http::router(parts.site(&settings, &stop, pipeline.clone()));
        let (serving, patience) = (stop.clone(), settings.worker.stop_timeout);
        tasks.spawn(async move { http::serve(listener, router, serving, patience).await });
        announce(&format!("listening on http://{address}"));
    } else {
        announce("working");
    }
    if let Some(listen) = settings.metrics_listen {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {listen}; metrics.listen names another"))?;
        tracing::info!(address = %listener.local_addr()?, "metrics are served");
        let router = http::operations(parts.site(&settings, &stop, pipeline));
        let (serving, patience) = (stop.clone(), settings.worker.stop_timeout);
        tasks.spawn(async move { http::serve(listener, router, serving, patience).await });
    }

    stop.cancelled().await;
    tracing::info!("stopping: what is under way is brought to its end, or handed back");
    let graceful = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(settings.worker.stop_timeout, graceful).await.is_err() {
        cut.cancel();
        let rest = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(Duration::from_secs(5), rest).await);
    }
    if let Some(clearing) = clearing {
        clearing.close().await;
    }
    renewing.cancel();
    futures::future::join_all(renewals).await;
    parts.db.close().await;
    Ok(())
}

/// A bundle on this machine, to be run under a job's id.
pub struct Again {
    /// The job: one that has failed, or that is not known.
    pub id: JobId,
    /// Upload or move.
    pub kind: JobKind,
    /// Who acts.
    pub user: String,
    /// The tar, or the document of the move.
    pub path: PathBuf,
}

/// Receives a bundle from a file and works its job off in this process, beside whatever others there are. The answer is
/// the job as it has ended; none where it has not failed, so that nothing was done.
pub async fn run_again(settings: &Settings, again: Again) -> anyhow::Result<Option<Job>> {
    let Again { id, kind, user, path } = again;
    let parts = Parts::open(settings, Roles { http: false, worker: true }).await?;
    let renewing = CancellationToken::new();
    let renewals = parts.renewals(settings, &renewing);
    let run = async {
        let file = std::fs::File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let site = parts.site(settings, &CancellationToken::new(), None);
        if site.intake.readmit(id, kind, &user, file).await?.is_none() {
            return Ok(None);
        }
        let pipeline = parts.pipeline(settings, CancellationToken::new());
        loop {
            // Whoever takes it up, here or in a server, brings it to its end.
            pipeline.run(id).await;
            match parts.db.get_job(id).await? {
                Some(job) if !job.complete() => tokio::time::sleep(LOOK_AGAIN).await,
                ended => {
                    pipeline.clearing.close().await;
                    return Ok(ended);
                }
            }
        }
    };
    let ended = run.await;
    renewing.cancel();
    futures::future::join_all(renewals).await;
    parts.db.close().await;
    ended
}

/// How often it is looked whether a job has ended that is to be tried again, or that another process has taken up.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Says on standard output that the program has started. Whoever closed it does not want to know.
fn announce(what: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{what}").and_then(|()| out.flush()));
}

/// What both roles need.
struct Parts {
    db: Db,
    spool: Spool,
    uploads: UploadStore,
    seams: Seams,
    /// None where nobody is told of the ends of jobs.
    deliverer: Option<Deliverer>,
    queue: Queue,
    policy: Arc<PolicyBook>,
    measures: Measures,
    sources: Arc<Sources>,
    receiving: Arc<Held>,
    running: Arc<Held>,
    /// This process in the eyes of the others: no two ever have the same.
    owner: Arc<str>,
}

impl Parts {
    async fn open(settings: &Settings, roles: Roles) -> anyhow::Result<Self> {
        let data = &settings.data;
        std::fs::create_dir_all(data)
            .with_context(|| format!("the data folder {} cannot be made; --data names it", data.display()))?;
        let db = open_database(settings).await?;
        for migration in
            db.sync(Timestamp::now()).await.context("the database's schema cannot be brought up to date")?
        {
            tracing::info!(migration, "the database's schema was brought up to date");
        }
        let limits = MemberLimits { metadata: settings.spool.max_metadata, members: settings.spool.max_members };
        let folder = &settings.spool.folder;
        let spool = Spool::open(folder, limits)
            .with_context(|| format!("the spool folder {} cannot be made", folder.display()))?;
        let uploads = UploadStore::open(folder)
            .with_context(|| format!("the folder of uploads in {} cannot be made", folder.display()))?;
        let seams = seams::open(settings, &db)?;
        let deliverer = settings.events.as_ref().map(|events| Deliverer::open(events, &db)).transpose()?;
        let queue = Queue::open(&settings.queue, &settings.queue_tls).await?;
        let measures = measures::install().context("nothing can be counted")?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let owner = format!("{host}/{}/{:08x}", std::process::id(), rand::random::<u32>());
        let program = std::env::current_exe().context("this program's own file cannot be found")?;
        let SandboxSettings { threads, cache, compile_time, compile_memory } = &settings.sandbox;
        let compiler = Compiler { program, time: *compile_time, memory: *compile_memory };
        let sandbox = Sandbox::guarded(*threads, cache, compiler)?;
        let (folders, watched) = (settings.policy.plugins.clone(), settings.policy.watch.clone());
        let registry = Arc::new(Registry::new(sandbox, db.clone(), folders, watched));
        let file = settings.policy.file.as_deref();
        let policy = PolicyBook::open(db.clone(), registry, file, &settings.move_roots).await?;
        let policy = Arc::new(policy);
        for root in settings.move_roots.iter().filter(|root| root.starts_with(&settings.data)) {
            // The default root is the gate's own folder; all others are the admin's to make.
            std::fs::create_dir_all(root).with_context(|| format!("{} cannot be made", root.display()))?;
        }
        let sources = match Sources::open(&settings.move_roots, &own_folders(settings)) {
            // A process that only receives need not have the folders of moves at hand.
            Err(error) if !roles.worker => {
                tracing::warn!(%error, "replays cannot read the files of moves here");
                Sources::open(&[], &own_folders(settings))?
            }
            other => other?,
        };
        Ok(Self {
            db,
            spool,
            uploads,
            seams,
            deliverer,
            queue,
            policy,
            measures,
            sources: Arc::new(sources),
            receiving: Arc::default(),
            running: Arc::default(),
            owner: owner.into(),
        })
    }

    /// Renews the leases of what this process receives and works on, until it is told to stop.
    fn renewals(&self, settings: &Settings, renewing: &CancellationToken) -> Vec<JoinHandle<()>> {
        let renew = |held: &Arc<Held>| {
            let (held, db, owner) = (held.clone(), self.db.clone(), self.owner.clone());
            let (lease, renewing) = (settings.worker.lease, renewing.clone());
            tokio::spawn(async move { held.renew(db, owner, lease, renewing).await })
        };
        [&self.receiving, &self.running].into_iter().map(renew).collect()
    }

    fn pipeline(&self, settings: &Settings, stop: CancellationToken) -> Pipeline {
        Pipeline {
            db: self.db.clone(),
            spool: self.spool.clone(),
            archive: self.seams.archive.clone(),
            ids: self.seams.ids.clone(),
            metadata: self.seams.metadata.clone(),
            policy_service: self.seams.policy.clone(),
            policy: self.policy.clone(),
            sources: self.sources.clone(),
            wake: Arc::new(self.queue.clone()),
            owner: self.owner.clone(),
            lease: settings.worker.lease,
            held: self.running.clone(),
            patience: settings.worker.patience,
            max_attempts: settings.worker.max_attempts,
            clearing: Clearing::start(self.spool.clone()),
            stop,
        }
    }

    fn site(&self, settings: &Settings, stop: &CancellationToken, worker: Option<Arc<Pipeline>>) -> Arc<Site> {
        let intake = Intake {
            db: self.db.clone(),
            spool: self.spool.clone(),
            ids: self.seams.ids.clone(),
            wake: Arc::new(self.queue.clone()),
            worker,
            owner: self.owner.clone(),
            lease: settings.worker.lease,
            held: self.receiving.clone(),
        };
        let (store, expire) = (self.uploads.clone(), settings.uploads.expire);
        Arc::new(Site {
            in_parts: Uploads { intake: intake.clone(), store, expire },
            intake,
            db: self.db.clone(),
            archive: self.seams.archive.clone(),
            policy: self.policy.clone(),
            replay: Replay {
                db: self.db.clone(),
                spool: self.spool.clone(),
                archive: self.seams.archive.clone(),
                sources: self.sources.clone(),
                policy: self.policy.clone(),
            },
            live: Live::new(self.db.clone(), settings.http.max_listeners, stop.clone()),
            measures: self.measures.clone(),
            settings: Arc::new(settings.http.clone()),
            configured: Arc::new(settings.clone()),
            max_document: settings.spool.max_metadata,
            uploads: Arc::new(tokio::sync::Semaphore::new(settings.http.max_uploads)),
        })
    }
}

/// What is the gate's own, and no source of moves whatever the roots are.
fn own_folders(settings: &Settings) -> Vec<PathBuf> {
    let mut own = vec![settings.spool.folder.clone(), settings.sandbox.cache.clone()];
    own.extend(settings.archive.folder().map(Path::to_owned));
    if let DatabaseUrl::Sqlite(file) = &settings.database {
        own.push(file.clone());
    }
    if let QueueUrl::Sqlite(file) = &settings.queue {
        own.push(file.clone());
    }
    own
}

/// Opens the database, waiting for one that does not answer yet: services that start together need it.
async fn open_database(settings: &Settings) -> anyhow::Result<Db> {
    let mut attempts = settings.connect.attempts.max(1);
    loop {
        match Db::open(&settings.database, true).await {
            Ok(db) => return Ok(db.recording(outbox::recorded(settings.events.as_ref()))),
            Err(error) if error.is_temporary() && attempts > 1 => {
                tracing::warn!(%error, "waiting for the database");
                attempts -= 1;
                tokio::time::sleep(settings.connect.wait).await;
            }
            Err(error) => return Err(error).context("the database cannot be opened"),
        }
    }
}

/// Set at the first SIGTERM or SIGINT. A second one ends the program at once.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.is_cancelled() {
                tracing::warn!("told to stop twice: ending at once");
                std::process::exit(130);
            }
            told.cancel();
        }
    });
    Ok(stop)
}
