//! Two nodes of one site, on one PostgreSQL and one Redis.

use std::time::Duration;

use serde_json::json;

use super::{revision, told};
use crate::bundle::bundle;
use crate::site::{Options, Process};
use crate::stores::Stores;
use crate::wait::{PATIENCE, until};

#[tokio::test]
async fn another_node_follows_and_has_the_plugin_as_well() {
    let Some(stores) = Stores::postgres().await else { return };
    // A node without workers takes the change; the worker beside it judges by it.
    let mut site = Options::default().stores(stores).workers(1).start().await;
    let before = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(before).await.state, "OK");

    let mut args = vec!["serve".to_owned(), "--no-worker".to_owned(), "--listen".to_owned(), "127.0.0.1:0".to_owned()];
    args.extend(site.flags());
    let second = Process::start(site.folder(), "second", &args, &[]);
    let address = second.address().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");

    let document = json!({"rules": [told("told", "reject")], "message": "on one node"});
    let reply = site.put_policy(&super::etag(&site).await, &document).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let expected = revision(&site).await;
    until(PATIENCE, "the other node has followed", || async {
        let ready = client.get(format!("{address}/readyz")).send().await.expect("an answer");
        let ready: serde_json::Value = ready.json().await.expect("JSON");
        (ready["revision"] == expected).then_some(())
    })
    .await;
    // The worker is a process of its own: it follows as well.
    until(Duration::from_secs(60), "the worker judges by it", || async {
        let job = site.upload(bundle("metadata-last")).await;
        (site.wait(job).await.state == "FAILED").then_some(())
    })
    .await;
    assert!(second.terminate().await.success());
    site.stop_all().await;
}
