//! What sites do, and the limit that stands beside it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use crate::bundle::{bundle, relocation};
use crate::results::{Results, median, quantile};
use crate::server::{Server, program, scratch};

/// How often a workload is repeated for its median.
const TURNS: usize = 5;
const GIB: usize = 1 << 30;

pub(crate) async fn run(only: &str, results: &mut Results) -> anyhow::Result<()> {
    let wanted = |name: &str| name.starts_with(only);
    if wanted("limits") {
        limits(results)?;
    }
    if wanted("rule") {
        rule(results)?;
    }
    if wanted("start") {
        start(results).await?;
    }
    if wanted("small") {
        small(results).await?;
    }
    if wanted("many") {
        many(results).await?;
    }
    if wanted("large") {
        large(results).await?;
    }
    crate::load::run(only, results).await
}

/// What the disk and the processor give without any gate.
fn limits(results: &mut Results) -> anyhow::Result<()> {
    let folder = scratch()?;
    let file = File::create(folder.path().join("sync"))?;
    let began = Instant::now();
    let mut syncs = 0;
    while began.elapsed().as_secs_f64() < 2.0 {
        file.write_all_at(&[0; 4096], syncs * 4096)?;
        file.sync_data()?;
        syncs += 1;
    }
    results.add("limits: 4 KiB written and synced", syncs as f64 / began.elapsed().as_secs_f64(), "/s");

    let block = vec![7_u8; 1 << 20];
    let (mut write, mut hash) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let began = Instant::now();
        let mut file = File::create(folder.path().join("plain"))?;
        for _ in 0..1024 {
            file.write_all(&block)?;
        }
        file.sync_all()?;
        write.push(1024.0 / began.elapsed().as_secs_f64());
        let began = Instant::now();
        let mut hasher = Sha1::new();
        for _ in 0..1024 {
            hasher.update(&block);
        }
        std::hint::black_box(hasher.finalize());
        hash.push(1024.0 / began.elapsed().as_secs_f64());
    }
    results.add("limits: 1 GiB written and synced", median(&mut write), "MiB/s");
    results.add("limits: 1 GiB hashed (SHA-1)", median(&mut hash), "MiB/s");
    Ok(())
}

/// One call of a rule, in a fresh instance, as `sluice plugin bench` measures it.
fn rule(results: &mut Results) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let config = r#"{"transaction": {"submitter": {}, "project": {}, "instrument": {}}}"#;
    let output = Command::new(program())
        .args(["plugin", "bench", "--json", "--runs", "2000", "--config", config, "--bundle"])
        .arg(root.join("test_data/metadata-last"))
        .arg(program().ancestors().nth(2).context("a target folder")?.join("plugins/required-keys.wasm"))
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout)?;
    for (name, pointer) in [("median", "/total/median_us"), ("p99", "/total/p99_us")] {
        let value = figures.pointer(pointer).and_then(Value::as_f64);
        let value = value.with_context(|| format!("{pointer} is not in {figures}"))?;
        results.add(&format!("rule: required-keys, one call, {name}"), value, "us");
    }
    Ok(())
}

/// From the start of the program until it listens, everything compiled before.
async fn start(results: &mut Results) -> anyhow::Result<()> {
    let folder = scratch()?;
    Server::start(folder.path()).await?.stop().await?;
    let (mut took, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let began = Instant::now();
        let server = Server::start(folder.path()).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        idle.push(server.memory("VmRSS"));
        server.stop().await?;
    }
    results.add("start: until it listens", median(&mut took), "ms");
    results.add("start: resident when it listens", median(&mut idle), "MiB");
    Ok(())
}

/// Bundles of three small files, from the first byte to the end of the job.
async fn small(results: &mut Results) -> anyhow::Result<()> {
    for at_once in [1, 8, 64] {
        let folder = scratch()?;
        let server = Arc::new(Server::start(folder.path()).await?);
        let bundles: Arc<Vec<_>> = Arc::new((0..64).map(|seed| bundle(3, 1_024, seed)).collect());
        server.upload(bundles[0].clone()).await?;
        let jobs = if at_once == 1 { 400 } else { 3_000 };
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let clients = (0..at_once).map(|_| {
            let (server, bundles, next) = (server.clone(), bundles.clone(), next.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= jobs {
                        return Ok::<_, anyhow::Error>(took);
                    }
                    took.push(server.upload(bundles[turn % bundles.len()].clone()).await?.1 * 1e3);
                }
            })
        });
        let mut took = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            took.extend(client.await??);
        }
        let rate = took.len() as f64 / began.elapsed().as_secs_f64();
        results.add(&format!("small bundles, {at_once} at a time"), rate, "jobs/s");
        results.add(&format!("small bundles, {at_once} at a time, median"), median(&mut took), "ms");
        results.add(&format!("small bundles, {at_once} at a time, p99"), quantile(&mut took, 0.99), "ms");
    }
    Ok(())
}

/// Many files in one job.
async fn many(results: &mut Results) -> anyhow::Result<()> {
    let folder = scratch()?;
    let server = Server::start(folder.path()).await?;
    let (mut uploads, mut moves) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        uploads.push(server.upload(bundle(2_000, 1_024, turn as u64)).await?.1 * 1e3);
        let document = relocation(&server.incoming().join(format!("run-{turn}")), 1_000, turn as u64)?;
        moves.push(server.relocate(document).await?.1 * 1e3);
    }
    results.add("many: a bundle of 2,000 files of 1 KiB", median(&mut uploads), "ms");
    results.add("many: a move of 1,000 files", median(&mut moves), "ms");
    server.stop().await
}

/// One large file.
async fn large(results: &mut Results) -> anyhow::Result<()> {
    let folder = scratch()?;
    let server = Server::start(folder.path()).await?;
    let whole = bundle(1, GIB, 1);
    let (mut acknowledged, mut done) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (first, last) = server.upload(whole.clone()).await?;
        acknowledged.push(1024.0 / first);
        done.push(1024.0 / last);
    }
    results.add("large: a file of 1 GiB, until it is acknowledged", median(&mut acknowledged), "MiB/s");
    results.add("large: a file of 1 GiB, until it is archived", median(&mut done), "MiB/s");
    results.add("large: resident at most", server.memory("VmHWM"), "MiB");
    server.stop().await
}
