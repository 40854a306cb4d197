//! Clients that say little, and then for a long time: each of them is given up, and none keeps anybody up.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::super::wire::{Ear, Heard, connect};
use super::{assert_goes_on, forgetful};
use crate::site::Site;
use crate::wait::PATIENCE;

/// How long a head may take, and then some for a busy machine.
const HEAD: Duration = Duration::from_secs(30);

/// What is sent at once, and what then again and again.
type Case = (&'static str, &'static str, &'static str, &'static [u16]);

const HEADS: &[Case] = &[
    ("nothing", "", "", &[]),
    ("half a line", "GET /hea", "", &[]),
    ("a head without its end", "GET / HTTP/1.1\r\nHost: x\r\n", "", &[]),
    ("a head a byte at a time", "GET / HTTP/1.1\r\nX-Slow: ", "x", &[]),
    ("headers without end", "GET / HTTP/1.1\r\nHost: x\r\n", "X-Slow: x\r\n", &[431]),
    ("empty lines without end", "", "\r\n", &[]),
    ("a second head that does not come", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", &[200]),
    ("a second head a byte at a time", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /", "x", &[200]),
];

const BODIES: &[Case] = &[
    ("no body", "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "", &[408]),
    (
        "an extension a byte at a time",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        "x",
        &[408],
    ),
    (
        "a length a figure at a time",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0",
        &[408],
    ),
    (
        "trailers a byte at a time",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Slow: ",
        "x",
        &[408],
    ),
    (
        "a move a byte at a time",
        "POST /move HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
        " ",
        &[408],
    ),
];

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let site = forgetful().start().await;
    let began = Instant::now();
    let dawdling = HEADS.iter().map(async |case| {
        let heard = dawdle(&site, case, usize::MAX, HEAD + PATIENCE).await;
        assert!(heard.closed, "{}: {heard:?}", case.0);
    });
    let meanwhile = async {
        for _ in 0..5 {
            assert_goes_on(&site, "slow heads").await;
        }
        assert!(began.elapsed() < HEAD, "others had to wait");
    };
    tokio::join!(futures::future::join_all(dawdling), meanwhile);
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_the_upload() {
    let site = forgetful().env("SLUICE_HTTP_IDLE_TIMEOUT", "1s").start().await;
    futures::future::join_all(BODIES.iter().map(|case| dawdle(&site, case, 1, PATIENCE))).await;
    for job in site.jobs().await {
        let state = site.wait(job["job_id"].as_u64().expect("an id")).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "UPLOADING"), "{state:?}");
    }
    assert_goes_on(&site, "slow bodies").await;
}

/// Says so little until so many answers have come, or the gate has closed the connection.
async fn dawdle(site: &Site, (name, first, again, expected): &Case, answers: usize, patience: Duration) -> Heard {
    let mut socket = connect(site).await;
    let (mut hears, mut says) = socket.split();
    let speaking = async {
        drop(says.write_all(first.as_bytes()).await);
        // What is sent to nobody in particular need not be sent fast.
        while !again.is_empty() && says.write_all(again.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut ear = Ear::default();
    let heard: Heard = tokio::select! {
        heard = ear.until(&mut hears, answers, patience) => heard,
        () = speaking => unreachable!("it only speaks"),
    };
    // A head may end before it has too many lines.
    let statuses = heard.statuses();
    assert!(statuses.is_empty() && *name == "headers without end" || statuses == *expected, "{name}: {heard:?}");
    heard
}
