//! An archive in a store of objects, which is a real S3 server: moto's.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use reqwest::Method;
use reqwest::header::RANGE;

use super::services::{Server, folder, python};
use super::{run, tool};
use crate::bundle::{Generated, bundle, listed_files, test_data, tree};
use crate::redis::free_port;
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, TAKEOVER, until};

const BUCKET: &str = "archive";

/// A server with a bucket; none where it cannot be had.
async fn server() -> Option<Server> {
    let moto = tool("moto_server")?;
    let start = move || {
        Server::start(folder(), |folder, port| {
            let mut command = python(&moto, folder);
            command.args(["-H", "127.0.0.1", "-p", port]);
            command
        })
    };
    let server = tokio::task::spawn_blocking(start).await.expect("no panic");
    drop(rustls::crypto::ring::default_provider().install_default());
    let made = call(&server, Method::PUT, "").send().await.expect("an answer");
    assert!(made.status().is_success(), "a bucket");
    Some(server)
}

/// What a site over such a server is started with, and every command beside it.
fn env(endpoint: &str) -> Vec<(String, String)> {
    let archive = format!("s3://{BUCKET}/some/prefix?endpoint={endpoint}&region=us-east-1");
    let env = [
        ("SLUICE_ARCHIVE", archive.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret-of-a-test"),
    ];
    env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

async fn site(endpoint: &str) -> Site {
    env(endpoint).into_iter().fold(Options::default(), |options, (name, value)| options.env(&name, value)).start().await
}

/// A call of the test's own. The server believes every signature, and needs one to know its owner.
fn call(server: &Server, method: Method, path: &str) -> reqwest::RequestBuilder {
    let mut url: url::Url = server.url().parse().expect("an address");
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.path_segments_mut().expect("a path").push(BUCKET).extend(path.split('/').filter(|part| !part.is_empty()));
    url.set_query(query);
    let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
    reqwest::Client::new().request(method, url).header("Authorization", signed)
}

/// An object, as the server has it.
async fn object(server: &Server, key: &str) -> Option<Vec<u8>> {
    let answer = call(server, Method::GET, &format!("some/prefix/{key}")).send().await.expect("an answer");
    if answer.status() == StatusCode::NOT_FOUND {
        return None;
    }
    assert!(answer.status().is_success(), "{answer:?}");
    Some(answer.bytes().await.expect("a body").to_vec())
}

#[tokio::test]
async fn an_upload_is_kept_as_objects_and_read_back_in_ranges() {
    let Some(server) = server().await else { return };
    let site = site(server.url()).await;
    for name in ["metadata-last", "japanese-names", "empty-file"] {
        let job = site.upload(bundle(name)).await;
        let state = site.wait(job).await;
        assert_eq!(state.state, "OK", "{state:?}");
        assert_eq!(site.files(job).await, listed_files(name));
        let place = site.place(job).await;
        for (path, contents) in listed_files(name) {
            assert_eq!(object(&server, &format!("{place}/{path}")).await, Some(contents), "{path}");
        }
    }
    let file = site.request(Method::GET, "/api/files/1").header(RANGE, "bytes=2-4");
    let reply = site.send(file).await;
    assert_eq!(reply.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(reply.body, site.get("/api/files/1").await.body[2..5]);

    let verified = run(&site, env!("CARGO_BIN_EXE_sluice"), &["archive", "verify"], &env(server.url())).await;
    assert_eq!(verified.code, Some(0), "{}", verified.text);
    let doctor = run(&site, env!("CARGO_BIN_EXE_sluice"), &["doctor"], &env(server.url())).await;
    assert!(doctor.text.contains("s3://archive/some/prefix answers"), "{}", doctor.text);
    assert!(!doctor.text.contains("s3cret"), "{}", doctor.text);
}

#[tokio::test]
async fn a_large_file_is_put_in_parts_and_no_part_is_left_over() {
    let Some(server) = server().await else { return };
    let site = site(server.url()).await;
    let generated = Generated { files: 2, size: 21 << 20, seed: 3 };
    let job = site.upload_stream(generated.pieces()).await;
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "{state:?}");
    let verified = run(&site, env!("CARGO_BIN_EXE_sluice"), &["archive", "verify"], &env(server.url())).await;
    assert_eq!(verified.code, Some(0), "{}", verified.text);
    let uploads = call(&server, Method::GET, "?uploads").send().await.expect("an answer");
    let uploads = uploads.text().await.expect("a body");
    assert!(uploads.contains("ListMultipartUploadsResult") && !uploads.contains("<Upload>"), "{uploads}");
}

/// What the server has of uploads that were begun and not ended.
async fn unended(server: &Server) -> usize {
    let uploads = call(server, Method::GET, "?uploads").send().await.expect("an answer");
    let uploads = uploads.text().await.expect("a body");
    assert!(uploads.contains("ListMultipartUploadsResult"), "{uploads}");
    uploads.matches("<Upload>").count()
}

/// A site that was killed in the middle of putting a large file, and the job.
async fn killed_while_putting(server: &Server) -> (Site, u64) {
    let options =
        env(server.url()).into_iter().fold(Options::default(), |options, (name, value)| options.env(&name, value));
    let mut site = options.env("SLUICE_WORKER_LEASE", "2s").start().await;
    let job = site.upload_stream(Generated { files: 1, size: 160 << 20, seed: 5 }.pieces()).await;
    until(PATIENCE, "an upload has begun", || async { (unended(server).await == 1).then_some(()) }).await;
    site.kill_all();
    assert_eq!(unended(server).await, 1, "it was killed before it had ended the upload");
    (site, job)
}

#[tokio::test]
async fn parts_that_a_killed_gate_has_left_are_given_up_by_the_next() {
    let Some(server) = server().await else { return };
    let (mut site, job) = killed_while_putting(&server).await;
    site.start_serve().await;
    let state = site.wait_up_to(TAKEOVER, job).await;
    assert_eq!(state.state, "OK", "{state:?}");
    assert_eq!(unended(&server).await, 0);
}

#[tokio::test]
async fn parts_of_a_job_that_was_cancelled_meanwhile_are_given_up_as_well() {
    let Some(server) = server().await else { return };
    let (mut site, job) = killed_while_putting(&server).await;
    let cancel = ["job", "cancel", &job.to_string()];
    let cancelled = run(&site, env!("CARGO_BIN_EXE_sluice"), &cancel, &env(server.url())).await;
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.text);
    site.start_serve().await;
    until(TAKEOVER, "the upload is given up", || async { (unended(&server).await == 0).then_some(()) }).await;
}

#[tokio::test]
async fn nothing_in_the_store_is_overwritten() {
    let Some(server) = server().await else { return };
    let site = site(server.url()).await;
    let first = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(first).await.state, "OK");
    // Somebody else has put a file where the next job's will be: small ones, and one that goes in parts.
    for (bundle, size) in
        [(Generated { files: 1, size: 1000, seed: 1 }, 1), (Generated { files: 1, size: 9 << 20, seed: 2 }, 2)]
    {
        let next = first + size;
        let place = site.place(first).await;
        let place = format!("{}/{next}", place.rsplit_once('/').expect("a folder").0);
        let path = bundle.paths().next().expect("a file");
        let put = call(&server, Method::PUT, &format!("some/prefix/{place}/{path}"));
        let put = put.body("not ours").send().await.expect("an answer");
        assert!(put.status().is_success());
        let job = site.upload_stream(bundle.pieces()).await;
        assert_eq!(job, next);
        let state = site.wait(job).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "ingest files"), "{state:?}");
        assert!(state.exception.contains("nothing in it is ever overwritten"), "{state:?}");
        assert_eq!(object(&server, &format!("{place}/{path}")).await.as_deref(), Some(&b"not ours"[..]));
    }
}

#[tokio::test]
async fn a_failed_job_takes_its_objects_back_and_a_move_its_files() {
    let Some(server) = server().await else { return };
    let site = site(server.url()).await;
    let job = site.upload(bundle("lame-mime-type")).await;
    assert_eq!(site.wait(job).await.task, "ingest metadata");
    let source = site.incoming().join("beamline");
    let mut files = tree(&test_data().join("move-files"));
    files.remove("README.md");
    for (path, contents) in &files {
        let target = source.join(path);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::write(target, contents).expect("a file to move");
    }
    let document = |name| {
        let document = std::fs::read_to_string(test_data().join(name)).expect("a document");
        document.replace("{SOURCE}", source.to_str().expect("UTF-8"))
    };
    let job = site.move_(&document("move-lame-mime-type.json")).await;
    assert_eq!(site.wait(job).await.task, "ingest metadata");
    assert_eq!(tree(&source), files, "the files are where they were");
    let listed = call(&server, Method::GET, "?list-type=2").send().await.expect("an answer");
    let listed = listed.text().await.expect("a body");
    assert!(listed.contains("ListBucketResult") && !listed.contains("<Key>"), "{listed}");

    let job = site.move_(&document("move-md.json")).await;
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "{state:?}");
    assert_eq!(site.files(job).await, files);
    assert_eq!(tree(&source), BTreeMap::new(), "the originals are gone when all is well");
}

#[tokio::test]
async fn a_store_that_is_down_fails_the_job_in_its_task() {
    let site = site(&format!("http://127.0.0.1:{}", free_port())).await;
    let job = site.upload(bundle("metadata-last")).await;
    let state = site.wait(job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "ingest files"), "{state:?}");
    assert!(state.exception.contains("s3://archive/some/prefix fails to take"), "{state:?}");
    assert!(!state.exception.contains("s3cret"), "{state:?}");
}
