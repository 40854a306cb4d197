//! Disks that take their time: who needs them waits, and nobody else does.

use sluice::failpoint::Point;

use super::{assert_archived, of_size};
use crate::durability::failpoints::Failpoints;
use crate::site::Options;
use crate::wait::{PATIENCE, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sync_holds_up_its_own_client_alone() {
    let failpoints = Failpoints::new();
    let site = failpoints.of(Options::default()).start().await;
    let known = site.upload(of_size(1_000, 1)).await;
    assert_archived(&site, known, 1_000).await;
    for (seed, point) in [Point::SpoolManifest, Point::DbFlush].into_iter().enumerate() {
        failpoints.set(&[(point, "delay:4000@1")]);
        let before = failpoints.reached().len();
        let asked = async {
            until(PATIENCE, "the sync has begun", || async { (failpoints.reached().len() > before).then_some(()) })
                .await;
            for _ in 0..50 {
                assert!(site.state(known).await.complete);
            }
        };
        let asking = std::pin::pin!(asked);
        let uploading = std::pin::pin!(site.upload(of_size(1_000, 2 + seed as u64)));
        // Fifty questions are answered before the one sync is over.
        match futures::future::select(asking, uploading).await {
            futures::future::Either::Left(((), uploading)) => assert_archived(&site, uploading.await, 1_000).await,
            futures::future::Either::Right(_) => panic!("while {} was slow, others waited for it", point.name()),
        }
    }
}

#[tokio::test]
async fn a_slow_archive_keeps_no_bundle_from_being_taken() {
    let failpoints = Failpoints::new();
    let site = failpoints.of(Options::default()).start().await;
    failpoints.set(&[(Point::ArchiveSync, "delay:4000@1")]);
    let slow = site.upload(of_size(1_000, 1)).await;
    until(PATIENCE, "the sync has begun", || async { (!failpoints.reached().is_empty()).then_some(()) }).await;
    let next = site.upload(of_size(1_000, 2)).await;
    assert_archived(&site, next, 1_000).await;
    assert!(!site.state(slow).await.complete, "the slow one is still at it");
    assert_archived(&site, slow, 1_000).await;
}
