//! The clients of tus that others have written: tuspy for Python, tus-js-client for JavaScript.

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use tokio::process::Command;

use crate::bundle::Generated;
use crate::site::Site;
use crate::tools;

/// Several pieces of what the clients send at a time.
const BUNDLE: Generated = Generated { files: 3, size: 300_000, seed: 8 };

#[tokio::test]
async fn tuspy_resumes_an_upload() {
    let Some(clients) = clients() else { return };
    let site = Site::start().await;
    let mut command = Command::new(clients.join("python/bin/python"));
    command.arg(script("upload.py")).arg(endpoint(&site)).arg(bundle(&site));
    assert_uploads(&site, command).await;
}

#[tokio::test]
async fn tus_js_client_resumes_an_upload() {
    let Some(clients) = clients() else { return };
    let site = Site::start().await;
    let mut command = Command::new("node");
    command.arg(script("upload.mjs")).arg(clients).arg("resumed").arg(endpoint(&site)).arg(bundle(&site));
    assert_uploads(&site, command).await;
}

#[tokio::test]
async fn tus_js_client_sends_two_halves_at_the_same_time() {
    let Some(clients) = clients() else { return };
    let site = Site::start().await;
    let mut command = Command::new("node");
    command.arg(script("upload.mjs")).arg(clients).arg("parallel").arg(endpoint(&site)).arg(bundle(&site));
    assert_uploads(&site, command).await;
}

/// Where `scripts/tus-clients` has put them; none where it could not.
fn clients() -> Option<PathBuf> {
    let there = std::fs::read_dir(tools::cache()?).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let is_ours =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tus-clients-"));
    let found = there.filter(is_ours).find(|path| path.join("ready").exists());
    if found.is_none() {
        eprintln!("**** The clients of tus are not here, so this test is skipped. To run it: scripts/tus-clients ****");
    }
    found
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tus").join(name)
}

fn endpoint(site: &Site) -> String {
    format!("http://{}/api/uploads", site.address())
}

fn bundle(site: &Site) -> PathBuf {
    let path = site.outside().join("bundle.tar");
    std::fs::write(&path, BUNDLE.bytes()).expect("a file");
    path
}

/// Runs a client that prints the address of what it has uploaded, which must be a good job by then.
async fn assert_uploads(site: &Site, mut command: Command) {
    let output = command.kill_on_drop(true).output().await.expect("the client runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let url = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let path = url.strip_prefix(&format!("http://{}", site.address())).unwrap_or_else(|| panic!("{url}: {said}"));
    let reply = site.send(site.request(Method::HEAD, path).header("Tus-Resumable", "1.0.0")).await;
    assert_eq!(reply.status, StatusCode::OK, "{url}");
    let job = reply.headers["sluice-job"].to_str().expect("text").parse().expect("a number");
    assert_eq!(site.wait(job).await.state, "OK");
    assert_eq!(site.files(job).await.len(), 3);
}
