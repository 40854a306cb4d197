//! A gate that is full: what it refuses and how, what slow uploads may take, and what they cost the others.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::bundle::{Generated, bundle, paths};
use crate::site::{Options, Site};
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

over! { sqlite, postgres: [slow_uploads_take_little_memory_and_hold_nobody_up] }

/// Begins an upload of so many bytes, and leaves it at that.
async fn begin(site: &Site, length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-tar\r\nContent-Length: {length}\r\n\r\n",
        site.address()
    );
    socket.write_all(head.as_bytes()).await.expect("a head");
    socket
}

async fn receiving(site: &Site, count: usize) {
    until(PATIENCE, &format!("{count} uploads have begun"), || async {
        let jobs = site.api_json("/api/jobs?stage=receiving&limit=1000").await;
        jobs["jobs"].as_array().is_some_and(|jobs| jobs.len() == count).then_some(())
    })
    .await;
}

/// The whole answer of a connection that is closed after it, or that says how long it is.
async fn answer(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.expect("an answer, and no broken connection");
        text.extend_from_slice(&piece[..count]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        let whole = so_far.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            length.is_some_and(|length: usize| body.len() >= length)
        });
        if count == 0 || whole {
            return so_far;
        }
    }
}

#[tokio::test]
async fn a_full_gate_says_when_to_come_back_also_to_who_listens_only_when_all_is_sent() {
    let site = Options::default().env("SLUICE_HTTP_MAX_UPLOADS", "2").start().await;
    let stalled = [begin(&site, 1_000).await, begin(&site, 1_000).await];
    receiving(&site, 2).await;

    // More than the buffers between the two take, so that it is sent only if somebody reads it.
    let body = Generated { files: 1, size: 24 << 20, seed: 1 }.bytes();
    let mut socket = begin(&site, body.len()).await;
    socket.write_all(&body).await.expect("the whole body is heard out");
    let refused = answer(&mut socket).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.to_lowercase().contains("\r\nretry-after: 5\r\n"), "{refused}");
    assert!(
        refused.contains(r#""status":"503 Service Unavailable""#) && refused.contains("try again later"),
        "{refused}"
    );

    let tus = site.request(Method::POST, "/api/uploads").header("tus-resumable", "1.0.0").header("upload-length", "10");
    let tus = tus.header("content-type", "application/offset+octet-stream").body("0123456789");
    let refused = site.send(tus).await;
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(refused.headers["content-type"], "application/problem+json");

    // What needs no room is answered, and what was refused has left nothing.
    assert_eq!(site.jobs().await.len(), 2);
    assert_eq!(site.get("/healthz").await.status, 204);
    drop(stalled);
    receiving(&site, 0).await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_without_leave_to_send() {
    let site = Options::default().env("SLUICE_HTTP_MAX_UPLOADS", "1").start().await;
    let _stalled = begin(&site, 1_000).await;
    receiving(&site, 1).await;
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = "POST /upload HTTP/1.1\r\nHost: gate\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("a head");
    let refused = answer(&mut socket).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    // Nothing but the end follows: no leave that came too late.
    let mut rest = Vec::new();
    drop(socket.read_to_end(&mut rest).await);
    assert!(!String::from_utf8_lossy(&rest).contains("100 "), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn who_trickles_loses_its_place_and_who_is_merely_slow_does_not() {
    let site = Options::default()
        .env("SLUICE_HTTP_MAX_UPLOADS", "2")
        .env("SLUICE_HTTP_IDLE_TIMEOUT", "1s")
        .env("SLUICE_HTTP_MIN_RATE", "2KiB")
        .start()
        .await;
    let body = bundle("metadata-last");
    let (mut trickling, mut slow) = (begin(&site, 1 << 20).await, begin(&site, body.len()).await);
    // A byte now and then: never silent for long enough. The other one takes several times as long as may be silent.
    let pause = Duration::from_millis(50);
    let (mut hears, mut says) = trickling.split();
    let trickle = async {
        // Until it is given up, at any moment.
        let drops = async {
            while says.write_all(b"x").await.is_ok() {
                tokio::time::sleep(pause).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            text = answer(&mut hears) => text,
            () = drops => unreachable!("it only sends"),
        }
    };
    let piece = body.len().div_ceil(60);
    let steady = async {
        for piece in body.chunks(piece) {
            slow.write_all(piece).await.expect("the slow one goes on");
            tokio::time::sleep(pause).await;
        }
        answer(&mut slow).await
    };
    let began = Instant::now();
    let (trickled, steady) = tokio::join!(trickle, steady);
    assert!(trickled.starts_with("HTTP/1.1 408 "), "{trickled}");
    assert!(trickled.contains("less than 2048 bytes a second arrived"), "{trickled}");
    assert!(steady.starts_with("HTTP/1.1 200 "), "{steady}");
    assert!(began.elapsed() > Duration::from_secs(2), "the slow one was not slow: {:?}", began.elapsed());
    for job in site.jobs().await {
        site.wait(job["job_id"].as_u64().expect("an id")).await;
    }
    let mut states: Vec<_> = site.jobs().await.iter().map(|job| job["state"].to_string()).collect();
    states.sort();
    assert_eq!(states, ["\"FAILED\"", "\"OK\""]);
    until(PATIENCE, "nothing is left of it", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

async fn slow_uploads_take_little_memory_and_hold_nobody_up(stores: Stores) {
    const SLOW: usize = 200;
    let site = Options::default().stores(stores).start().await;
    let first = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(first).await.state, "OK");
    let before = site.serve().memory("VmRSS");
    let half = Generated { files: 2, size: 100_000, seed: 1 }.bytes();
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut socket = begin(&site, half.len()).await;
        socket.write_all(&half[..half.len() / 2]).await.expect("half a body");
        slow.push(socket);
    }
    receiving(&site, SLOW).await;
    let grown = site.serve().memory("VmRSS").saturating_sub(before);
    assert!(grown < SLOW as u64 * (512 << 10), "{SLOW} slow uploads made the program grow by {} MiB", grown >> 20);
    for seed in 0..8 {
        let job = site.upload(Generated { files: 2, size: 300_000, seed }.bytes()).await;
        assert_eq!(site.wait(job).await.state, "OK");
    }
    receiving(&site, SLOW).await;
    // And they are uploads like any other when they are done.
    let mut last = slow.pop().expect("one of them");
    last.write_all(&half[half.len() / 2..]).await.expect("the other half");
    let done = answer(&mut last).await;
    assert!(done.starts_with("HTTP/1.1 200 "), "{done}");
}

#[tokio::test]
async fn the_program_takes_all_the_handles_that_it_may_have() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "ulimit -Sn 128 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_sluice")]);
    command.args(["serve", "--no-worker", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
    for plugins in crate::site::plugin_folders() {
        command.arg("--plugins").arg(plugins);
    }
    let mut gate = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the program starts");
    let mut lines = BufReader::new(gate.stdout.take().expect("a pipe")).lines();
    let said = lines.next_line().await.expect("a line").expect("the program listens");
    assert!(said.contains("listening"), "{said}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gate.id().expect("a process"))).expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit of open files");
    let numbers: Vec<&str> = line["Max open files".len()..].split_whitespace().collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
    gate.kill().await.expect("it is stopped");
}
