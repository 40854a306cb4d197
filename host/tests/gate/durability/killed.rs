//! SIGKILL, as a crash or the loss of power would have it.

use std::collections::BTreeSet;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{assert_done_once, begin_a_slow_job};
use crate::bundle::{Generated, bundle, paths};
use crate::site::{Options, Site};
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, TAKEOVER, until};

over! { sqlite, redis, postgres: [
    a_job_whose_worker_is_killed_is_finished_by_the_next,
    a_job_whose_gate_is_killed_is_finished_when_it_is_back,
    workers_killed_at_every_task_leave_each_job_done_once,
    an_acknowledged_upload_survives_a_kill_at_once,
    an_upload_cut_off_by_a_kill_has_failed_uploading,
] }

async fn a_job_whose_worker_is_killed_is_finished_by_the_next(stores: Stores) {
    let mut site = Options::default().stores(stores).workers(1).start().await;
    let job = begin_a_slow_job(&mut site).await;
    site.worker().kill();
    site.start_worker();
    assert_done_once(&site, job).await;
}

async fn a_job_whose_gate_is_killed_is_finished_when_it_is_back(stores: Stores) {
    let mut site = Site::over(stores).await;
    let job = begin_a_slow_job(&mut site).await;
    site.kill_all();
    site.start_serve().await;
    assert_done_once(&site, job).await;
}

async fn workers_killed_at_every_task_leave_each_job_done_once(stores: Stores) {
    let tasks = ["UPLOADING", "open tar", "load metadata", "Policy Validation", "ingest files", "ingest metadata"];
    let mut site = Options::default().stores(stores).workers(1).start().await;
    let mut jobs = Vec::new();
    let mut expected = BTreeSet::new();
    for (place, task) in tasks.iter().enumerate() {
        let generated = Generated { files: 200, size: 1000, seed: place as u64 };
        let job = site.upload(generated.bytes()).await;
        // A quick worker may be past the task when we look; then it is killed a little later.
        site.wait_for(job, TAKEOVER, &format!("it has come to {task}"), |state| {
            state.complete || tasks.iter().position(|one| *one == state.task) >= Some(place)
        })
        .await;
        site.worker().kill();
        site.start_worker();
        let archive = site.place(job).await;
        expected.extend(generated.paths().map(|path| format!("{archive}/{path}")));
        jobs.push(job);
    }
    for job in jobs {
        let state = site.wait_up_to(TAKEOVER, job).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
        assert_eq!(site.files(job).await.len(), 200);
    }
    assert_eq!(paths(&site.archive()), expected);
}

async fn an_acknowledged_upload_survives_a_kill_at_once(stores: Stores) {
    let mut site = Options::default().stores(stores).workers(0).start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.kill_all();
    site.start_serve().await;
    site.start_worker();
    assert_done_once(&site, job).await;
}

async fn an_upload_cut_off_by_a_kill_has_failed_uploading(stores: Stores) {
    let mut site = Site::over(stores).await;
    let body = Generated { files: 2, size: 300_000, seed: 1 }.bytes();
    let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", site.address(), body.len());
    socket.write_all(head.as_bytes()).await.expect("a head");
    socket.write_all(&body[..body.len() / 2]).await.expect("half a body");
    until(PATIENCE, "bytes are in the spool", || async { (!paths(&site.spool()).is_empty()).then_some(()) }).await;
    let job = site.jobs().await[0]["job_id"].as_u64().expect("an id");

    site.kill_all();
    site.start_serve().await;

    let state = site.wait_up_to(TAKEOVER, job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "UPLOADING"), "{state:?}");
    assert!(!state.exception.is_empty(), "{state:?}");
    until(TAKEOVER, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}
