//! The job state: its keys, its types, its spellings, and when it comes into being.

use std::cell::Cell;

use reqwest::Method;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bundle::{Generated, bundle};
use crate::site::Site;
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

over! { sqlite, redis, postgres: [
    a_job_state_has_the_keys_and_types_of_pacifica,
    the_job_exists_before_the_first_byte_of_the_body,
    a_job_passes_through_the_known_tasks_in_order,
] }

async fn a_job_state_has_the_keys_and_types_of_pacifica(stores: Stores) {
    let site = Site::over(stores).await;
    let reply = site.send(site.request(Method::POST, "/upload").body(bundle("metadata-last"))).await;
    assert_shape(&reply.json());
    assert_eq!(reply.json()["state"], "OK");
    assert!(reply.headers["content-type"].to_str().expect("text").starts_with("application/json"));

    let job = reply.job_state().job_id;
    site.wait(job).await;
    let done = site.get(&format!("/get_state?job_id={job}")).await.json();
    assert_shape(&done);
    assert_eq!(done["task_percent"], "100.00000");

    let failed = site.upload(bundle("not-a-tar")).await;
    site.wait(failed).await;
    let failed = site.get(&format!("/get_state?job_id={failed}")).await.json();
    assert_shape(&failed);
    assert_eq!(failed["task_percent"], "0.00000");
}

async fn the_job_exists_before_the_first_byte_of_the_body(stores: Stores) {
    let site = Site::over(stores).await;
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000\r\n\r\n", site.address());
    socket.write_all(head.as_bytes()).await.expect("a request");

    let job = until(PATIENCE, "the job is listed", || async { site.jobs().await.first().cloned() }).await;
    let state = site.state(job["job_id"].as_u64().expect("an id")).await;
    assert_eq!((state.state.as_str(), state.task.as_str(), state.complete), ("OK", "UPLOADING", false));
    assert_eq!(state.task_percent, "0.00000");
    assert_eq!(state.exception, "");
}

async fn a_job_passes_through_the_known_tasks_in_order(stores: Stores) {
    let tasks = ["UPLOADING", "open tar", "load metadata", "Policy Validation", "ingest files", "ingest metadata"];
    let site = Site::over(stores).await;
    let job = site.upload(Generated { files: 300, size: 2000, seed: 1 }.bytes()).await;
    let place = Cell::new(0);
    until(PATIENCE, "the job is complete", || async {
        let state = site.state(job).await;
        assert_eq!(state.state, "OK", "{state:?}");
        let now = tasks.iter().position(|task| *task == state.task).unwrap_or_else(|| panic!("no task {state:?}"));
        assert!(now >= place.get(), "from {} back to {state:?}", tasks[place.get()]);
        let percent: f64 = state.task_percent.parse().expect("a number");
        assert!((0.0..=100.0).contains(&percent), "{state:?}");
        place.set(now);
        state.complete.then_some(())
    })
    .await;
    assert_eq!(tasks[place.get()], "ingest metadata");
}

/// Keys, types and spellings, for a job in any state.
fn assert_shape(state: &Value) {
    let object = state.as_object().expect("an object");
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["complete", "created", "exception", "job_id", "state", "task", "task_percent", "updated"],
        "{state}"
    );
    assert!(state["job_id"].as_u64().is_some_and(|id| id > 0), "{state}");
    assert!(matches!(state["state"].as_str(), Some("OK" | "FAILED")), "{state}");
    assert!(state["task"].is_string() && state["complete"].is_boolean() && state["exception"].is_string(), "{state}");
    let percent = state["task_percent"].as_str().expect("a string");
    let (whole, fraction) = percent.split_once('.').expect("a decimal point");
    assert!(fraction.len() == 5 && whole.parse::<u8>().is_ok(), "{state}");
    for key in ["created", "updated"] {
        let time = state[key].as_str().expect("a string");
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "9999-99-99 99:99:99.999999", "{key} of {state}");
    }
    assert!(state["created"].as_str() <= state["updated"].as_str(), "{state}");
}
