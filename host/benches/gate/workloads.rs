//! What sites do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::bundle::{bundle, relocation};
use crate::client::Client;
use crate::nginx::Nginx;
use crate::results::{Results, median, quantile};
use crate::server::{Server, Setup, scratch};
use crate::{limits, rules, server};

/// How often a workload is repeated for its median.
const TURNS: usize = 5;
const GIB: usize = 1 << 30;

pub(crate) async fn run(only: &str, results: &mut Results) -> anyhow::Result<()> {
    let wanted = |name: &str| name.starts_with(only);
    if wanted("limits") {
        limits::run(results)?;
    }
    if wanted("rule") {
        rules::calls(results)?;
    }
    if wanted("policy") {
        rules::policies(results).await?;
    }
    if wanted("start") {
        start(results).await?;
    }
    if wanted("small") {
        small(results, "SQLite", Setup::default()).await?;
        if server::has_services().await {
            small(results, "PostgreSQL, Redis", Setup { services: true, ..Setup::default() }).await?;
        }
    }
    if wanted("many") {
        many(results).await?;
    }
    if wanted("large") {
        large(results).await?;
    }
    crate::load::run(only, results).await
}

/// From the start of the program until it listens, with twenty plugins that were compiled before.
async fn start(results: &mut Results) -> anyhow::Result<()> {
    const PLUGINS: usize = 20;
    let folder = scratch()?;
    let plugins = folder.path().join("more-plugins");
    std::fs::create_dir(&plugins)?;
    let shipped = rules::plugin("required-keys")?;
    let component = std::fs::read(&shipped)?;
    for number in 0..PLUGINS {
        // A section of its own makes each one another plugin to the cache.
        let mut component = component.clone();
        component.extend([0, 3, 1, b'n', b'a' + number as u8]);
        std::fs::write(plugins.join(format!("keys-{number}.wasm")), component)?;
    }
    let shipped = shipped.parent().unwrap_or(folder.path()).display().to_string();
    let options = ["--plugins".to_owned(), plugins.display().to_string(), "--plugins".to_owned(), shipped];
    Server::start_in(folder.path(), &options).await?.stop().await?;
    let (mut took, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let began = Instant::now();
        let server = Server::start_in(folder.path(), &options).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        idle.push(server.memory("VmRSS"));
        server.stop().await?;
    }
    results.add("start: with 20 plugins, until it listens (at most 300)", median(&mut took), "ms");
    results.add("start: resident when it listens (at most 50)", median(&mut idle), "MiB");
    Ok(())
}

/// Bundles of three small files, from the first byte to the end of the job.
async fn small(results: &mut Results, on: &str, setup: Setup) -> anyhow::Result<()> {
    for at_once in [1, 8, 64] {
        // Who waits with many others asks less often, or the asking would be what is measured: the more there are, the
        // longer each waits, and half a dozen times is how often each of them asks.
        let look = Duration::from_millis(at_once.max(2));
        let server = Server::start(setup).await?;
        let bundles: Arc<Vec<_>> = Arc::new((0..64).map(|seed| bundle(3, 1_024, seed)).collect());
        for _ in 0..20 {
            server.upload(bundles[0].clone()).await?;
        }
        let jobs = if at_once == 1 { 400 } else { 3_000 };
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let clients = (0..at_once).map(|_| {
            let (base, bundles, next) = (server.base.clone(), bundles.clone(), next.clone());
            tokio::task::spawn_blocking(move || {
                let (mut client, mut took) = (Client::connect(&base)?, Vec::new());
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= jobs {
                        return Ok::<_, anyhow::Error>(took);
                    }
                    took.push(client.upload(&bundles[turn % bundles.len()], look)? * 1e3);
                }
            })
        });
        let mut took = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            took.extend(client.await??);
        }
        let rate = took.len() as f64 / began.elapsed().as_secs_f64();
        let name = format!("small: {at_once} at a time, {on}");
        results.add(&name, rate, "jobs/s");
        results.add(&format!("{name}, median"), median(&mut took), "ms");
        results.add(&format!("{name}, p99"), quantile(&mut took, 0.99), "ms");
        if at_once == 64 {
            results.add(&format!("{name}, resident afterwards"), server.memory("VmRSS"), "MiB");
        }
    }
    Ok(())
}

/// Many files in one job.
async fn many(results: &mut Results) -> anyhow::Result<()> {
    let server = Server::start(Setup::default()).await?;
    let (mut uploads, mut moves) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        uploads.push(server.upload(bundle(2_000, 1_024, turn as u64)).await?.done * 1e3);
        let document = relocation(&server.incoming().join(format!("run-{turn}")), 1_000, turn as u64)?;
        moves.push(server.relocate(document).await?.done * 1e3);
    }
    results.add("many: a bundle of 2,000 files of 1 KiB (at most 500)", median(&mut uploads), "ms");
    results.add("many: a move of 1,000 files (at most 500)", median(&mut moves), "ms");
    server.stop().await
}

/// One large file, and what nginx does with the same bytes, turn by turn.
async fn large(results: &mut Results) -> anyhow::Result<()> {
    let server = Server::start(Setup::default()).await?;
    let nginx = Nginx::start()?;
    let whole = bundle(1, GIB, 1);
    let (mut acknowledged, mut done) = (Vec::new(), Vec::new());
    let (mut put, mut synced) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        if let Some(nginx) = &nginx {
            let (answered, on_disk) = nginx.put(&format!("large-{turn}"), whole.clone()).await?;
            put.push(1024.0 / answered);
            synced.push(1024.0 / on_disk);
        }
        let job = server.upload(whole.clone()).await?;
        acknowledged.push(1024.0 / job.acknowledged);
        done.push(1024.0 / job.done);
        // What is in the archive would fill the disk, and pages that are still to be written slow the next turn down.
        server.empty_archive()?;
    }
    let done = median(&mut done);
    results.add("large: 1 GiB, until it is acknowledged", median(&mut acknowledged), "MiB/s");
    results.add("large: 1 GiB, until it is archived", done, "MiB/s");
    if nginx.is_some() {
        let (put, synced) = (median(&mut put), median(&mut synced));
        results.add("large: 1 GiB, nginx's PUT of the same bytes", put, "MiB/s");
        results.add("large: 1 GiB, nginx's PUT, then synced", synced, "MiB/s");
        results.add("large: archived, of nginx's PUT (at least 0.8)", done / put, "x");
        results.add("large: archived, of nginx's PUT that is synced", done / synced, "x");
    }
    server.upload(bundle(1, 4 * GIB, 2)).await?;
    results.add("large: resident at most, through 4 GiB (at most 120)", server.memory("VmHWM"), "MiB");
    server.stop().await
}
