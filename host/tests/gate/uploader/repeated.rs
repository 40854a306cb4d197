//! `Idempotency-Key`: a request that is repeated makes no second job.

use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bundle::{Generated, bundle};
use crate::site::{Reply, Site};
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, TAKEOVER, until};

over! { sqlite, postgres: [
    the_same_key_is_the_same_job,
    a_key_whose_upload_was_lost_is_free_again,
] }

async fn upload(site: &Site, path: &str, user: &str, key: &str) -> Reply {
    let request = site.request(Method::POST, path).header("X-Http-Authed-User", user).header("Idempotency-Key", key);
    site.send(request.body(bundle("metadata-last"))).await
}

async fn the_same_key_is_the_same_job(stores: Stores) {
    let site = Site::over(stores).await;
    let first = upload(&site, "/upload", "ada", "\"k-1\"").await.job_state().job_id;
    // At once, after its end, by the other name of the call, and without the quotes.
    assert_eq!(upload(&site, "/upload", "ada", "\"k-1\"").await.job_state().job_id, first);
    let ended = site.wait(first).await;
    assert_eq!(upload(&site, "/ingest", "ada", "k-1").await.job_state(), ended);
    assert_eq!(site.jobs().await.len(), 1);
    // The key of another user, and another key, are other requests.
    assert_ne!(upload(&site, "/upload", "bob", "k-1").await.job_state().job_id, first);
    assert_ne!(upload(&site, "/upload", "ada", "k-2").await.job_state().job_id, first);
    assert_eq!(site.jobs().await.len(), 3);
}

/// Sends the head of an upload with this key, and half of its body.
async fn half(site: &Site, key: &str) -> TcpStream {
    let body = Generated { files: 2, size: 300_000, seed: 1 }.bytes();
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {}\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n",
        site.address(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("a head");
    socket.write_all(&body[..body.len() / 2]).await.expect("half a body");
    socket
}

async fn a_key_whose_upload_was_lost_is_free_again(stores: Stores) {
    let site = Site::over(stores).await;
    let socket = half(&site, "k").await;
    let job = until(PATIENCE, "the job is there", || async { site.jobs().await.first().cloned() }).await;
    let job = job["job_id"].as_u64().expect("an id");
    // While the first is under way nothing is promised yet, and nothing is begun a second time.
    let meanwhile = upload(&site, "/upload", "root", "k").await;
    assert_eq!(meanwhile.status, StatusCode::CONFLICT, "{}", meanwhile.text());
    assert_eq!(meanwhile.headers["retry-after"], "1");
    assert!(meanwhile.text().contains(&format!("job {job};")), "{}", meanwhile.text());
    drop(socket);
    let lost = site.wait_up_to(TAKEOVER, job).await;
    assert_eq!((lost.state.as_str(), lost.task.as_str()), ("FAILED", "UPLOADING"), "{lost:?}");
    let again = upload(&site, "/upload", "root", "k").await.job_state().job_id;
    assert_ne!(again, job);
    assert_eq!(site.wait(again).await.state, "OK");
    assert_eq!(upload(&site, "/upload", "root", "k").await.job_state().job_id, again);
}

#[tokio::test]
async fn a_move_has_its_key_as_well_and_shares_none_with_an_upload() {
    let site = Site::start().await;
    let post = |key: &'static str| {
        let request = site.request(Method::POST, "/move").header("content-type", "application/json");
        site.send(request.header("Idempotency-Key", key).body("[]"))
    };
    let first = post("m").await.job_state().job_id;
    assert_eq!(post("m").await.job_state().job_id, first);
    assert_ne!(post("n").await.job_state().job_id, first);
    let reply = upload(&site, "/upload", "root", "m").await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text());
    assert!(reply.json()["message"].as_str().expect("text").contains(&format!("move that is job {first}")));
}

#[tokio::test]
async fn a_client_that_asks_for_leave_need_not_send_its_body_again() {
    let site = Site::start().await;
    let first = upload(&site, "/upload", "root", "k").await.job_state().job_id;
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {}\r\nIdempotency-Key: k\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        site.address()
    );
    socket.write_all(head.as_bytes()).await.expect("a head");
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, socket.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(&format!("\"job_id\":{first},")), "{answer}");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let site = Site::start().await;
    let long = "k".repeat(256);
    for key in ["", "\"\"", "a b", "a\"b", long.as_str()] {
        assert_eq!(upload(&site, "/upload", "root", key).await.status, StatusCode::BAD_REQUEST, "{key:?}");
    }
    assert_eq!(site.jobs().await.len(), 0);
}
