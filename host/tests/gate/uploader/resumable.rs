//! Uploads in parts: tus 1.0 at `/api/uploads`.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder, StatusCode};
use sha1::{Digest as _, Sha1};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bundle::{Generated, bundle, listed_files, paths};
use crate::site::{Options, Reply, Site};
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, TAKEOVER, until};

over! { sqlite, postgres: [
    an_upload_in_parts_becomes_a_job,
    an_upload_goes_on_where_it_was_when_its_gate_was_killed,
    a_whole_upload_without_a_job_gets_one_when_it_is_looked_at,
    parts_sent_apart_are_put_together,
] }

fn to(site: &Site, method: Method, path: &str) -> RequestBuilder {
    site.request(method, path).header("Tus-Resumable", "1.0.0")
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().expect("text"))
}

/// Begins an upload, and answers its path.
async fn create(site: &Site, length: usize, more: &[(&str, &str)]) -> String {
    let mut request = to(site, Method::POST, "/api/uploads").header("Upload-Length", length);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    path_of(&site.send(request.body("")).await)
}

fn path_of(created: &Reply) -> String {
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    assert_eq!(header(created, "tus-resumable"), Some("1.0.0"));
    // Relative to `/api/uploads`.
    format!("/api/{}", header(created, "location").expect("a location"))
}

fn patch(site: &Site, path: &str, offset: usize, part: &[u8]) -> RequestBuilder {
    let request = to(site, Method::PATCH, path).header("Content-Type", "application/offset+octet-stream");
    request.header("Upload-Offset", offset).body(part.to_vec())
}

/// Where an upload stands.
async fn offset(site: &Site, path: &str) -> usize {
    let reply = site.send(to(site, Method::HEAD, path)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(header(&reply, "cache-control"), Some("no-store"));
    header(&reply, "upload-offset").expect("an offset").parse().expect("a number")
}

fn job_of(reply: &Reply) -> u64 {
    header(reply, "sluice-job").expect("a job").parse().expect("a number")
}

async fn an_upload_in_parts_becomes_a_job(stores: Stores) {
    let site = Site::over(stores).await;
    let body = bundle("metadata-last");
    let path = create(&site, body.len(), &[("Upload-Metadata", "filename cnVuNy50YXI=,empty")]).await;
    let (mut at, mut last) = (0, None);
    for part in body.chunks(1_000) {
        let reply = site.send(patch(&site, &path, at, part)).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());
        at += part.len();
        assert_eq!(header(&reply, "upload-offset"), Some(at.to_string().as_str()));
        let ended = at == body.len();
        assert_eq!(
            (reply.headers.contains_key("sluice-job"), reply.headers.contains_key("upload-expires")),
            (ended, !ended)
        );
        last = Some(reply);
    }
    let job = job_of(&last.expect("an answer"));
    assert_eq!(site.wait(job).await.state, "OK");
    assert_eq!(site.files(job).await, listed_files("metadata-last"));
    // Looked at again, it says the same, and its bytes are no longer kept.
    let reply = site.send(to(&site, Method::HEAD, &path)).await;
    assert_eq!((job_of(&reply), header(&reply, "upload-length")), (job, header(&reply, "upload-offset")));
    assert_eq!(header(&reply, "upload-metadata"), Some("filename cnVuNy50YXI=,empty"));
    assert!(paths(&site.spool()).iter().all(|path| path.ends_with("/record.json")), "{:?}", paths(&site.spool()));
    // A part that is sent again, because its answer was lost, does no harm.
    let reply = site.send(patch(&site, &path, body.len(), b"")).await;
    assert_eq!((reply.status, job_of(&reply)), (StatusCode::NO_CONTENT, job));
    assert_eq!(site.jobs().await.len(), 1);
}

/// Sends the head of a part that is all the rest, and so many bytes of it. The socket must be kept to keep it open.
async fn half_a_part(site: &Site, path: &str, body: &[u8], send: usize, more: &str) -> TcpStream {
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n{more}\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
        site.address(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("a head");
    socket.write_all(&body[..send]).await.expect("a part");
    socket
}

async fn an_upload_goes_on_where_it_was_when_its_gate_was_killed(stores: Stores) {
    let mut site = Site::over(stores).await;
    let generated = Generated { files: 3, size: 700_000, seed: 5 };
    let body = generated.bytes();
    let path = create(&site, body.len(), &[]).await;
    let half = body.len() / 2;
    let socket = half_a_part(&site, &path, &body, half, "").await;
    until(PATIENCE, "half of it is there", || async { (offset(&site, &path).await == half).then_some(()) }).await;
    site.kill_all();
    drop(socket);
    site.start_serve().await;

    assert_eq!(offset(&site, &path).await, half);
    let reply = site.send(patch(&site, &path, half, &body[half..])).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());
    let job = job_of(&reply);
    assert_eq!(site.wait_up_to(TAKEOVER, job).await.state, "OK");
    assert_eq!(site.files(job).await.len(), 3);
    assert_eq!(site.jobs().await.len(), 1);
}

async fn a_whole_upload_without_a_job_gets_one_when_it_is_looked_at(stores: Stores) {
    let mut site = Site::over(stores).await;
    let body = bundle("metadata-first");
    let path = create(&site, body.len(), &[]).await;
    site.stop_all().await;
    // As a gate leaves it that dies between the last byte and the job.
    let bytes = site.spool().join("uploads").join(path.rsplit('/').next().expect("an id")).join("bytes");
    fs::write(bytes, &body).expect("the bytes");
    site.start_serve().await;
    let job = job_of(&site.send(to(&site, Method::HEAD, &path)).await);
    assert_eq!(site.wait(job).await.state, "OK");
    assert_eq!(job_of(&site.send(to(&site, Method::HEAD, &path)).await), job);
    assert_eq!(site.jobs().await.len(), 1);
}

async fn parts_sent_apart_are_put_together(stores: Stores) {
    let site = Site::over(stores).await;
    let body = bundle("metadata-last");
    let (one, two) = body.split_at(body.len() / 3);
    let mut urls = Vec::new();
    for part in [one, two] {
        let path = create(&site, part.len(), &[("Upload-Concat", "partial")]).await;
        urls.push(path.clone());
        if part == two {
            let lacking = site.send(concat(&site, &urls)).await;
            assert_eq!(lacking.status, StatusCode::BAD_REQUEST, "{}", lacking.text());
        }
        let reply = site.send(patch(&site, &path, 0, part)).await;
        assert_eq!((reply.status, header(&reply, "sluice-job")), (StatusCode::NO_CONTENT, None));
    }
    let whole = site.send(concat(&site, &urls)).await;
    let job = job_of(&whole);
    assert_eq!(site.wait(job).await.state, "OK");
    assert_eq!(site.files(job).await, listed_files("metadata-last"));
    // Nothing can be added to it, and put together again it is the same job.
    let reply = site.send(patch(&site, &path_of(&whole), body.len(), b"x")).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "{}", reply.text());
    let reply = site.send(to(&site, Method::HEAD, &path_of(&whole))).await;
    assert!(header(&reply, "upload-concat").is_some_and(|concat| concat.starts_with("final;")));
    assert_eq!(job_of(&site.send(concat(&site, &urls)).await), job);
    assert_eq!(site.jobs().await.len(), 1);
}

fn concat(site: &Site, urls: &[String]) -> RequestBuilder {
    to(site, Method::POST, "/api/uploads").header("Upload-Concat", format!("final;{}", urls.join(" "))).body("")
}

#[tokio::test]
async fn what_is_spoken_is_said() {
    let site = Options::default().env("SLUICE_HTTP_MAX_BODY", "1MiB").start().await;
    let reply = site.send(site.request(Method::OPTIONS, "/api/uploads")).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(header(&reply, "tus-version"), Some("1.0.0"));
    assert_eq!(header(&reply, "tus-max-size"), Some("1048576"));
    let extensions = header(&reply, "tus-extension").expect("extensions");
    for extension in ["creation", "creation-with-upload", "checksum", "termination", "expiration", "concatenation"] {
        assert!(extensions.split(',').any(|one| one == extension), "{extensions}");
    }
    assert!(header(&reply, "tus-checksum-algorithm").expect("names").starts_with("sha1,"));
    // Whoever speaks another version, or none, is told.
    let request = site.request(Method::POST, "/api/uploads").header("Tus-Resumable", "0.2.2");
    let reply = site.send(request.header("Upload-Length", 1).body("")).await;
    assert_eq!((reply.status, header(&reply, "tus-version")), (StatusCode::PRECONDITION_FAILED, Some("1.0.0")));
    let request = to(&site, Method::POST, "/api/uploads").header("Upload-Length", (1 << 20) + 1).body("");
    assert_eq!(site.send(request).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_first_part_may_come_with_the_beginning() {
    let site = Site::start().await;
    let body = bundle("metadata-last");
    let begin = |part: &[u8]| {
        let request = to(&site, Method::POST, "/api/uploads").header("Upload-Length", body.len());
        request.header("Content-Type", "application/offset+octet-stream").body(part.to_vec())
    };
    let reply = site.send(begin(&body[..100])).await;
    assert_eq!(header(&reply, "upload-offset"), Some("100"));
    let path = path_of(&reply);
    // Another method by the name of POST, for clients that can send no other.
    let request = to(&site, Method::POST, &path).header("X-HTTP-Method-Override", "PATCH").header("Upload-Offset", 100);
    let request = request.header("Content-Type", "application/offset+octet-stream").body(body[100..].to_vec());
    let job = job_of(&site.send(request).await);
    assert_eq!(site.wait(job).await.state, "OK");
    let all = site.send(begin(&body)).await;
    assert_eq!(site.wait(job_of(&all)).await.state, "OK");
}

#[tokio::test]
async fn two_requests_never_write_to_one_upload() {
    let site = Site::start().await;
    let body = Generated { files: 1, size: 200_000, seed: 2 }.bytes();
    let path = create(&site, body.len(), &[]).await;
    let socket = half_a_part(&site, &path, &body, 100_000, "").await;
    until(PATIENCE, "some is there", || async { (offset(&site, &path).await == 100_000).then_some(()) }).await;
    let reply = site.send(patch(&site, &path, 100_000, &body[100_000..])).await;
    assert_eq!(reply.status, StatusCode::LOCKED, "{}", reply.text());
    assert_eq!(site.send(to(&site, Method::DELETE, &path)).await.status, StatusCode::LOCKED);
    drop(socket);
    // When the gate has learnt that the first is gone, the next one may go on.
    let reply = until(PATIENCE, "the next may go on", || async {
        let reply = site.send(patch(&site, &path, 100_000, &body[100_000..])).await;
        (reply.status != StatusCode::LOCKED).then_some(reply)
    })
    .await;
    assert_eq!(site.wait(job_of(&reply)).await.state, "OK");
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_refused() {
    let site = Site::start().await;
    let path = create(&site, 10, &[]).await;
    assert_eq!(site.send(patch(&site, &path, 0, b"abc")).await.status, StatusCode::NO_CONTENT);
    for (offset, part, status) in [
        (0, &b"abc"[..], StatusCode::CONFLICT),
        (4, b"abc", StatusCode::CONFLICT),
        (3, b"defghijklmnop", StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let reply = site.send(patch(&site, &path, offset, part)).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(header(&reply, "tus-resumable"), Some("1.0.0"));
    }
    let untyped = to(&site, Method::PATCH, &path).header("Upload-Offset", 3).body("abc");
    assert_eq!(site.send(untyped).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    // An upload is its user's alone.
    let other = to(&site, Method::HEAD, &path).header("X-Http-Authed-User", "bob");
    assert_eq!(site.send(other).await.status, StatusCode::NOT_FOUND);
    let unknown = to(&site, Method::HEAD, "/api/uploads/..%2f..%2fx");
    assert_eq!(site.send(unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_part_is_checked_where_it_has_a_checksum() {
    let site = Site::start().await;
    let body = bundle("metadata-last");
    let path = create(&site, body.len(), &[]).await;
    let sum = |part: &[u8]| format!("sha1 {}", STANDARD.encode(Sha1::digest(part)));
    let wrong = patch(&site, &path, 0, &body[..700]).header("Upload-Checksum", sum(b"another"));
    assert_eq!(site.send(wrong).await.status.as_u16(), 460);
    assert_eq!(offset(&site, &path).await, 0);
    for bad in ["sha1", "crc32 AAAA", "sha1 ????", "sha1 AAAA"] {
        let request = patch(&site, &path, 0, &body[..700]).header("Upload-Checksum", bad);
        assert_eq!(site.send(request).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // Cut off, nothing of it is kept: it could not be checked.
    let checked = format!("Upload-Checksum: {}\r\n", sum(&body));
    let socket = half_a_part(&site, &path, &body, 600, &checked).await;
    until(PATIENCE, "it has begun", || async {
        let written = paths(&site.spool()).iter().any(|path| path.ends_with("/unverified"));
        written.then_some(())
    })
    .await;
    assert_eq!(offset(&site, &path).await, 0);
    drop(socket);
    let reply = until(PATIENCE, "the next may go on", || async {
        let request = patch(&site, &path, 0, &body).header("Upload-Checksum", sum(&body));
        let reply = site.send(request).await;
        (reply.status != StatusCode::LOCKED).then_some(reply)
    })
    .await;
    assert_eq!(site.wait(job_of(&reply)).await.state, "OK");
}

#[tokio::test]
async fn an_upload_can_be_ended_by_its_client() {
    let site = Site::start().await;
    let path = create(&site, 10, &[]).await;
    assert_eq!(site.send(patch(&site, &path, 0, b"abc")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.send(to(&site, Method::DELETE, &path)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.send(to(&site, Method::HEAD, &path)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(paths(&site.spool()).len(), 0);
    assert_eq!(site.jobs().await.len(), 0);
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_expires() {
    let site = Options::default().env("SLUICE_UPLOADS_EXPIRE", "1s").start().await;
    let path = create(&site, 10, &[]).await;
    until(PATIENCE, "it has expired", || async {
        let status = site.send(to(&site, Method::HEAD, &path)).await.status;
        matches!(status, StatusCode::GONE | StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    until(PATIENCE, "nothing of it is kept", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}
