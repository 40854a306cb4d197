//! Deaths at one point, with something that must not come of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use reqwest::{Method, StatusCode};
use sluice::failpoint::Point;

use super::Failpoints;
use crate::bundle::{bundle, listed_files, paths};
use crate::site::Options;
use crate::wait::{PATIENCE, TAKEOVER, until};

/// A metadata service that refuses until it is told otherwise.
async fn metadata(takes: Arc<AtomicBool>) -> (String, tokio::task::JoinHandle<()>) {
    let answer = move || {
        let takes = takes.clone();
        async move {
            match takes.load(Ordering::Acquire) {
                true => (StatusCode::OK, axum::Json(serde_json::json!({"status": "success"}))),
                false => (StatusCode::BAD_REQUEST, axum::Json(serde_json::json!({"message": "not today"}))),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/ingest", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(answer);
    (url, tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") }))
}

/// The gate dies when the first file is out of the archive again. What runs the job next must not think that it is there.
#[tokio::test]
async fn a_job_whose_gate_dies_while_it_fails_does_not_end_well_without_its_files() {
    let takes = Arc::new(AtomicBool::new(false));
    let (url, server) = metadata(takes.clone()).await;
    let failpoints = Failpoints::new();
    let options = failpoints.of(Options::default()).env("METADATA_INGEST_URL", url);
    let mut site = options.env("SLUICE_WORKER_LEASE", "2s").start().await;
    failpoints.set(&[(Point::ArchiveReturned, "kill")]);
    let job = site.upload(bundle("metadata-last")).await;
    until(PATIENCE, "the gate dies", || async { site.ended().first().copied() }).await;
    failpoints.clear();
    takes.store(true, Ordering::Release);
    site.start_serve().await;
    let state = site.wait_up_to(TAKEOVER, job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
    assert_eq!(paths(&site.archive()).len(), listed_files("metadata-last").len(), "the files are in the archive");
    server.abort();
}

/// A small bundle is on the disk before it is on record.
#[tokio::test]
async fn a_gate_that_dies_before_a_small_bundle_is_on_record_leaves_nothing_of_it_in_the_spool() {
    let failpoints = Failpoints::new();
    let options =
        failpoints.of(Options::default()).env("SLUICE_WORKER_LEASE", "2s").env("SLUICE_WORKER_SWEEP", "100ms");
    let mut site = options.start().await;
    failpoints.set(&[(Point::SpoolSynced, "kill")]);
    let request = site.request(Method::POST, "/upload").header("content-type", "application/octet-stream");
    assert!(request.body(bundle("metadata-last")).send().await.is_err(), "nobody can have answered");
    until(PATIENCE, "the gate dies", || async { site.ended().first().copied() }).await;
    failpoints.clear();
    let spool = site.spool();
    let is_there = || std::fs::read_dir(&spool).expect("a folder").flatten().any(|entry| entry.file_name() == "1");
    assert!(is_there(), "it was on the disk");
    site.start_serve().await;
    // No other job gets its id.
    let next = site.upload(bundle("metadata-last")).await;
    assert!(next > 1, "job {next}");
    assert_eq!(site.wait(next).await.state, "OK");
    until(TAKEOVER, "the spool is cleared", || async { (!is_there()).then_some(()) }).await;
    let state = site.wait(1).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "UPLOADING"), "{state:?}");
    assert!(state.exception.contains("interrupted"), "{state:?}");
}

/// Files whose hash function the spool did not use are read again before they move; one that has moved cannot be.
#[tokio::test]
async fn a_bundle_of_many_hash_functions_survives_a_death_between_two_of_its_files() {
    let failpoints = Failpoints::new();
    let mut site = failpoints.of(Options::default()).env("SLUICE_WORKER_LEASE", "2s").start().await;
    failpoints.set(&[(Point::ArchivePlaced, "kill@3")]);
    let job = site.upload(bundle("hash-types")).await;
    until(PATIENCE, "the gate dies", || async { site.ended().first().copied() }).await;
    failpoints.clear();
    site.start_serve().await;
    let state = site.wait_up_to(TAKEOVER, job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
    assert_eq!(site.files(job).await, listed_files("hash-types"));
}
