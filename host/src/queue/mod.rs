//! Wake-ups: which job a worker should look at. The only room that knows apalis.
//!
//! The queue carries a job's id and kind and nothing else; the database is the truth. A wake-up that comes twice finds
//! nothing to do, one that gets lost is sent again by the sweeper. So the queue may be slow, empty or away, and no job
//! is lost by it.
//!
//! Whoever receives a job in the process whose worker could have it at once, and shares that with no other machine, need not
//! ask the queue: it gives him one of the worker's [slots](Wake::slot).

mod slots;

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use apalis::prelude::*;
use apalis_core::backend::Vacuum;
use apalis_redis::RedisStorage;
use apalis_sqlite::SqliteStorage;
use async_trait::async_trait;
use futures::channel::mpsc;
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::config::{QueueTls, QueueUrl};
use crate::failpoint::{self, Point};
use crate::ingest::{Slot, Wake};
use crate::model::{JobId, JobKind};
use crate::seams::service::choose_cryptography;

use slots::Slots;

/// The queue's name, in Redis the beginning of its keys.
const NAME: &str = "sluice:jobs";
/// So many wake-ups a worker takes from a queue in a file at a time, since each time is a transaction. Those for which it has
/// no slot yet wait a moment at most, and the sweeper sends another one of what waits longer, or died with it.
const AT_A_TIME: usize = 4;
/// How soon a worker sees what another process has pushed. What its own process pushes it sees at once.
const LOOK: Duration = Duration::from_millis(25);
/// A worker that has not been heard of for a few of these is dead, and what it held is queued again.
const HEARTBEAT: Duration = Duration::from_secs(2);
const MISSED: usize = 3;
/// How long a push may take before it is left to the sweeper.
const PUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait before a worker that ended by a fault is started anew.
const RESTART: Duration = Duration::from_secs(1);
/// How often, and from what age on, finished wake-ups are removed from the queue.
const CLEANING: Duration = Duration::from_secs(60);

/// What travels: old ones must stay readable, so it holds ids only.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WakeUp {
    job: JobId,
    kind: JobKind,
}

#[derive(Clone)]
enum Storage {
    Sqlite(Box<SqliteStorage<WakeUp>>, SqlitePool),
    Redis(Box<RedisStorage<WakeUp>>),
}

/// Runs a worker to its end. A macro, since the two storages share no type that could be named in a signature. A name
/// is used once: apalis refuses a worker whose name it has seen before.
macro_rules! run_worker {
    ($storage:expr, $slots:expr, $handle:expr, $looks:expr, $stop:expr) => {{
        let (handle, stop) = ($handle.clone(), $stop.clone());
        let name = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        let stopped = async move {
            stop.cancelled().await;
            Ok::<(), WorkerError>(())
        };
        WorkerBuilder::new(name)
            .backend($storage.poll_with_strategy(Strategy::new().stream($looks).interval(LOOK)))
            .layer($slots)
            .build(move |wake_up: WakeUp| {
                // On a task of its own. The worker is one task, which asks the queue whenever it is woken: were jobs part of
                // it, each step of each job would be a question, and all of them would share a processor.
                AbortOnDropHandle::new(tokio::spawn(handle(wake_up.job)))
            })
            .run_until(stopped)
            .await
    }};
}

/// The queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    storage: Storage,
    /// What is to be pushed together, when it is the turn of one of those who wait for it.
    pending: Arc<Mutex<Vec<WakeUp>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Tells the worker of this process to look at once.
    look: Arc<Mutex<Option<mpsc::UnboundedSender<()>>>>,
    /// The worker of this process, once it has one.
    worker: Arc<OnceLock<Worker>>,
}

struct Worker {
    slots: Slots,
    /// The jobs in hand that have not come by the queue.
    at_once: TaskTracker,
    stop: CancellationToken,
}

impl Queue {
    /// Connects to the queue. A Redis that is away is waited for in the background; one that cannot be trusted, or does
    /// not trust us, is an error.
    pub async fn open(url: &QueueUrl, tls: &QueueTls) -> anyhow::Result<Self> {
        let storage = match url {
            QueueUrl::Sqlite(file) => {
                open_sqlite(file).await.with_context(|| format!("the queue {} cannot be opened", file.display()))?
            }
            QueueUrl::Redis(address) => {
                if address.starts_with(WITH_TLS)
                    && let Ok(Err(RedisFault::NoTrust(why, remedy))) =
                        tokio::time::timeout(PUSH_TIMEOUT, ping(address, tls)).await
                {
                    anyhow::bail!("the queue {url}: {why}; {remedy}");
                }
                open_redis(address, tls).context("the queue's Redis cannot be used")?
            }
        };
        Ok(Self {
            storage,
            pending: Arc::default(),
            turn: Arc::default(),
            look: Arc::default(),
            worker: Arc::default(),
        })
    }

    async fn push(&self, wake_ups: Vec<WakeUp>) -> anyhow::Result<()> {
        match self.storage.clone() {
            Storage::Sqlite(mut storage, _) => storage.push_bulk(wake_ups).await?,
            Storage::Redis(mut storage) => storage.push_bulk(wake_ups).await?,
        }
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, Vec<WakeUp>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands wake-ups to `handle`, so many at a time and some more of those that take long, until told to stop; then waits
    /// for those in hand. A worker that ends by a fault is started anew: the queue may be away for a while, the worker must not be.
    pub async fn work<F, Fut>(&self, concurrency: usize, handle: F, stop: CancellationToken)
    where
        F: Fn(JobId) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Worker { slots, at_once, .. } = self.worker.get_or_init(|| Worker {
            slots: Slots::new(concurrency),
            at_once: TaskTracker::new(),
            stop: stop.clone(),
        });
        let cleaning = tokio::spawn(stop.clone().run_until_cancelled_owned(self.clone().clean()));
        while !stop.is_cancelled() {
            let (look, looks) = mpsc::unbounded();
            *self.look.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
            // What was pushed while there was no worker to tell is found by looking.
            let ended = match self.storage.clone() {
                Storage::Sqlite(storage, _) => run_worker!(*storage, slots.clone(), handle, looks, stop),
                Storage::Redis(storage) => run_worker!(*storage, slots.clone(), handle, looks, stop),
            };
            if !stop.is_cancelled() {
                let error = ended.err().map(|error| error.to_string());
                tracing::warn!(error, "the queue's worker ended; it is started anew");
                stop.run_until_cancelled(tokio::time::sleep(RESTART)).await;
            }
        }
        cleaning.abort();
        at_once.close();
        at_once.wait().await;
    }

    /// Removes finished wake-ups, which the queue would keep for ever.
    async fn clean(self) {
        let mut turns = tokio::time::interval(CLEANING);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let cleaned = match self.storage.clone() {
                Storage::Sqlite(_, pool) => clean_sqlite(&pool).await.map_err(anyhow::Error::from),
                Storage::Redis(mut storage) => storage.vacuum_before(CLEANING).await.map_err(anyhow::Error::from),
            };
            match cleaned {
                Ok(count) => tracing::debug!(count, "finished wake-ups removed from the queue"),
                Err(error) => tracing::warn!(%error, "finished wake-ups cannot be removed from the queue"),
            }
        }
    }
}

#[async_trait]
impl Wake for Queue {
    async fn wake(&self, job: JobId, kind: JobKind) {
        failpoint::pass(Point::QueuePush);
        self.pending().push(WakeUp { job, kind });
        // Those who wait for their turn push theirs together with the first of them.
        let _turn = self.turn.lock().await;
        let together = std::mem::take(&mut *self.pending());
        if together.is_empty() {
            return;
        }
        let count = together.len();
        match tokio::time::timeout(PUSH_TIMEOUT, self.push(together)).await {
            Ok(Ok(())) => {
                let look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(look) = &*look {
                    // Nobody looks while the worker is being started anew; it looks first thing.
                    drop(look.unbounded_send(()));
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%job, count, %error, "the queue took no wake-up; the sweeper sends another one");
            }
            Err(_) => tracing::warn!(%job, count, "the queue does not answer; the sweeper sends another wake-up"),
        }
    }

    fn free(&self) -> usize {
        self.worker.get().map_or(0, |worker| worker.slots.free())
    }

    /// A queue in a file is this machine's own, and who has a hand free need not ask it. One in Redis is there to spread the
    /// jobs over the workers of many.
    fn slot(&self) -> Option<Slot> {
        let Storage::Sqlite(..) = self.storage else { return None };
        let worker = self.worker.get()?;
        // Before the look at `stop`: from here on its end is waited for.
        let token = worker.at_once.token();
        if worker.stop.is_cancelled() {
            return None;
        }
        let slot = worker.slots.take()?;
        Some(Slot::new(move |work| {
            tokio::spawn(async move {
                slot.run(work).await;
                drop(token);
            });
        }))
    }
}

async fn open_sqlite(file: &Path) -> anyhow::Result<Storage> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Losing wake-ups in a power cut is no harm; waiting for the disk at each would be.
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(Duration::from_secs(10));
    // Each turn is one that writes. Two connections would sleep whenever they came to each other's.
    let pool = SqlitePoolOptions::new().max_connections(1).before_acquire(|connection, _| {
        // See the database's own pool: after a fault of the disk, one may be stuck in a transaction that is over.
        let usable = !connection.is_in_transaction();
        Box::pin(async move { Ok(usable) })
    });
    let pool = pool.connect_with(options).await?;
    SqliteStorage::setup(&pool).await?;
    sqlx::raw_sql(TAKEN).execute(&pool).await?;
    let config = apalis_sqlite::Config::default()
        .queue(NAME)
        .batch_size(AT_A_TIME)
        // The lease in the database is what keeps two workers from one job.
        .lock_tasks(false)
        // Nor is there anything left to be answered.
        .persist_results(false)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats(MISSED);
    Ok(Storage::Sqlite(Box::new(SqliteStorage::new(&pool).with_config(config)), pool))
}

/// A wake-up that a worker has taken is gone. The job's own record tells whether it was worked off, and where a worker dies with
/// wake-ups in hand, the sweeper sends others. Kept until it is answered, each would cost two more transactions, and apalis
/// looks for those that it answers among all that the worker has ever had: a thousand of them cost more than a job.
///
/// What a statement returns are its rows as they were before a trigger.
const TAKEN: &str =
    "CREATE TRIGGER IF NOT EXISTS sluice_taken AFTER UPDATE OF status ON Jobs WHEN NEW.status = 'Queued'
    BEGIN DELETE FROM Jobs WHERE rowid = NEW.rowid; END";

/// The wake-ups that have been answered for so many seconds, a few at a time. Only earlier versions had them answered.
const ANSWERED: &str = "DELETE FROM Jobs WHERE rowid IN (
        SELECT rowid FROM Jobs WHERE status IN ('Done', 'Failed', 'Killed') AND done_at IS NOT NULL
            AND done_at <= unixepoch() - ?1 AND (status <> 'Failed' OR max_attempts <= attempts) LIMIT ?2)";
const AT_ONCE: u32 = 500;

/// apalis's own way also rewrites the whole file, once a minute, and nobody can push while it does: with a hundred thousand
/// wake-ups waiting that takes seconds. What is deleted here leaves its room to those that come.
async fn clean_sqlite(pool: &SqlitePool) -> sqlx::Result<usize> {
    let mut all = 0;
    loop {
        let query = sqlx::query(ANSWERED).bind(CLEANING.as_secs().cast_signed()).bind(AT_ONCE);
        let gone = query.execute(pool).await?.rows_affected();
        all += gone as usize;
        if gone < u64::from(AT_ONCE) {
            return Ok(all);
        }
    }
}

fn open_redis(url: &str, tls: &QueueTls) -> anyhow::Result<Storage> {
    let client = redis_client(url, tls)?;
    let connection = client.get_connection_manager_lazy(Default::default())?;
    let config = apalis_redis::Config::default()
        .queue(NAME)
        // A worker that holds wake-ups for which it has no slot sends no heartbeats, and Redis forgets it.
        .batch_size(1)
        // The lease in the database is what keeps two workers from one job.
        .lock_tasks(false)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats(MISSED)
        .emit_events(false);
    Ok(Storage::Redis(Box::new(RedisStorage::new(connection).with_config(config))))
}

/// How the URL of a Redis begins that speaks TLS.
const WITH_TLS: &str = "rediss://";

/// A client of Redis, with the certificates of the settings. An error names the setting whose file is of no use.
fn redis_client(url: &str, tls: &QueueTls) -> anyhow::Result<redis::Client> {
    if !url.starts_with(WITH_TLS) {
        return Ok(redis::Client::open(url)?);
    }
    choose_cryptography();
    let read = |key: &str, file: &Path, what: &str| {
        let pem = std::fs::read(file).with_context(|| format!("{key} {} cannot be read", file.display()))?;
        if !String::from_utf8_lossy(&pem).contains(what) {
            anyhow::bail!("{key} {} holds no {} in PEM", file.display(), what.to_lowercase());
        }
        Ok(pem)
    };
    let root_cert = tls.ca.as_deref().map(|file| read("queue_ca", file, "CERTIFICATE")).transpose()?;
    let client_tls = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => Some(redis::ClientTlsConfig {
            client_cert: read("queue_cert", cert, "CERTIFICATE")?,
            client_key: read("queue_key", key, "PRIVATE KEY")?,
        }),
        _ => None,
    };
    Ok(redis::Client::build_with_tls(url, redis::TlsCertificates { client_tls, root_cert })?)
}

/// Why Redis did not answer.
#[derive(Debug)]
pub(crate) enum RedisFault {
    /// The two do not trust each other, or only one of them speaks TLS: what is wrong, and what to do.
    NoTrust(String, &'static str),
    /// Anything else.
    Other(String),
}

/// Asks Redis for an answer.
pub(crate) async fn ping(url: &str, tls: &QueueTls) -> Result<(), RedisFault> {
    let with_tls = url.starts_with(WITH_TLS);
    let client = redis_client(url, tls).map_err(|error| match with_tls {
        true => RedisFault::NoTrust(format!("{error:#}"), "give PEM files that the user of sluice may read"),
        false => RedisFault::Other(format!("{error:#}")),
    })?;
    let asked = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<()>(&mut connection).await
    };
    asked.await.map_err(|error: redis::RedisError| fault(&error, with_tls))
}

/// The library hands on what TLS has said in words alone: those of rustls.
fn fault(error: &redis::RedisError, with_tls: bool) -> RedisFault {
    let why = error.to_string();
    let says = |words: &str| why.contains(words);
    let remedy = if !with_tls {
        // Whoever waits for a handshake hangs up on what is none.
        if !error.is_connection_dropped() {
            return RedisFault::Other(why);
        }
        "it hangs up: if it speaks TLS alone, the URL is to begin with rediss://"
    } else if says("UnknownIssuer") || says("BadSignature") {
        "no CA that is known here has signed its certificate: name the CA's file in queue_ca"
    } else if says("not valid for name") || says("NotValidForName") {
        "its certificate is for another name: call it in the URL as its certificate does"
    } else if says("expired") || says("Expired") || says("NotValidYet") || says("not valid yet") {
        "renew its certificate, or mend the clock that is wrong"
    } else if says("invalid peer certificate") {
        "have its certificate mended"
    } else if says("received fatal alert") {
        "it refuses our certificate, or wants one: queue_cert and queue_key"
    } else if says("received corrupt message") || says("peer is incompatible") {
        "it does not speak TLS there, or an old one: is it to be redis://, or another port?"
    } else {
        return RedisFault::Other(why);
    };
    RedisFault::NoTrust(why, remedy)
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;

    /// What workers have had is not looked through again and again, and there is nothing to be answered.
    #[tokio::test]
    async fn a_wake_up_that_a_worker_has_taken_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open(&QueueUrl::Sqlite(folder.path().join("queue.db")), &QueueTls::default()).await.unwrap();
        let Storage::Sqlite(_, pool) = &queue.storage else { panic!("a queue in a file") };
        for id in 1..=10 {
            queue.wake(JobId::new(id), JobKind::Upload).await;
        }
        let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let working = tokio::spawn({
            let (queue, stop) = (queue.clone(), stop.clone());
            let handle = move |job| {
                told.send(job).unwrap();
                std::future::ready(())
            };
            async move { queue.work(2, handle, stop).await }
        });
        let mut jobs = Vec::new();
        while jobs.len() < 10 {
            jobs.push(seen.recv().await.unwrap().get());
        }
        jobs.sort_unstable();
        assert_eq!(jobs, (1..=10).collect::<Vec<_>>());
        let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM Jobs").fetch_one(pool).await.unwrap();
        assert_eq!(left, 0);
        stop.cancel();
        working.await.unwrap();
    }

    #[tokio::test]
    async fn a_worker_of_this_process_with_a_slot_needs_no_wake_up_and_is_not_over_before_its_jobs() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open(&QueueUrl::Sqlite(folder.path().join("queue.db")), &QueueTls::default()).await.unwrap();
        assert!(queue.slot().is_none(), "there is no worker yet");
        let stop = CancellationToken::new();
        let working = tokio::spawn({
            let (queue, stop) = (queue.clone(), stop.clone());
            async move { queue.work(2, |_| std::future::ready(()), stop).await }
        });
        let first = loop {
            match queue.slot() {
                Some(slot) => break slot,
                None => tokio::task::yield_now().await,
            }
        };
        let second = queue.slot().unwrap();
        assert!(queue.slot().is_none(), "both are taken");
        assert_eq!(queue.free(), 0);
        drop(second);
        assert_eq!(queue.free(), 1);

        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        first.begin(async move { drop(ended.await) });
        stop.cancel();
        assert!(queue.slot().is_none(), "it is told to stop");
        // All else of it is over.
        while !queue.worker.get().unwrap().at_once.is_closed() {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        assert!(!working.is_finished(), "its job is not over");
        end.send(()).unwrap();
        working.await.unwrap();
    }

    #[tokio::test]
    async fn answered_wake_ups_go_and_neither_those_that_wait_nor_the_file_are_touched() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open(&QueueUrl::Sqlite(folder.path().join("queue.db")), &QueueTls::default()).await.unwrap();
        let Storage::Sqlite(_, pool) = &queue.storage else { panic!("a queue in a file") };
        for id in 0..1_205 {
            queue.push(vec![WakeUp { job: JobId::new(id), kind: JobKind::Upload }]).await.unwrap();
        }
        let answer = "UPDATE Jobs SET status = 'Done', done_at = unixepoch() - ?1 WHERE rowid IN
                          (SELECT rowid FROM Jobs WHERE status = 'Pending' LIMIT ?2)";
        for (age, count) in [(100, 1_200), (0, 3)] {
            sqlx::query(answer).bind(age).bind(count).execute(pool).await.unwrap();
        }
        assert_eq!(clean_sqlite(pool).await.unwrap(), 1_200);
        let left = sqlx::query("SELECT status, COUNT(*) FROM Jobs GROUP BY status ORDER BY status");
        let left = left.fetch_all(pool).await.unwrap();
        let left: Vec<(String, i64)> = left.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(left, [("Done".to_owned(), 3), ("Pending".to_owned(), 2)]);
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ANSWERED}"))).bind(60).bind(AT_ONCE);
        let plan = plan.fetch_all(pool).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.contains("idx_jobs_completed_done_at")), "{plan:?}");
    }
}
