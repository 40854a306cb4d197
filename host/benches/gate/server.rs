//! A running gate to measure.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::postgres::Database;
use crate::redis::Redis;
use crate::rules::policy;

/// How often a client asks after its job.
const LOOK: Duration = Duration::from_millis(2);

/// What a gate is started with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup {
    /// So many rules judge every upload; none is the policy that a new gate has.
    pub(crate) rules: usize,
    /// PostgreSQL and Redis instead of SQLite.
    pub(crate) services: bool,
}

pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    data: PathBuf,
    folder: Option<TempDir>,
    // Dropped last: the program must be gone before what it uses.
    _services: Option<(Database, Redis)>,
}

/// A job that has ended well: its id, and the seconds until it was acknowledged, and done.
pub(crate) struct Ended {
    pub(crate) id: u64,
    pub(crate) acknowledged: f64,
    pub(crate) done: f64,
}

/// The program, as `make build` has built it.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sluice"))
}

/// Beside the program: on a real disk, where /tmp may be none.
pub(crate) fn scratch() -> anyhow::Result<TempDir> {
    let target = program().ancestors().nth(2).map(Path::to_owned).context("a target folder")?;
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(target)?)
}

/// Whether PostgreSQL and Redis can be started here; says so where they cannot.
pub(crate) async fn has_services() -> bool {
    Database::create().await.is_some() && Redis::start().is_some()
}

/// What servers leave behind. Where a file system tells the disk of every block that becomes free, the disk is slow for minutes
/// after thousands of files are removed: so that is done when nothing is measured any more.
static LEFT: Mutex<Vec<TempDir>> = Mutex::new(Vec::new());

/// Removes what servers have left behind.
pub(crate) fn clear() {
    LEFT.lock().expect("no panic").clear();
}

impl Drop for Server {
    fn drop(&mut self) {
        LEFT.lock().expect("no panic").extend(self.folder.take());
    }
}

impl Server {
    /// Starts one in a folder of its own.
    pub(crate) async fn start(setup: Setup) -> anyhow::Result<Self> {
        let folder = scratch()?;
        let mut options = Vec::new();
        if setup.rules > 0 {
            let file = folder.path().join("policy.json");
            std::fs::write(&file, policy(setup.rules))?;
            options.extend(["--policy".to_owned(), file.display().to_string()]);
        }
        let services = if setup.services {
            let servers = "PostgreSQL and redis-server are needed for this figure";
            let database = Database::create().await.context(servers)?;
            let redis = Redis::start().context(servers)?;
            options.extend(["--database".to_owned(), database.url().to_owned(), "--queue".to_owned(), redis.url()]);
            Some((database, redis))
        } else {
            None
        };
        let mut server = Self::start_in(folder.path(), &options).await?;
        server.folder = Some(folder);
        server._services = services;
        Ok(server)
    }

    /// Starts one with the data of this folder.
    pub(crate) async fn start_in(data: &Path, options: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the program cannot be started")?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let line = lines.next_line().await?.context("the program ended; look above for why")?;
        let base = line.rsplit(' ').next().unwrap_or_default().to_owned();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { child, base, http, data: data.to_owned(), folder: None, _services: None })
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.data.join("incoming")
    }

    /// Sends a bundle and waits for the end of its job.
    pub(crate) async fn upload(&self, bundle: Bytes) -> anyhow::Result<Ended> {
        self.job("/upload", "application/octet-stream", bundle).await
    }

    /// Has files moved and waits for the end of the job.
    pub(crate) async fn relocate(&self, document: String) -> anyhow::Result<Ended> {
        self.job("/move", "application/json", document.into()).await
    }

    /// Sends a body; the job that it became, and the seconds until that was said.
    pub(crate) async fn send(&self, path: &str, kind: &str, body: Bytes) -> anyhow::Result<(u64, f64)> {
        let began = Instant::now();
        let request = self.http.post(format!("{}{path}", self.base)).header("content-type", kind).body(body);
        let state: Value = request.send().await?.error_for_status()?.json().await?;
        Ok((state["job_id"].as_u64().context("a job's id")?, began.elapsed().as_secs_f64()))
    }

    async fn job(&self, path: &str, kind: &str, body: Bytes) -> anyhow::Result<Ended> {
        let began = Instant::now();
        let (id, acknowledged) = self.send(path, kind, body).await?;
        let state = self.ended(id, LOOK).await?;
        ensure!(state["state"] == "OK", "a job failed: {state}");
        Ok(Ended { id, acknowledged, done: began.elapsed().as_secs_f64() })
    }

    /// Asks after a job, so often, until it has ended, well or not; its state then.
    pub(crate) async fn ended(&self, job: u64, look: Duration) -> anyhow::Result<Value> {
        let url = format!("{}/get_state?job_id={job}", self.base);
        loop {
            let state: Value = self.http.get(&url).send().await?.error_for_status()?.json().await?;
            if state["complete"] == true {
                return Ok(state);
            }
            tokio::time::sleep(look).await;
        }
    }

    /// The seconds that a task of a job took.
    pub(crate) async fn task(&self, job: u64, task: &str) -> anyhow::Result<f64> {
        let url = format!("{}/api/jobs/{job}", self.base);
        let shown: Value = self.http.get(&url).send().await?.error_for_status()?.json().await?;
        let steps = shown["steps"].as_array().context("a job has steps")?;
        let step = steps.iter().find(|step| step["task"] == task).with_context(|| format!("{task} in {shown}"))?;
        let moment = |name: &str| {
            let text = step[name].as_str().with_context(|| format!("{name} of {task} in {shown}"))?;
            Ok::<_, anyhow::Error>(text.parse::<jiff::Timestamp>()?.as_microsecond())
        };
        Ok((moment("ended")? - moment("started")?) as f64 / 1e6)
    }

    /// Removes what the archive holds: nothing is read of it again.
    pub(crate) fn empty_archive(&self) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(self.data.join("archive"))? {
            let path = entry?.path();
            if !path.ends_with(".incoming") {
                std::fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// A line of `/proc/PID/status`, in MiB.
    pub(crate) fn memory(&self, key: &str) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap_or(0))).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix(key)?.trim_start_matches(':').trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}
