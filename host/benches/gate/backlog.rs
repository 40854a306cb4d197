//! A long queue and a long history: whether what is asked for all the time takes longer for them. Both gates are asked in
//! turns, so that a machine that is slow for a while is slow for both.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;

use crate::bundle::bundle;
use crate::postgres::Database;
use crate::results::{Results, median};
use crate::server::{Server, scratch};

/// Jobs that wait, and those that have ended long ago.
const QUEUE: u32 = 100_000;
const HISTORY: u32 = 1_000_000;
/// Calls of each kind and gate.
const CALLS: u32 = 600;

/// A gate that works nothing off, so that what waits goes on waiting.
struct Gate {
    server: Server,
    // Gone after the server.
    _folder: TempDir,
    _database: Option<Database>,
}

impl Gate {
    /// With these rows put into its database and its queue, once their tables are there.
    async fn with(database: Option<Database>, rows: &str, wake_ups: &str) -> anyhow::Result<Self> {
        let folder = scratch()?;
        let url = database.as_ref().map(Database::url);
        let mut options = vec!["--no-worker".to_owned()];
        options.extend(url.into_iter().flat_map(|url| ["--database".to_owned(), url.to_owned()]));
        Server::start_in(folder.path(), &options).await?.stop().await?;
        fill(folder.path(), url, rows, wake_ups).await?;
        // Started anew, it has nothing in its caches that came with the filling.
        let server = Server::start_in(folder.path(), &options).await?;
        Ok(Self { server, _folder: folder, _database: database })
    }

    async fn get(&self, path: &str) -> anyhow::Result<f64> {
        let began = Instant::now();
        let url = format!("{}{path}", self.server.base);
        let answer = self.server.http.get(url).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(began.elapsed().as_secs_f64() * 1e6)
    }

    /// Microseconds until a bundle was taken, and its job.
    async fn accept(&self, bundle: Bytes) -> anyhow::Result<(f64, u64)> {
        let (job, seconds) = self.server.send("/upload", "application/octet-stream", bundle).await?;
        Ok((seconds * 1e6, job))
    }
}

async fn fill(folder: &Path, database: Option<&str>, rows: &str, wake_ups: &str) -> anyhow::Result<()> {
    let sqlite = async |file: PathBuf, text: &str| {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(60));
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned()))).await?;
        connection.close().await
    };
    match database {
        None => sqlite(folder.join("sluice.db"), rows).await?,
        Some(url) => {
            let mut connection = sqlx::PgConnection::connect(url).await?;
            connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(rows.to_owned()))).await?;
            // As its own housekeeping would have left it some minutes later.
            connection.execute("VACUUM ANALYZE").await?;
            connection.close().await?;
        }
    }
    if !wake_ups.is_empty() {
        sqlite(folder.join("queue.db"), wake_ups).await?;
    }
    Ok(())
}

/// So many jobs in this stage, numbered from 1.
fn jobs(count: u32, stage: &str) -> String {
    let task = if stage == "done" { "ingest metadata" } else { "UPLOADING" };
    format!(
        "INSERT INTO jobs (id, kind, user_name, stage, state, task, created, updated, received, due, submitter, project,
             instrument, bytes, files)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         SELECT n, 'upload', 'user', '{stage}', 'OK', '{task}', n, n, n, n, '10', '1234a', '54', 3072, 3 FROM numbers;
         UPDATE ids SET next = {count} + 1 WHERE mode = 'job';"
    )
}

fn wake_ups(count: u32) -> String {
    format!(
        "INSERT INTO Jobs (job, id, job_type)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         SELECT CAST('{{\"job\":' || n || ',\"kind\":\"upload\"}}' AS BLOB), 'waiting-' || n, 'sluice:jobs' FROM numbers;"
    )
}

/// A hundred jobs waiting, and a hundred thousand.
pub(crate) async fn queue(results: &mut Results) -> anyhow::Result<()> {
    for (kind, [one, other]) in databases().await {
        let short = Gate::with(one, &jobs(100, "waiting"), &wake_ups(100)).await?;
        let long = Gate::with(other, &jobs(QUEUE, "waiting"), &wake_ups(QUEUE)).await?;
        let bundles: Vec<_> = (0..16).map(|seed| bundle(3, 1_024, seed)).collect();
        let mut took: [[Vec<f64>; 2]; 4] = Default::default();
        for turn in 0..CALLS {
            for (which, gate) in [&short, &long].into_iter().enumerate() {
                let (accepted, job) = gate.accept(bundles[turn as usize % bundles.len()].clone()).await?;
                took[0][which].push(accepted);
                took[1][which].push(gate.get("/api/jobs").await?);
                took[2][which].push(gate.get("/api/jobs?stage=waiting").await?);
                took[3][which].push(gate.get(&format!("/get_state?job_id={job}")).await?);
            }
        }
        for (what, mut took) in ["accepting", "listing", "listing what waits", "/get_state"].into_iter().zip(took) {
            compare(results, &format!("queue: {what}, {kind}"), ["100 wait", "100,000 wait"], &mut took);
        }
        short.server.stop().await?;
        long.server.stop().await?;
    }
    Ok(())
}

/// A job table of one row, and one of a million.
pub(crate) async fn million(results: &mut Results) -> anyhow::Result<()> {
    for (kind, [one, other]) in databases().await {
        let empty = Gate::with(one, &jobs(1, "done"), "").await?;
        let full = Gate::with(other, &jobs(HISTORY, "done"), "").await?;
        let mut took: [[Vec<f64>; 2]; 2] = Default::default();
        for turn in 0..4 * CALLS {
            // All over the table.
            let any = 1 + turn.wrapping_mul(2_654_435_761) % HISTORY;
            for (which, (gate, job)) in [(&empty, 1), (&full, any)].into_iter().enumerate() {
                took[0][which].push(gate.get(&format!("/get_state?job_id={job}")).await?);
                took[1][which].push(gate.get("/api/jobs?limit=1").await?);
            }
        }
        for (what, mut took) in ["/get_state", "listing the newest"].into_iter().zip(took) {
            compare(results, &format!("million: {what}, {kind}"), ["1 job", "1,000,000 jobs"], &mut took);
        }
        empty.server.stop().await?;
        full.server.stop().await?;
    }
    Ok(())
}

fn compare(results: &mut Results, what: &str, which: [&str; 2], took: &mut [Vec<f64>; 2]) {
    let medians = [median(&mut took[0]), median(&mut took[1])];
    for (which, median) in which.into_iter().zip(medians) {
        results.add(&format!("{what}, {which}"), median, "us");
    }
    results.add(&format!("{what}, ratio"), medians[1] / medians[0], "");
}

/// Where the rows are kept: nowhere but in the gate's own file, or in databases of PostgreSQL's, one a gate.
async fn databases() -> Vec<(&'static str, [Option<Database>; 2])> {
    let mut kinds = vec![("SQLite", [None, None])];
    if let (Some(one), Some(other)) = (Database::create().await, Database::create().await) {
        kinds.push(("PostgreSQL", [Some(one), Some(other)]));
    }
    kinds
}
