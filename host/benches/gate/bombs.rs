//! Rules that loop beside rules that do not: uploads whose rule runs until its limit ends it, and honest ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::bundle::bundle;
use crate::load::watch;
use crate::results::{Results, median};
use crate::rules;
use crate::server::{Server, program, scratch};

/// Uploaders of either kind, each of whom sends the next bundle when the last one's job has ended.
const EACH: usize = 8;
/// How long the honest ones are watched, and how often with and without the others.
const WATCHED: Duration = Duration::from_secs(4);
const TURNS: usize = 4;
const BOMBER: &str = "mallory";

pub(crate) async fn run(results: &mut Results) -> anyhow::Result<()> {
    let folder = scratch()?;
    let guests = program().ancestors().nth(2).context("a target folder")?.join("test-guests");
    let policy = folder.path().join("policy.json");
    // The usual limit of a rule's time, a second.
    let bomb = json!({"name": "bomb", "plugin": "hostile", "when": {"users": [BOMBER]}, "config": {"do": "loop"}});
    let mut document: Value = serde_json::from_str(&rules::policy(1))?;
    document["rules"].as_array_mut().context("rules")?.push(bomb);
    std::fs::write(&policy, document.to_string())?;
    let shipped = rules::plugin("required-keys")?.parent().context("a folder")?.to_owned();
    let mut options = vec!["--policy".to_owned(), policy.display().to_string()];
    for plugins in [shipped, guests] {
        options.extend(["--plugins".to_owned(), plugins.display().to_string()]);
    }
    let server = Arc::new(Server::start_in(folder.path(), &options).await?);
    let bundle = bundle(3, 1_024, 1);
    let honest = vec![bundle.clone(); EACH];
    watch(&server, &honest, WATCHED).await?;
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let before = watch(&server, &honest, WATCHED).await?;
        let bombs = Bombs::begin(&server, &bundle).await?;
        let with = watch(&server, &honest, WATCHED).await?;
        bombs.end().await?;
        let after = watch(&server, &honest, WATCHED).await?;
        ratios.push(with / ((before + after) / 2.0));
        alone.extend([before, after]);
        beside.push(with);
    }
    results.add("bombs: honest uploads, 8 at a time, alone", median(&mut alone), "jobs/s");
    results.add("bombs: honest uploads beside 8 whose rules loop", median(&mut beside), "jobs/s");
    results.add("bombs: of their speed alone they keep (at least 0.5)", median(&mut ratios), "");
    Ok(())
}

/// Uploaders whose rule loops.
struct Bombs {
    stop: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

impl Bombs {
    /// Begins, and waits until the first of them has done its worst.
    async fn begin(server: &Arc<Server>, bundle: &Bytes) -> anyhow::Result<Self> {
        explode(server, bundle).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (server, bundle, stop) = (server.clone(), bundle.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    explode(&server, &bundle).await?;
                }
                Ok(())
            })
        };
        Ok(Self { clients: (0..EACH).map(client).collect(), stop })
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await??;
        }
        Ok(())
    }
}

/// Sends a bundle as the one whose rule loops, and waits until that has been ended.
async fn explode(server: &Server, bundle: &Bytes) -> anyhow::Result<()> {
    let request = server.http.post(format!("{}/upload", server.base)).header("x-http-authed-user", BOMBER);
    let state: Value = request.body(bundle.clone()).send().await?.error_for_status()?.json().await?;
    let job = state["job_id"].as_u64().context("a job's id")?;
    let state = server.ended(job, Duration::from_millis(50)).await?;
    let ended = state["exception"].as_str().is_some_and(|why| why.contains("timeout"));
    ensure!(ended, "the rule did not loop: {state}");
    Ok(())
}
