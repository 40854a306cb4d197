//! Slow uploads beside fast ones. What is compared is measured in turns, one against the other, so that a machine that is slow
//! for a while is slow for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bundle::bundle;
use crate::results::{Results, median};
use crate::server::{Server, Setup};
use crate::{backlog, bombs};

const MIB: usize = 1 << 20;
/// Uploads that send a KiB a second, and those beside them that send as fast as they can.
const SLOW: usize = 500;
const FAST: usize = 8;
/// How long the fast ones are watched, and how often with and without the others.
const WATCHED: Duration = Duration::from_secs(5);
const TURNS: usize = 4;

pub(crate) async fn run(only: &str, results: &mut Results) -> anyhow::Result<()> {
    let wanted = |name: &str| name.starts_with(only);
    if wanted("slow") {
        slow(results).await?;
    }
    if wanted("bombs") {
        bombs::run(results).await?;
    }
    if wanted("queue") {
        backlog::queue(results).await?;
    }
    if wanted("million") {
        backlog::million(results).await?;
    }
    Ok(())
}

/// Eight fast uploads at a time, alone and beside five hundred slow ones.
async fn slow(results: &mut Results) -> anyhow::Result<()> {
    let server = Arc::new(Server::start(Setup::default()).await?);
    let bundles: Vec<_> = (0..FAST).map(|seed| bundle(4, 2 * MIB, seed as u64)).collect();
    // All of a size.
    let size = bundles[0].len() as f64 / MIB as f64;
    let watch = async || Ok::<_, anyhow::Error>(watch(&server, &bundles, WATCHED).await? * size);
    watch().await?;
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let before = watch().await?;
        let others = Slow::begin(&server.base).await?;
        let with = watch().await?;
        others.end(&server).await?;
        let after = watch().await?;
        ratios.push(with / ((before + after) / 2.0));
        alone.extend([before, after]);
        beside.push(with);
    }
    results.add("slow: 8 fast uploads at a time, alone", median(&mut alone), "MiB/s");
    results.add("slow: 8 fast uploads beside 500 of 1 KiB/s", median(&mut beside), "MiB/s");
    results.add("slow: of their speed alone they keep", median(&mut ratios), "");
    results.add("slow: resident at most", server.memory("VmHWM"), "MiB");
    Ok(())
}

/// Jobs a second of clients who upload for a while, each a bundle of its own, again when the last job has ended.
pub(crate) async fn watch(server: &Arc<Server>, bundles: &[Bytes], watched: Duration) -> anyhow::Result<f64> {
    let began = Instant::now();
    let client = |bundle: &Bytes| {
        let (server, bundle) = (server.clone(), bundle.clone());
        tokio::spawn(async move {
            let mut jobs = 0;
            while began.elapsed() < watched {
                server.upload(bundle.clone()).await?;
                jobs += 1;
            }
            Ok::<_, anyhow::Error>(jobs)
        })
    };
    let clients: Vec<_> = bundles.iter().map(client).collect();
    let mut jobs = 0;
    for client in clients {
        jobs += client.await??;
    }
    Ok(f64::from(jobs) / began.elapsed().as_secs_f64())
}

/// Clients that send a KiB a second, until they are told to send the rest.
struct Slow {
    clients: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>,
    stop: Arc<AtomicBool>,
}

impl Slow {
    async fn begin(base: &str) -> anyhow::Result<Self> {
        let address = base.strip_prefix("http://").context("an address")?.to_owned();
        let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        // Good for more than a minute.
        let body = Arc::new(bundle(1, 72 << 10, 7));
        let client = |number: usize| {
            let (address, stop, begun, body) = (address.clone(), stop.clone(), begun.clone(), body.clone());
            tokio::spawn(async move {
                // Not all in the same moment of each second.
                tokio::time::sleep(Duration::from_secs(1) * number as u32 / SLOW as u32).await;
                let mut socket = TcpStream::connect(&address).await?;
                let head = format!("POST /upload HTTP/1.1\r\nHost: gate\r\nContent-Length: {}\r\n\r\n", body.len());
                socket.write_all(head.as_bytes()).await?;
                let mut beats = tokio::time::interval(Duration::from_secs(1));
                for piece in body.chunks(1024) {
                    if !stop.load(Ordering::Relaxed) {
                        beats.tick().await;
                    }
                    socket.write_all(piece).await?;
                    begun.fetch_add(1, Ordering::Relaxed);
                }
                let mut answer = vec![0; 4096];
                let count = socket.read(&mut answer).await?;
                ensure!(answer[..count].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..count]));
                Ok(())
            })
        };
        let clients = (0..SLOW).map(client).collect();
        // Each has sent something and goes on.
        while begun.load(Ordering::Relaxed) < 2 * SLOW {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self { clients, stop })
    }

    /// Has all of them end, well, and their jobs worked off.
    async fn end(self, server: &Server) -> anyhow::Result<()> {
        ensure!(self.clients.iter().all(|client| !client.is_finished()), "a slow upload was cut off");
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await??;
        }
        for stage in ["waiting", "running"] {
            loop {
                let url = format!("{}/api/jobs?limit=1&stage={stage}", server.base);
                let page: Value = server.http.get(url).send().await?.error_for_status()?.json().await?;
                if page["jobs"].as_array().is_some_and(Vec::is_empty) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }
}
