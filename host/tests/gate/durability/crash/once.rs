//! Deaths at one point, with something that must not come of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use reqwest::StatusCode;
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
