//! Many listeners, slow ones, and a gate that stops.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use super::{Stream, request};
use crate::bundle::bundle;
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, until};

#[tokio::test]
async fn a_listener_that_takes_nothing_harms_nobody_and_loses_its_place() {
    let site = Options::default().workers(0).env("SLUICE_HTTP_MAX_LISTENERS", "2").start().await;
    let mut jobs = BTreeSet::new();
    for _ in 0..40 {
        jobs.insert(site.upload(bundle("metadata-last")).await);
    }
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut slow = socket.connect(site.address().parse().expect("an address")).await.expect("a connection");
    slow.write_all(b"GET /api/events HTTP/1.1\r\nHost: gate\r\n\r\n").await.expect("a request");
    let mut listener = Stream::open(&site, "/api/events", None).await;
    until(PATIENCE, "both have their places", || async {
        let crowded = site.send(request(&site, "/api/events", None)).await;
        (crowded.status == 503 && crowded.headers["retry-after"] == "5").then_some(())
    })
    .await;
    let before = site.serve().memory("VmRSS");
    // More than the buffers of a connection take.
    let reason = json!({"reason": "x".repeat(500_000)});
    for job in &jobs {
        let cancelled = site.api(Method::POST, &format!("/api/jobs/{job}/cancel"), Some(reason.clone())).await;
        assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    }
    let mut left = jobs.clone();
    while !left.is_empty() {
        let event = listener.next().await.expect("an event");
        if event.is_done() {
            left.remove(&event.job());
        }
    }
    let grown = site.serve().memory("VmRSS").saturating_sub(before) >> 20;
    assert!(grown < 200, "the gate has grown by {grown} MiB");
    // The one that was told of all keeps its place; the other one's is free again.
    until(PATIENCE, "the place is free", || async {
        let answer = request(&site, "/api/events", None).send().await.expect("an answer");
        (answer.status() == 200).then_some(())
    })
    .await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(listener.next().await.expect("an event").job(), job);
}

#[tokio::test]
async fn a_gate_that_stops_ends_the_streams_at_once() {
    let mut site = Site::start().await;
    let mut all = Stream::open(&site, "/api/events", None).await;
    let began = Instant::now();
    site.stop_all().await;
    assert_eq!(all.next().await, None);
    // A call under way would have been given twenty seconds.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
