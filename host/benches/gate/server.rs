//! A running gate to measure.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How often a job is asked after.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    data: PathBuf,
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

impl Server {
    pub(crate) async fn start(data: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the program cannot be started")?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let line = lines.next_line().await?.context("the program ended; look above for why")?;
        let base = line.rsplit(' ').next().unwrap_or_default().to_owned();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { child, base, http, data: data.to_owned() })
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.data.join("incoming")
    }

    /// Seconds until a bundle was acknowledged, and until its job was done.
    pub(crate) async fn upload(&self, bundle: Bytes) -> anyhow::Result<(f64, f64)> {
        self.job("/upload", "application/octet-stream", bundle).await
    }

    pub(crate) async fn relocate(&self, document: String) -> anyhow::Result<(f64, f64)> {
        self.job("/move", "application/json", document.into()).await
    }

    async fn job(&self, path: &str, kind: &str, body: Bytes) -> anyhow::Result<(f64, f64)> {
        let began = Instant::now();
        let request = self.http.post(format!("{}{path}", self.base)).header("content-type", kind).body(body);
        let state: Value = request.send().await?.error_for_status()?.json().await?;
        let acknowledged = began.elapsed().as_secs_f64();
        let url = format!("{}/get_state?job_id={}", self.base, state["job_id"]);
        loop {
            let state: Value = self.http.get(&url).send().await?.error_for_status()?.json().await?;
            if state["complete"] == true {
                ensure!(state["state"] == "OK", "a job failed: {state}");
                return Ok((acknowledged, began.elapsed().as_secs_f64()));
            }
            tokio::time::sleep(LOOK).await;
        }
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
