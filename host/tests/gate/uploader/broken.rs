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
    goes_on_through_kills(66, &[30]).await;
}

#[tokio::test]
#[ignore = "sends 1 GiB: `make soak` runs it"]
async fn soak_a_gibibyte_goes_on_where_it_was_through_two_kills() {
    goes_on_through_kills(1024, &[300, 700]).await;
}

/// Sends so many MiB, and kills the gate each time so many have arrived. Nothing that has arrived is sent again: what was on
/// its way when the gate died, in the relay and in the buffers of the connection, may be.
async fn goes_on_through_kills(size: u64, kills: &[u64]) {
    const ON_ITS_WAY: u64 = 10;
    let mut site = Site::start().await;
    let folder = site.outside();
    sparse(&folder.join("large.dat"), size * MIB);
    let relay = Relay::start(&site, 0).await;
    let client = start(relay.url(), &folder, &upload("large.dat"));
    let mut there = 0;
    for kill in kills {
        relay.allow((kill + ON_ITS_WAY) * MIB - there);
        let enough = kill * MIB;
        until(PATIENCE, "some of it has arrived", || async { arrived(&site).filter(|bytes| *bytes >= enough) }).await;
        site.kill_all();
        there = arrived(&site).expect("an upload in the spool");
        site.start_serve().await;
        relay.lead_to(&site);
    }
    relay.open();
    let ended = end(client).await.with(0);
    assert_eq!(ended.event("done")["job"]["state"], "OK");
    let again = ended.lines().iter().filter(|line| line["event"] == "again").count();
    assert!(again >= kills.len(), "{}", ended.out);
    let most = size + kills.len() as u64 * 2 * ON_ITS_WAY;
    assert!(relay.passed() < most * MIB, "{} MiB passed for {size}", relay.passed() / MIB);
    let files = site.get("/api/jobs/1/files").await.json();
    assert_eq!(files["files"][0]["size"], size * MIB);
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
