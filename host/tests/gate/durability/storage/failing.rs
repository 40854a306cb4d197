//! Reads and writes that fail.

use reqwest::StatusCode;
use sluice::failpoint::Point;

use super::{assert_archived, assert_put_off, of_size, offer};
use crate::bundle::paths;
use crate::durability::failpoints::Failpoints;
use crate::site::Options;
use crate::wait::{PATIENCE, TAKEOVER, until};

#[tokio::test]
async fn a_write_that_fails_puts_the_client_off_and_leaves_nothing_behind() {
    const FULL: StatusCode = StatusCode::INSUFFICIENT_STORAGE;
    const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    let failpoints = Failpoints::new();
    let site = failpoints.of(Options::default()).env("SLUICE_WORKER_LEASE", "1s").start().await;
    let faults = [
        // That of its id: a gate that has just begun has none at hand.
        (Point::DbCommit, "error:EIO@1", BUSY),
        (Point::SpoolMember, "error:EIO", BUSY),
        (Point::SpoolMember, "error:ENOSPC", FULL),
        (Point::SpoolMembers, "error:ENOSPC", FULL),
        (Point::SpoolManifest, "error:EIO", BUSY),
        (Point::SpoolSynced, "error:EIO", BUSY),
        (Point::SpoolSynced, "error:EROFS", BUSY),
        // That of the bundle.
        (Point::DbCommit, "error:EIO", BUSY),
    ];
    for (seed, (point, action, status)) in faults.into_iter().enumerate() {
        failpoints.set(&[(point, action)]);
        assert_put_off(&offer(&site, of_size(1_000, seed as u64)).await, status);
        failpoints.clear();
        assert_eq!(failpoints.reached().last().map(String::as_str), Some(point.name()));
        let job = offer(&site, of_size(1_000, seed as u64)).await.job_state().job_id;
        assert_archived(&site, job, 1_000).await;
    }
    for job in site.jobs().await {
        let state = site.wait_up_to(TAKEOVER, job["job_id"].as_u64().expect("an id")).await;
        assert!(state.state == "OK" || state.task == "UPLOADING", "{state:?}");
    }
    assert_eq!(paths(&site.archive()).len(), faults.len());
    until(PATIENCE, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn a_job_waits_while_the_archive_or_the_database_fails_it() {
    let failpoints = Failpoints::new();
    let options = failpoints.of(Options::default()).env("SLUICE_WORKER_PATIENCE", "10m");
    // Far more faults than a job may be taken up, and none of them its own.
    let site = options.env("SLUICE_WORKER_MAX_ATTEMPTS", "2").env("SLUICE_WORKER_LEASE", "2s").start().await;
    for (seed, point) in [Point::ArchivePut, Point::ArchiveSync, Point::DbCommit].into_iter().enumerate() {
        let job = if point == Point::DbCommit {
            // The worker is held until the bundle is acknowledged: what fails then is the worker's.
            failpoints.set(&[(Point::JobReported, "delay:1500")]);
            let job = offer(&site, of_size(1_000, seed as u64)).await.job_state().job_id;
            failpoints.set(&[(point, "error:EIO")]);
            job
        } else {
            failpoints.set(&[(point, "error:EIO")]);
            offer(&site, of_size(1_000, seed as u64)).await.job_state().job_id
        };
        let before = failpoints.reached().len();
        until(PATIENCE, &format!("{} has failed again and again", point.name()), || async {
            (failpoints.reached().len() >= before + 4).then_some(())
        })
        .await;
        assert!(!site.state(job).await.complete, "{:?}", site.state(job).await);
        failpoints.clear();
        let state = site.wait_up_to(TAKEOVER, job).await;
        assert_eq!((state.state.as_str(), state.exception.as_str()), ("OK", ""), "{}: {state:?}", point.name());
        assert_archived(&site, job, 1_000).await;
    }
    until(PATIENCE, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

/// What a failed flush has left on the disk cannot be known, and the next one would succeed all the same. So it is never
/// believed again: a new start reads what is there.
#[tokio::test]
async fn after_a_flush_of_the_database_that_failed_nothing_is_promised_until_the_gate_is_started_again() {
    let failpoints = Failpoints::new();
    let mut site = failpoints.of(Options::default()).env("SLUICE_WORKER_LEASE", "2s").start().await;
    failpoints.set(&[(Point::DbFlush, "error:EIO")]);
    assert_put_off(&offer(&site, of_size(1_000, 1)).await, StatusCode::SERVICE_UNAVAILABLE);
    failpoints.clear();
    assert_put_off(&offer(&site, of_size(1_000, 1)).await, StatusCode::SERVICE_UNAVAILABLE);
    site.stop_all().await;
    site.start_serve().await;
    let job = offer(&site, of_size(1_000, 1)).await.job_state().job_id;
    assert_archived(&site, job, 1_000).await;
}
