//! Two nodes of one site, on one PostgreSQL.

use super::Stream;
use crate::bundle::bundle;
use crate::site::{Options, Process};
use crate::stores::Stores;

#[tokio::test]
async fn a_listener_at_one_node_hears_of_a_job_that_another_node_has() {
    let Some(stores) = Stores::postgres().await else { return };
    let mut site = Options::default().stores(stores).start().await;
    let mut args = vec!["serve".to_owned(), "--no-worker".to_owned(), "--listen".to_owned(), "127.0.0.1:0".to_owned()];
    args.extend(site.flags());
    let second = Process::start(site.folder(), "second", &args, &[]);
    let address = second.address().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");

    let mut all = Stream::of(client.get(format!("{address}/api/events"))).await;
    let job = site.upload(bundle("metadata-last")).await;
    let mut one = Stream::of(client.get(format!("{address}/api/jobs/{job}/events"))).await;
    let end = one.until(|event| event.name == "end").await;
    assert_eq!(end.data["state"], "OK");
    let done = all.until(|event| event.job() == job && event.is_done()).await;
    assert_eq!(done.data["task"], "ingest metadata");
    assert!(second.terminate().await.success());
    site.stop_all().await;
}
