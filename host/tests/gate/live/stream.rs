//! The stream of one job.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Stream, request};
use crate::bundle::bundle;
use crate::site::{Options, Site};
use crate::stores::{Stores, over};

over!(sqlite, postgres: [a_jobs_stream_shows_its_tasks_in_order_and_ends]);

async fn a_jobs_stream_shows_its_tasks_in_order_and_ends(stores: Stores) {
    let mut site = Options::default().stores(stores).workers(0).start().await;
    // One that takes its time, so that there is something to be seen on the way.
    let slow = json!({"name": "slow", "plugin": "hostile", "mode": "shadow", "config": {"do": "loop"},
        "limits": {"time_ms": 1500}});
    site.add_rule(slow).await;
    let job = site.upload(bundle("metadata-last")).await;
    let path = format!("/api/jobs/{job}/events");
    let mut stream = Stream::open(&site, &path, None).await;
    let headers = stream.answer.headers();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    let first = stream.next().await.expect("the state at once");
    assert_eq!((&first.data["stage"], &first.data["task"]), (&json!("waiting"), &json!("UPLOADING")));
    assert_eq!(first.data, site.job(job).await);

    site.start_worker();
    let order = ["UPLOADING", "open tar", "load metadata", "Policy Validation", "ingest files", "ingest metadata"];
    let (mut at, mut seen) = (0, BTreeSet::new());
    let last = loop {
        let event = stream.next().await.expect("an event before the end");
        assert_eq!(event.name, "job", "{event:?}");
        let task = event.data["task"].as_str().expect("a task");
        let place = order.iter().position(|known| *known == task).unwrap_or_else(|| panic!("{task} is no task"));
        assert!(place >= at, "{task} after {}", order[at]);
        at = place;
        seen.insert(at);
        if event.is_done() {
            break event;
        }
    };
    assert!(seen.contains(&3), "{seen:?}");
    assert_eq!(last.data, site.job(job).await);
    let steps = last.data["steps"].as_array().expect("steps");
    assert_eq!(steps.iter().map(|step| &step["task"]).collect::<Vec<_>>(), order[1..].iter().collect::<Vec<_>>());
    let end = stream.next().await.expect("the end is told");
    assert_eq!((end.name.as_str(), &end.data), ("end", &json!({"job_id": job, "state": "OK"})));
    assert_eq!(stream.next().await, None);

    // A browser comes back by itself, and is told that there is nothing more.
    let id = end.id.expect("an id");
    let again = site.send(request(&site, &path, Some(&id))).await;
    assert_eq!((again.status.as_u16(), again.text().as_str()), (204, ""));
    // Who comes for the first time is told the end, and so is one who missed it.
    for before in [None, first.id.as_deref()] {
        let mut late = Stream::open(&site, &path, before).await;
        assert_eq!(late.next().await.expect("the state").data, last.data);
        assert_eq!(late.next().await.expect("the end").name, "end");
        assert_eq!(late.next().await, None);
    }
}

#[tokio::test]
async fn what_is_no_job_or_no_id_is_said_in_words() {
    let site = Site::start().await;
    let job = site.upload(bundle("metadata-last")).await;
    for (path, id, status) in [
        ("/api/jobs/77/events".to_owned(), None, 404),
        ("/api/jobs/x/events".to_owned(), None, 400),
        (format!("/api/jobs/{job}/events"), Some("x"), 400),
        ("/api/events".to_owned(), Some("1-2"), 400),
        ("/api/events?state=GOOD".to_owned(), None, 400),
        ("/api/events?colour=red".to_owned(), None, 400),
    ] {
        let reply = site.send(request(&site, &path, id)).await;
        assert_eq!(reply.status, status, "{path} {id:?}: {}", reply.text());
        assert_eq!(reply.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn where_calls_need_a_token_so_does_listening() {
    let site = Options::default().env("SLUICE_HTTP_REQUIRE_TOKEN", "true").start().await;
    for path in ["/api/events", "/api/jobs/1/events"] {
        assert_eq!(site.get(path).await.status, 401, "{path}");
    }
    Stream::open(&site, "/api/events", None).await;
}
