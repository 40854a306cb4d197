//! File systems that take no writes, as one does that has found a fault in itself.

use reqwest::StatusCode;

use super::volume::Volume;
use super::{assert_archived, assert_put_off, begin_parts, of_size, offer, offer_a_move};
use crate::bundle::paths;
use crate::site::Options;
use crate::wait::{PATIENCE, until};

#[tokio::test]
async fn a_read_only_spool_takes_nothing_until_it_can_be_written() {
    let Some(volume) = Volume::of(4 << 20) else { return };
    let site = volume.mounted(Options::default().env("SLUICE_SPOOL_FOLDER", volume.path())).start().await;
    volume.remount(&site, "ro");
    assert_put_off(&offer(&site, of_size(1_000, 1)).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_put_off(&offer_a_move(&site).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_put_off(&begin_parts(&site).await, StatusCode::SERVICE_UNAVAILABLE);
    volume.remount(&site, "rw");
    let job = offer(&site, of_size(1_000, 2)).await.job_state().job_id;
    assert_archived(&site, job, 1_000).await;
}

#[tokio::test]
async fn jobs_wait_while_the_archive_is_read_only() {
    let Some(volume) = Volume::of(4 << 20) else { return };
    let options = Options::default().arg("--archive", volume.path()).env("SLUICE_WORKER_PATIENCE", "10m");
    let site = volume.mounted(options).start().await;
    volume.remount(&site, "ro");
    let job = offer(&site, of_size(1_000, 1)).await.job_state().job_id;
    until(PATIENCE, "the archive was tried in vain", || async {
        let record = site.job(job).await;
        (record["task"] == "ingest files" && record["stage"] == "waiting").then_some(())
    })
    .await;
    volume.remount(&site, "rw");
    assert_archived(&site, job, 1_000).await;
    assert_eq!(paths(&volume.seen(&site)).len(), 1);
}
