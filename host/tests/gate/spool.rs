//! What the gate does with bytes while they arrive: nothing is buffered whole, left behind or held up by others.

use std::collections::BTreeSet;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bundle::{Generated, bundle, paths};
use crate::site::Site;
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

over! { sqlite, redis: [
    a_client_that_hangs_up_leaves_a_failed_job_and_no_spool,
    a_chunked_client_that_hangs_up_leaves_a_failed_job_and_no_spool,
    stalled_clients_hold_nobody_up,
    a_finished_job_leaves_no_spool,
] }

async fn a_client_that_hangs_up_leaves_a_failed_job_and_no_spool(stores: Stores) {
    let site = Site::over(stores).await;
    let socket = half_an_upload(&site, Framing::Length).await;
    hang_up(&site, socket).await;
}

async fn a_chunked_client_that_hangs_up_leaves_a_failed_job_and_no_spool(stores: Stores) {
    let site = Site::over(stores).await;
    let socket = half_an_upload(&site, Framing::Chunked).await;
    hang_up(&site, socket).await;
}

async fn hang_up(site: &Site, socket: TcpStream) {
    until(PATIENCE, "bytes are in the spool", || async { (!paths(&site.spool()).is_empty()).then_some(()) }).await;
    let job = site.jobs().await[0]["job_id"].as_u64().expect("an id");
    assert_eq!(site.state(job).await.task, "UPLOADING");

    drop(socket);

    let state = site.wait(job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "UPLOADING"), "{state:?}");
    assert_eq!(state.task_percent, "0.00000");
    assert!(!state.exception.is_empty(), "{state:?}");
    until(PATIENCE, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
    assert_eq!(paths(&site.archive()), BTreeSet::new());

    let next = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(next).await.state, "OK");
}

async fn stalled_clients_hold_nobody_up(stores: Stores) {
    let site = Site::over(stores).await;
    let mut stalled = Vec::new();
    for _ in 0..30 {
        stalled.push(half_an_upload(&site, Framing::Length).await);
    }
    until(PATIENCE, "all uploads have begun", || async { (site.jobs().await.len() >= 30).then_some(()) }).await;

    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    for job in site.jobs().await.iter().map(|job| job["job_id"].as_u64().expect("an id")).filter(|id| *id != job) {
        assert_eq!(site.state(job).await.task, "UPLOADING");
    }
    drop(stalled);
}

async fn a_finished_job_leaves_no_spool(stores: Stores) {
    let site = Site::over(stores).await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    until(PATIENCE, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn a_client_that_sends_less_than_it_said_has_failed_uploading() {
    let site = Site::start().await;
    let mut socket = half_an_upload(&site, Framing::Length).await;
    socket.shutdown().await.expect("an end of sending");
    let job = until(PATIENCE, "the job is listed", || async { site.jobs().await.first().cloned() }).await;
    let state = site.wait(job["job_id"].as_u64().expect("an id")).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "UPLOADING"), "{state:?}");
}

#[tokio::test]
async fn a_big_bundle_needs_no_more_memory_than_a_small_one() {
    const MIB: u64 = 1024 * 1024;
    let gib = if std::env::var_os("SLUICE_TEST_BIG").is_some() { 4 } else { 1 };
    let site = Site::start().await;
    // What a first bundle needs once, compiled rules for instance, is no matter of size.
    let small = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(small).await.state, "OK");
    let before = site.serve().memory("VmHWM");

    let big = Generated { files: 8, size: gib * 128 * MIB, seed: 1 };
    let job = site.upload_stream(big.pieces()).await;
    let state = site.wait_up_to(10 * PATIENCE, job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");

    let grown = site.serve().memory("VmHWM").saturating_sub(before);
    assert!(grown < 64 * MIB, "{gib} GiB of bundle made the program grow by {} MiB", grown / MIB);
    let place = site.place(job).await;
    for path in big.paths() {
        let archived = site.archive().join(&place).join(&path);
        assert_eq!(std::fs::metadata(&archived).expect("an archived file").len(), big.size, "{path}");
    }
    // A job has ended before its spool is cleared.
    until(PATIENCE, "the spool is cleared", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

#[derive(Clone, Copy)]
enum Framing {
    Length,
    Chunked,
}

/// Sends the head of an upload and the first half of its body. The socket must be kept as long as it shall stall.
async fn half_an_upload(site: &Site, framing: Framing) -> TcpStream {
    let body = Generated { files: 2, size: 300_000, seed: 1 }.bytes();
    let half = &body[..body.len() / 2];
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-tar\r\n", site.address());
    let head = match framing {
        Framing::Length => format!("{head}Content-Length: {}\r\n\r\n", body.len()),
        Framing::Chunked => format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", half.len()),
    };
    socket.write_all(head.as_bytes()).await.expect("a head");
    socket.write_all(half).await.expect("half a body");
    if let Framing::Chunked = framing {
        socket.write_all(b"\r\n").await.expect("the end of a chunk");
    }
    socket.flush().await.expect("sent");
    socket
}
