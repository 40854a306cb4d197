//! Several requests in one write, and requests that hide in the bodies of others.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::wire::{Ear, connect, say};
use super::{Case, assert_goes_on, forgetful, ok_jobs, try_cases};
use crate::bundle::{bundle, paths};
use crate::wait::{PATIENCE, until};

const CASES: &[Case] = &[
    (
        "two bundles in one write",
        |asked| {
            let first = String::from_utf8(asked.upload(&format!("Content-Length: {}\r\n", asked.bundle.len())))
                .expect("a head");
            [first.replace("Connection: close\r\n", "").as_bytes(), &asked.bundle, &asked.whole("")].concat()
        },
        &[&[200], &[200]],
        2,
    ),
    (
        "a request behind an answer that ends the connection",
        |asked| [asked.get("/", ""), asked.get("/healthz", "")].concat(),
        &[&[200]],
        0,
    ),
    (
        "a request in the body of one that is refused",
        |asked| refused("/move", "text/plain", &asked.get("/healthz", ""), &asked.get("/get_state?job_id=77", "")),
        &[&[415], &[0, 404]],
        0,
    ),
    (
        "a request in the body of one for a path that is not there",
        |asked| refused("/nowhere", "text/plain", &asked.get("/healthz", ""), &asked.get("/get_state?job_id=77", "")),
        &[&[404], &[0, 404]],
        0,
    ),
    (
        "a request in the body of one by another method",
        |asked| {
            let hidden = asked.get("/healthz", "");
            let head =
                format!("GET /get_state?job_id=76 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", hidden.len());
            [head.into(), hidden, asked.get("/get_state?job_id=77", "")].concat()
        },
        &[&[404], &[0, 404]],
        0,
    ),
    (
        "a request behind one that wants a length",
        |asked| {
            let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\n\r\n", asked.host);
            [head.into(), asked.get("/get_state?job_id=77", "")].concat()
        },
        &[&[411], &[0, 404]],
        0,
    ),
    (
        "a request behind a body that is too long",
        |asked| {
            let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Length: 99999999\r\n\r\n", asked.host);
            [head.into(), vec![b'x'; 1000], asked.get("/healthz", "")].concat()
        },
        &[&[413]],
        0,
    ),
];

/// A refused POST with a body, and what comes behind it.
fn refused(path: &str, kind: &str, body: &[u8], behind: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body, behind].concat()
}

#[tokio::test]
async fn no_request_is_answered_that_is_part_of_another() {
    try_cases(&forgetful().env("SLUICE_HTTP_MAX_BODY", "1MiB").start().await, CASES).await;
}

#[tokio::test]
async fn a_hundred_requests_in_one_write_are_answered_in_order() {
    let site = forgetful().start().await;
    let ask = |number| format!("GET /get_state?job_id={number} HTTP/1.1\r\nHost: {}\r\n\r\n", site.address());
    let all: String = (1000..1100).map(ask).collect();
    let heard = say(&site, all.as_bytes(), 100).await;
    assert_eq!(heard.answers.len(), 100);
    for (number, answer) in (1000..).zip(&heard.answers) {
        assert!(answer.status == 404 && answer.body.contains(&format!("job ID {number} ")), "{number}: {answer:?}");
    }
}

#[tokio::test]
async fn who_asks_for_leave_is_given_it_or_the_answer() {
    let site = forgetful().env("SLUICE_HTTP_MAX_BODY", "1MiB").start().await;
    let body = bundle("metadata-last");
    let head = |length: usize| {
        let host = site.address();
        format!("POST /upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n")
    };
    let (mut socket, mut ear) = (connect(&site).await, Ear::default());
    socket.write_all(head(body.len()).as_bytes()).await.expect("a head");
    let leave = ear.until(&mut socket, 1, PATIENCE).await;
    assert_eq!(leave.statuses(), [100], "leave comes first");
    socket.write_all(&body).await.expect("a body");
    let heard = ear.until(&mut socket, 2, PATIENCE).await;
    assert_eq!(heard.statuses(), [100, 200]);
    assert_eq!(ok_jobs(&site).await, 1);

    let heard = say(&site, head(2 << 20).as_bytes(), 2).await;
    assert_eq!((heard.statuses(), heard.closed), (vec![413], true), "no leave for what is not taken");
}

/// Some clients say that they have no more to say before they listen.
#[tokio::test]
async fn who_has_said_all_and_closes_its_side_loses_no_bundle() {
    let site = forgetful().start().await;
    let body = bundle("metadata-last");
    let mut socket = connect(&site).await;
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", site.address(), body.len());
    socket.write_all(&[head.as_bytes(), &body].concat()).await.expect("a request");
    socket.shutdown().await.expect("an end of speaking");
    let heard = Ear::default().until(&mut socket, 2, PATIENCE).await;
    assert_eq!((heard.statuses(), heard.closed), (vec![200], true));
    until(PATIENCE, "the bundle is archived", || async { (ok_jobs(&site).await == 1).then_some(()) }).await;
}

/// An end in the middle of a chunk, and in the middle of its length.
#[tokio::test]
async fn who_closes_its_side_in_the_middle_of_a_chunk_has_sent_no_bundle() {
    let site = forgetful().start().await;
    let body = bundle("metadata-last");
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", site.address());
    let chunk = |length: usize| [format!("{length:x}\r\n").as_bytes(), &body].concat();
    let ends = [
        chunk(body.len() + 1),
        chunk(body.len()),
        [chunk(body.len()), b"\r\n".to_vec()].concat(),
        b"3".to_vec(),
        Vec::new(),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut socket = connect(&site).await;
        socket.write_all(&[head.as_bytes(), &end].concat()).await.expect("a request");
        socket.shutdown().await.expect("an end of speaking");
        let mut said = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut said)).await;
        drop(read.unwrap_or_else(|_| panic!("end {number}: the connection is held")));
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "end {number}: {said}");
        assert_eq!(ok_jobs(&site).await, 0, "end {number}");
    }
    until(PATIENCE, "nothing is left of it", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
    for job in site.jobs().await {
        assert_eq!((&job["state"], &job["task"]), (&"FAILED".into(), &"UPLOADING".into()), "{job}");
    }
    assert_goes_on(&site, "all ends").await;
}
