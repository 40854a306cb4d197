//! Disks that are full, read-only, slow or failing: clients are put off, jobs wait or fail by kind, nothing is half done,
//! and all goes on without a restart when the disk is well again.

mod failing;
mod full;
mod read_only;
mod slow;
mod volume;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};

use crate::bundle::{Generated, test_data};
use crate::site::{Reply, Site};

/// Sends a bundle that may not be taken.
async fn offer(site: &Site, bundle: Vec<u8>) -> Reply {
    let request = site.request(Method::POST, "/upload").header("content-type", "application/octet-stream");
    site.send(request.body(bundle)).await
}

/// Has files moved, and answers what is said of it. They are not there: only the document is received.
async fn offer_a_move(site: &Site) -> Reply {
    let document = std::fs::read_to_string(test_data().join("move-md.json")).expect("a document");
    site.send(site.request(Method::POST, "/move").header("content-type", "application/json").body(document)).await
}

/// Begins an upload in parts.
async fn begin_parts(site: &Site) -> Reply {
    let request = site.request(Method::POST, "/api/uploads").header("Tus-Resumable", "1.0.0");
    site.send(request.header("Upload-Length", 100).body("")).await
}

/// A bundle of one file.
fn of_size(size: u64, seed: u64) -> Vec<u8> {
    Generated { files: 1, size, seed }.bytes()
}

/// The client is to come again, and is told so in the words of the call: an error of Pacifica's, or a problem document.
fn assert_put_off(reply: &Reply, status: StatusCode) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(reply.headers.contains_key(RETRY_AFTER), "{:?}", reply.headers);
    let said = reply.json();
    assert!(said["message"].is_string() || said["detail"].is_string(), "{said}");
}

async fn assert_archived(site: &Site, job: u64, size: u64) {
    let state = site.wait(job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
    let sizes: Vec<u64> = site.files(job).await.values().map(|contents| contents.len() as u64).collect();
    assert_eq!(sizes, [size]);
}
