//! No room left: in the spool, in the archive, for the database.

use reqwest::{Method, StatusCode};

use super::volume::Volume;
use super::{assert_archived, assert_put_off, begin_parts, of_size, offer, offer_a_move};
use crate::bundle::paths;
use crate::durability::check::Database;
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, until};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn a_full_spool_takes_nothing_until_there_is_room() {
    let Some(volume) = Volume::of(4 * MIB) else { return };
    let options = Options::default().env("SLUICE_SPOOL_FOLDER", volume.path());
    let site = volume.mounted(options).start().await;
    let before = offer(&site, of_size(1_000, 1)).await.job_state().job_id;
    assert_archived(&site, before, 1_000).await;
    // Its room in the spool is given back a moment after its end.
    let seen = volume.seen(&site);
    until(PATIENCE, "the spool is cleared", || async {
        paths(&seen).iter().all(|path| path.starts_with("uploads/")).then_some(())
    })
    .await;

    volume.fill(&site, 0);
    assert_put_off(&offer(&site, of_size(1_000, 2)).await, StatusCode::INSUFFICIENT_STORAGE);
    assert_put_off(&offer_a_move(&site).await, StatusCode::INSUFFICIENT_STORAGE);
    let reply = begin_parts(&site).await;
    assert_put_off(&reply, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    // A bundle that there is no room for is answered as well, though most of it is still to come.
    volume.make_room(&site);
    assert_put_off(&offer(&site, of_size(24 * MIB, 3)).await, StatusCode::INSUFFICIENT_STORAGE);

    for job in site.jobs().await {
        let job = job["job_id"].as_u64().expect("an id");
        let state = site.wait(job).await;
        let end = if job == before { ("OK", "ingest metadata") } else { ("FAILED", "UPLOADING") };
        assert_eq!((state.state.as_str(), state.task.as_str()), end, "{state:?}");
    }
    until(PATIENCE, "nothing is left of what was not taken", || async {
        paths(&seen).iter().all(|path| path.starts_with("uploads/")).then_some(())
    })
    .await;
    let after = offer(&site, of_size(2 * MIB, 4)).await.job_state().job_id;
    assert_archived(&site, after, 2 * MIB).await;
}

/// A site with no room in its archive, whose jobs wait for some that long.
async fn with_a_full_archive(patience: &str) -> Option<(Volume, Site)> {
    let volume = Volume::of(4 * MIB)?;
    let options = Options::default().arg("--archive", volume.path()).env("SLUICE_WORKER_PATIENCE", patience);
    let site = volume.mounted(options).start().await;
    volume.fill(&site, 100_000);
    Some((volume, site))
}

#[tokio::test]
async fn jobs_wait_for_room_in_the_archive() {
    let Some((volume, site)) = with_a_full_archive("10m").await else { return };
    let jobs = [offer(&site, of_size(MIB, 1)).await, offer(&site, of_size(MIB, 2)).await]
        .map(|reply| reply.job_state().job_id);
    for job in jobs {
        // It was tried and put back: a fault that may pass is no end.
        until(PATIENCE, "the archive was tried in vain", || async {
            let record = site.job(job).await;
            (record["task"] == "ingest files" && record["stage"] == "waiting").then_some(())
        })
        .await;
        assert!(!site.state(job).await.complete);
    }
    assert_eq!(paths(&volume.seen(&site)).into_iter().collect::<Vec<_>>(), ["filler"], "no half of a file is there");
    volume.make_room(&site);
    for job in jobs {
        assert_archived(&site, job, MIB).await;
    }
    assert_eq!(paths(&volume.seen(&site)).len(), 2);
}

#[tokio::test]
async fn a_job_that_finds_no_room_for_too_long_fails_by_name_and_can_be_tried_again() {
    let Some((volume, site)) = with_a_full_archive("1s").await else { return };
    let job = offer(&site, of_size(MIB, 1)).await.job_state().job_id;
    let state = site.wait(job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "ingest files"), "{state:?}");
    assert!(state.exception.contains("No space left on device"), "{state:?}");
    assert_eq!(paths(&volume.seen(&site)).into_iter().collect::<Vec<_>>(), ["filler"]);
    volume.make_room(&site);
    let reply = site.api(Method::POST, &format!("/api/jobs/{job}/retry"), None).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    assert_archived(&site, job, MIB).await;
}

#[tokio::test]
async fn a_full_database_promises_nothing_and_forgets_nothing() {
    let Some(volume) = Volume::of(6 * MIB) else { return };
    let options = Options::default().arg("--database", format!("sqlite://{}/sluice.db", volume.path()));
    // The queue has no room either.
    let options = options.arg("--queue", format!("sqlite://{}/queue.db", volume.path()));
    let site = volume.mounted(options.env("SLUICE_WORKER_LEASE", "2s")).start().await;
    volume.fill(&site, 400_000);
    let mut promised = Vec::new();
    let refused = loop {
        let reply = offer(&site, of_size(100, promised.len() as u64)).await;
        if reply.status != StatusCode::OK {
            break reply;
        }
        promised.push(reply.job_state().job_id);
        assert!(promised.len() < 2_000, "the database never came to its end");
    };
    assert_put_off(&refused, StatusCode::SERVICE_UNAVAILABLE);
    assert_put_off(&offer_a_move(&site).await, StatusCode::SERVICE_UNAVAILABLE);
    // It can still be asked, and says the truth.
    for job in &promised {
        assert_ne!(site.state(*job).await.state, "FAILED");
    }
    volume.make_room(&site);
    for job in promised {
        assert_archived(&site, job, 100).await;
    }
    let job = offer(&site, of_size(5_000, 1)).await.job_state().job_id;
    assert_archived(&site, job, 5_000).await;
    // SQLite follows the link to the volume into the wrong namespace, so it is given a copy, which nobody writes to now.
    for name in ["sluice.db", "sluice.db-wal"] {
        std::fs::copy(volume.seen(&site).join(name), site.outside().join(name)).expect("a copy");
    }
    let mut database = Database::sqlite(&site.outside().join("sluice.db")).await;
    assert_eq!(
        database.rows::<(String,)>("SELECT integrity_check FROM pragma_integrity_check").await,
        [("ok".to_owned(),)]
    );
}
