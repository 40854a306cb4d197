//! The database: the only room that knows SQL.
//!
//! SQLite for one machine, PostgreSQL for many; the same functions, the same statements, the same tests. The record of
//! a job is the truth of the gate, and what is promised here is what makes steps safe to run twice:
//!
//! - A job is worked on under a lease. Every claim and every cancellation raises its epoch, and a worker's writes name
//!   the epoch that it was given: a late worker changes nothing and learns it from [`DbError::LeaseLost`].
//! - What the pipeline may have to repeat is idempotent: done again, it finds its work done and says so.
//! - A place in the archive belongs to one file, reserved before it is used.
//! - Where ends of jobs are told of, the event is written in the transaction that ends the job.
//! - Policy revisions, plugins and versions of lookup tables are added, never changed.
//!
//! Every write is atomic. Those that somebody is told of, or that promise something about the world outside
//! ([`job_received`](Db::job_received) when it is [flushed](Unflushed), [`reserve`](Db::reserve), [`finish`](Db::finish),
//! [`put_plugin`](Db::put_plugin), [`put_table`](Db::put_table), [`put_revision`](Db::put_revision)), are on the disk when they return, and with them
//! every write before. The rest survives the process, but the last moments of it may be lost when the power fails; the
//! job then goes on from where its record stands.
//!
//! Moments are arguments; nothing here reads a clock.

mod archive;
mod arg;
mod batch;
mod changes;
mod error;
mod flush;
mod ids;
mod jobs;
mod lanes;
mod leases;
mod marks;
mod metadata;
mod migrate;
mod outbox;
mod pacifica;
mod policy;
mod reports;
mod requests;
mod retention;
mod session;
mod sessions;
mod store_uploads;
mod tables;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::Notify;

pub use archive::{ArchivedFile, Reservation, ReserveError, TakenLocation};
pub use error::{DbError, Result};
pub use flush::Unflushed;
pub use ids::IdMode;
pub use jobs::{Arrival, Cancelled, JobFilter, NewJob, Retried, SetJob};
pub use leases::{Advance, Claim, Finish, Holder, JobFacts};
pub use marks::RuleMark;
pub use metadata::{NewTransaction, PutTransactionError, StoredFile, StoredTransaction, TransactionRows};
pub use migrate::SchemaState;
pub use outbox::{DueEvent, EventCounts, EventFilter, EventRecord, EventState, Recorded};
pub use pacifica::ForeignJobs;
pub use policy::{NewRevision, PluginRecord, PluginUse, PutRevisionError, StoredPlugin, StoredRevision};
pub use requests::Created;
pub use retention::Forgotten;
pub use sessions::SessionRecord;
pub use tables::{TableRecord, TableUse};
pub use tokens::TokenRecord;

use crate::config::DatabaseUrl;
use flush::Flush;
use lanes::{Lane, Lanes};
use outbox::Outbox;
use session::{Session, Told};

/// How long a call waits for a connection, or for another process to finish writing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections of SQLite that read at the same time. Writers take turns on one.
const SQLITE_READERS: u32 = 4;

/// Connections to PostgreSQL, per process.
const POSTGRES_CONNECTIONS: u32 = 24;

/// A connection to PostgreSQL that has been idle for longer is tried before it is used.
const TRIED_AFTER: Duration = Duration::from_secs(1);

/// The write-ahead log is written back after so many pages of 4 KiB: each time costs two flushes.
const LOG_PAGES: &str = "8192";

/// A database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Db {
    pools: Pools,
    outbox: Outbox,
    /// Told after every write.
    written: Arc<Notify>,
}

#[derive(Clone)]
enum Pools {
    Sqlite { writer: Arc<Lanes>, readers: Arc<Lanes>, flush: Flush },
    Postgres(PgPool),
}

/// Whether a write must be on the disk when it returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// It may be lost when the power fails; then everything after it is lost too.
    Relaxed,
    /// It is on the disk, and everything before it.
    Durable,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.pools {
            Pools::Sqlite { .. } => "Db(SQLite)",
            Pools::Postgres(_) => "Db(PostgreSQL)",
        })
    }
}

impl Db {
    /// What has been committed here by now, and maybe not flushed.
    pub fn unflushed(&self) -> Unflushed {
        match &self.pools {
            Pools::Sqlite { flush, .. } => Unflushed::by(flush.clone()),
            Pools::Postgres(_) => Unflushed::default(),
        }
    }

    /// Whether the database is in this process: a commit that fails is known not to have happened.
    pub fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// Opens the connections. Does not look at the schema: see [`check`](Db::check) and [`sync`](Db::sync).
    ///
    /// With `create`, SQLite's file is made where there is none; a database of PostgreSQL's must exist.
    pub async fn open(url: &DatabaseUrl, create: bool) -> Result<Self> {
        let pools = match url {
            DatabaseUrl::Sqlite(file) => open_sqlite(file, create).await?,
            DatabaseUrl::Postgres(url) => open_postgres(url).await?,
        };
        Ok(Self { pools, outbox: Outbox::default(), written: Arc::default() })
    }

    /// Asks the database for an answer.
    pub async fn ping(&self) -> Result<()> {
        self.read().await?.row("SELECT 1", &[]).await?;
        Ok(())
    }

    /// Closes the connections, after what is being said on them.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                // The last connection to close writes the log back and removes it; only a writer may.
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// A session to read on.
    async fn read(&self) -> Result<Session> {
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => Session::sqlite(readers.take().await?, None),
            Pools::Postgres(pool) => Session::postgres(pool.acquire().await?),
        })
    }

    /// What tells, when it is dropped, that something was written.
    fn told_at_end(&self) -> Told {
        Told(self.written.clone())
    }

    /// A session on which each statement is a relaxed transaction of its own.
    async fn write(&self) -> Result<Session> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, .. } => Session::sqlite(writer.take().await?, None),
            Pools::Postgres(pool) => Session::postgres(pool.acquire().await?),
        }
        .writes(&self.written))
    }

    /// A session whose statements are one transaction.
    async fn begin(&self, durability: Durability) -> Result<Session> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, flush, .. } => {
                let mut lane = writer.take().await?;
                lane.begin().await?;
                Session::sqlite(lane, (durability == Durability::Durable).then(|| flush.clone()))
            }
            Pools::Postgres(pool) => Session::postgres_transaction(match durability {
                Durability::Relaxed => pool.begin().await?,
                // What the site has configured, be it `on` or stricter.
                Durability::Durable => pool.begin_with("BEGIN; SET LOCAL synchronous_commit TO DEFAULT").await?,
            }),
        }
        .writes(&self.written))
    }

    /// A session for one statement that writes, which is all there is to commit. Where the database can take it for a
    /// transaction by itself, that spares the two statements around it; so nothing undoes it when it is not committed.
    async fn begin_one(&self, durability: Durability) -> Result<Session> {
        match &self.pools {
            Pools::Sqlite { writer, flush, .. } => {
                let flush = (durability == Durability::Durable).then(|| flush.clone());
                Ok(Session::sqlite_one(writer.take().await?, flush)?.writes(&self.written))
            }
            Pools::Postgres(_) => self.begin(durability).await,
        }
    }
}

async fn open_sqlite(file: &Path, create: bool) -> Result<Pools> {
    if create {
        if let Some(folder) = file.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(sqlx::Error::Io)?;
        }
    } else if !tokio::fs::try_exists(file).await.map_err(sqlx::Error::Io)? {
        return Err(DbError::NoDatabase(file.to_owned()));
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(create)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("mmap_size", "268435456")
        .pragma("cache_size", "-32768")
        .pragma("temp_store", "MEMORY");
    // Connections stay for good: the log must not be closed and begun anew while the program runs.
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("journal_size_limit", "67108864");
    let writer = Lanes::new(writing, 1);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *first(&writer).await?).await?;
    if mode != "wal" {
        let what = format!("{} cannot have a write-ahead log; put it on a local disk", file.display());
        return Err(DbError::Other(sqlx::Error::Configuration(what.into())));
    }
    let reading = options.pragma("query_only", "ON");
    let readers = Lanes::new(reading, SQLITE_READERS);
    readers.take().await?;
    Ok(Pools::Sqlite { writer, readers, flush: Flush::of(file) })
}

/// Connects, again where another process is just turning the log on, for which SQLite itself does not wait.
async fn first(writer: &Arc<Lanes>) -> Result<Lane> {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut attempts = PATIENCE.as_millis() / PAUSE.as_millis();
    loop {
        match writer.take().await.map_err(DbError::from) {
            Err(DbError::Unavailable(sqlx::Error::Database(_))) if attempts > 0 => attempts -= 1,
            result => return result,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn open_postgres(url: &str) -> Result<Pools> {
    let options = PgConnectOptions::from_str(url)?.application_name("sluice");
    // The pool would wait for a server that refuses, and would not say that it did.
    let connected = PgConnection::connect_with(&options).await;
    connected.map_err(|error| tls::explained(error, &options))?.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, past| {
            Box::pin(async move {
                if past.idle_for > TRIED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET synchronous_commit = off").await?;
                Ok(())
            })
        })
        .connect_lazy_with(options);
    Ok(Pools::Postgres(pool))
}
