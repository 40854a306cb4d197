//! `sluice upload` through connections that break.

use std::fs::{self, File};
use std::io::Write as _;

use super::TRANSACTION;
use super::command::{end, start};
use super::relay::Relay;
use crate::bundle::paths;
use crate::site::Site;
use crate::wait::{PATIENCE, TAKEOVER, until};

const MIB: u64 = 1 << 20;

/// A file of zeros, which takes no room on the disk of the test.
fn sparse(path: &std::path::Path, size: u64) {
    File::create(path).and_then(|file| file.set_len(size)).expect("a file");
}

fn upload(file: &str) -> Vec<&str> {
    ["upload", file, "--json"].into_iter().chain(TRANSACTION).collect()
}

/// Bytes of the one upload in parts that the spool has.
fn arrived(site: &Site) -> Option<u64> {
    let path = paths(&site.spool()).into_iter().find(|path| path.ends_with("/bytes"))?;
    fs::metadata(site.spool().join(path)).map(|bytes| bytes.len()).ok()
}

#[tokio::test]
async fn a_large_upload_goes_on_where_it_was_when_the_gate_is_killed_and_comes_back() {
    let mut site = Site::start().await;
    let folder = site.outside();
    sparse(&folder.join("large.dat"), 66 * MIB);
    let relay = Relay::start(&site, 40 * MIB).await;
    let client = start(relay.url(), &folder, &upload("large.dat"));
    until(PATIENCE, "some of it has arrived", || async { arrived(&site).filter(|bytes| *bytes >= 30 * MIB) }).await;
    site.kill_all();
    site.start_serve().await;
    relay.lead_to(&site);
    relay.open();
    let ended = end(client).await.with(0);
    assert_eq!(ended.event("done")["job"]["state"], "OK");
    assert!(ended.lines().iter().any(|line| line["event"] == "again"), "{}", ended.out);
    assert!(relay.passed() < 90 * MIB, "{} MiB passed for 66", relay.passed() / MIB);
    let files = site.get("/api/jobs/1/files").await.json();
    assert_eq!(files["files"][0]["size"], 66 * MIB);
    assert_eq!(site.jobs().await.len(), 1);
}

#[tokio::test]
async fn a_small_upload_whose_connection_breaks_is_sent_again() {
    let site = Site::start().await;
    let folder = site.outside();
    sparse(&folder.join("small.dat"), 20 * MIB);
    let relay = Relay::start(&site, 5 * MIB).await;
    let client = start(relay.url(), &folder, &upload("small.dat"));
    until(PATIENCE, "some of it has passed", || async { (relay.passed() == 5 * MIB).then_some(()) }).await;
    relay.open();
    relay.cut();
    let ended = end(client).await.with(0);
    let job = ended.event("done")["job"]["job_id"].as_u64().expect("an id");
    let accepted = until(TAKEOVER, "the lost attempt has ended", || async {
        let jobs = site.jobs().await;
        let ended = jobs.iter().all(|job| job["complete"] == true);
        ended.then(|| jobs.into_iter().filter(|job| job["state"] == "OK").collect::<Vec<_>>())
    })
    .await;
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    assert_eq!(accepted[0]["job_id"], job);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_is_named() {
    let site = Site::start().await;
    let folder = site.outside();
    sparse(&folder.join("growing.dat"), 60 * MIB);
    let relay = Relay::start(&site, MIB).await;
    let client = start(relay.url(), &folder, &upload("growing.dat"));
    until(PATIENCE, "some of it has passed", || async { (relay.passed() == MIB).then_some(()) }).await;
    let mut file = File::options().append(true).open(folder.join("growing.dat")).expect("the file");
    file.write_all(b"more").expect("a write");
    relay.open();
    let ended = end(client).await.with(1);
    assert!(ended.err.contains("growing.dat has changed while it was sent"), "{}", ended.err);
    assert_eq!(paths(&site.archive()).len(), 0);
}
