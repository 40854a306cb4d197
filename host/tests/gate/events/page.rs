//! What docs/admins/events.md shows is tried.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{NEW_SECRET, OLD_SECRET, all_delivered, listed, telling};
use crate::bundle::bundle;
use crate::redis::free_port;
use crate::wait::{PATIENCE, until};

/// The example of a receiver.
fn example() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admins/events.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let block = page.split("```python\n").nth(1).expect("an example");
    block.split("```").next().expect("its end").to_owned()
}

#[tokio::test]
async fn the_receiver_of_the_page_takes_what_is_signed_and_refuses_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (script, port) = (folder.path().join("receiver.py"), free_port());
    std::fs::write(&script, example()).expect("a file");
    let mut command = Command::new("python3");
    command.arg("-u").arg(&script).env("EVENTS_SECRET", OLD_SECRET).env("EVENTS_PORT", port.to_string());
    let Ok(mut receiver) = command.stdout(Stdio::piped()).kill_on_drop(true).spawn() else {
        eprintln!("\n**** SKIPPED: python3 is not here; install it to run this test ****\n");
        return;
    };
    let mut lines = BufReader::new(receiver.stdout.take().expect("a pipe")).lines();
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("listening"));

    let url = format!("http://127.0.0.1:{port}/");
    let other = telling(&url).start().await;
    let job = other.upload(bundle("metadata-last")).await;
    other.wait(job).await;
    until(PATIENCE, "it is refused", || async {
        let events = listed(&other, &url, &["--state", "waiting"]).await;
        events.iter().any(|event| event["problem"].as_str().is_some_and(|why| why.contains("401"))).then_some(())
    })
    .await;
    drop(other);

    // One that signs with the receiver's secret as well as with a newer one.
    let site = telling(&url).env("SLUICE_EVENTS_SECRET", format!("{NEW_SECRET},{OLD_SECRET}")).start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    all_delivered(&site, &url).await;
    let line = lines.next_line().await.expect("a line").expect("a line");
    assert_eq!(line, format!("job {job} of project 1234a: done"));
}
