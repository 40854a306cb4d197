//! A long queue and a long history: whether what is asked for all the time takes longer for them. Both gates are asked in
//! turns, so that a machine that is slow for a while is slow for both.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use serde_json::Value;
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::bundle::bundle;
use crate::results::{Results, median};
use crate::server::{program, scratch};

/// Jobs that wait, and those that have ended long ago.
const QUEUE: u32 = 100_000;
const HISTORY: u32 = 1_000_000;
/// Calls of each kind and gate.
const CALLS: u32 = 600;

/// A gate that works nothing off, so that what waits goes on waiting.
struct Gate {
    child: Child,
    base: String,
    http: reqwest::Client,
    _folder: TempDir,
    /// The server, and the name of the gate's own database there.
    database: Option<(String, String)>,
}

impl Gate {
    /// With these rows put into its database and its queue, once their tables are there.
    async fn with(databases: &Databases, name: &str, rows: &str, wake_ups: &str) -> anyhow::Result<Self> {
        let folder = scratch()?;
        let database = databases.create(name).await?;
        let url = database.as_ref().map(|(server, name)| format!("{}/{name}", without_name(server)));
        let (mut child, _) = start(folder.path(), url.as_deref()).await?;
        fill(folder.path(), url.as_deref(), rows, wake_ups).await?;
        child.kill().await?;
        // Started anew, it has nothing in its caches that came with the filling.
        let (child, base) = start(folder.path(), url.as_deref()).await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { child, base, http, _folder: folder, database })
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        if let Some((server, name)) = &self.database {
            run_on(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await?;
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<f64> {
        let began = Instant::now();
        let answer = self.http.get(format!("{}{path}", self.base)).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(began.elapsed().as_secs_f64() * 1e6)
    }

    /// Microseconds until a bundle was taken, and its job.
    async fn accept(&self, bundle: Bytes) -> anyhow::Result<(f64, u64)> {
        let began = Instant::now();
        let answer = self.http.post(format!("{}/upload", self.base)).body(bundle).send().await?.error_for_status()?;
        let state: Value = answer.json().await?;
        Ok((began.elapsed().as_secs_f64() * 1e6, state["job_id"].as_u64().context("an id")?))
    }
}

async fn start(folder: &Path, database: Option<&str>) -> anyhow::Result<(Child, String)> {
    let mut command = Command::new(program());
    command.args(["serve", "--no-worker", "--listen", "127.0.0.1:0", "--log", "warn", "--data"]).arg(folder);
    if let Some(database) = database {
        command.args(["--database", database]);
    }
    let mut child =
        command.stdout(Stdio::piped()).kill_on_drop(true).spawn().context("the program cannot be started")?;
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    let line = lines.next_line().await?.context("the program ended; look above for why")?;
    Ok((child, line.rsplit(' ').next().unwrap_or_default().to_owned()))
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
    for (kind, databases) in databases() {
        let short = Gate::with(&databases, "short", &jobs(100, "waiting"), &wake_ups(100)).await?;
        let long = Gate::with(&databases, "long", &jobs(QUEUE, "waiting"), &wake_ups(QUEUE)).await?;
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
        short.end().await?;
        long.end().await?;
    }
    Ok(())
}

/// A job table of one row, and one of a million.
pub(crate) async fn million(results: &mut Results) -> anyhow::Result<()> {
    for (kind, databases) in databases() {
        let empty = Gate::with(&databases, "empty", &jobs(1, "done"), "").await?;
        let full = Gate::with(&databases, "full", &jobs(HISTORY, "done"), "").await?;
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
        empty.end().await?;
        full.end().await?;
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

/// Where a database is kept. A server of PostgreSQL's is measured where one is named.
enum Databases {
    Sqlite,
    Postgres(String),
}

fn databases() -> Vec<(&'static str, Databases)> {
    let mut databases = vec![("SQLite", Databases::Sqlite)];
    if let Ok(url) = std::env::var("BENCH_POSTGRES_URL") {
        databases.push(("PostgreSQL", Databases::Postgres(url)));
    }
    databases
}

impl Databases {
    /// A new database for one gate; none where that is a file of its own.
    async fn create(&self, name: &str) -> anyhow::Result<Option<(String, String)>> {
        let Self::Postgres(server) = self else { return Ok(None) };
        let name = format!("sluice_bench_{}_{name}", std::process::id());
        run_on(server, &format!("CREATE DATABASE {name}")).await?;
        Ok(Some((server.clone(), name)))
    }
}

fn without_name(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(server, _)| server)
}

async fn run_on(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = sqlx::PgConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))).await?;
    connection.close().await
}
