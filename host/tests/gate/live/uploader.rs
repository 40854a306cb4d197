//! `sluice upload` hears what becomes of its job.

use std::fs;

use super::Stream;
use crate::site::{Options, Site};
use crate::uploader::TRANSACTION;
use crate::uploader::command::{end, said_until, start};
use crate::uploader::relay::Relay;
use crate::wait::{PATIENCE, until};

fn upload() -> Vec<&'static str> {
    ["upload", "a.csv", "--json"].into_iter().chain(TRANSACTION).collect()
}

/// How many calls of this route were begun and answered.
async fn calls(site: &Site, route: &str) -> u64 {
    let metrics = site.get("/metrics").await.text();
    let route = format!("route=\"{route}\"");
    let lines = metrics.lines().filter(|line| line.starts_with("sluice_http_requests_total") && line.contains(&route));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn it_listens_and_listens_again_when_the_connection_is_cut() {
    let mut site = Options::default().workers(0).start().await;
    let folder = site.outside();
    fs::write(folder.join("a.csv"), "1,2\n").expect("a file");
    let relay = Relay::start(&site, u64::MAX).await;
    let mut client = start(relay.url(), &folder, &upload());
    // One that never heard anything would not listen again.
    let heard = said_until(&mut client, "job").await;
    let listens = async || calls(&site, "/api/jobs/{id}/events").await;
    assert_eq!(listens().await, 1);
    relay.cut();
    until(PATIENCE, "it listens again", || async { (listens().await == 2).then_some(()) }).await;
    site.start_worker();
    let ended = end(client).await.after(heard).with(0);
    assert_eq!(ended.event("done")["job"]["state"], "OK");
    assert_eq!(calls(&site, "/get_state").await, 0);
    let tasks: Vec<_> = ended.lines().into_iter().filter(|line| line["event"] == "job").collect();
    assert!(tasks.len() >= 2 && tasks[0]["job"]["task_percent"] == "0.00000", "{tasks:?}");
}

#[tokio::test]
async fn it_asks_where_it_cannot_listen() {
    let site = Options::default().env("SLUICE_HTTP_MAX_LISTENERS", "1").start().await;
    let folder = site.outside();
    fs::write(folder.join("a.csv"), "1,2\n").expect("a file");
    let _occupied = Stream::open(&site, "/api/events", None).await;
    let ended = end(start(&format!("http://{}", site.address()), &folder, &upload())).await.with(0);
    assert_eq!(ended.event("done")["job"]["state"], "OK");
    assert!(calls(&site, "/get_state").await >= 1);
}
