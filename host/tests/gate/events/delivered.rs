//! What arrives, and how it is written.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{NEW_SECRET, OLD_SECRET, all_delivered, calls, is_signed, listed, sluice, telling};
use crate::bundle::bundle;
use crate::receiver::Receiver;
use crate::site::{Options, Site};
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

over! { sqlite, postgres: [every_way_a_job_ends_is_told_once_signed_and_in_its_words] }

async fn every_way_a_job_ends_is_told_once_signed_and_in_its_words(stores: Stores) {
    let receiver = Receiver::taking().await;
    let secrets = format!("{NEW_SECRET}, {OLD_SECRET}");
    let options = telling(receiver.url()).env("SLUICE_EVENTS_SECRET", &secrets);
    let options = options.env("SLUICE_EVENTS_SOURCE", "https://gate.example/").stores(stores);
    let mut site = options.start().await;
    let mut expected = BTreeMap::new();
    for (name, outcome) in [("metadata-last", "done"), ("foreign-submitter", "rejected"), ("not-a-tar", "failed")] {
        let job = site.upload(bundle(name)).await;
        site.wait(job).await;
        expected.insert(job.to_string(), outcome);
    }
    let job = cut_off(&site).await;
    expected.insert(job.to_string(), "interrupted");
    site.add_rule(json!({
        "name": "slow", "plugin": "hostile", "config": {"do": "loop"}, "limits": {"time_ms": 20_000, "memory_mib": 64},
    }))
    .await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait_for(job, PATIENCE, "it is being judged", |state| state.task == "Policy Validation").await;
    let reply = site.api(reqwest::Method::POST, &format!("/api/jobs/{job}/cancel"), None).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    expected.insert(job.to_string(), "cancelled");

    let calls = calls(&receiver, expected.len()).await;
    let mut told = BTreeMap::new();
    for call in &calls {
        let event = call.json();
        let subject = event["subject"].as_str().expect("a subject").to_owned();
        let data = &event["data"];
        assert_eq!((&event["specversion"], &event["type"]), (&json!("1.0"), &json!("org.sluice.job.ended.v1")));
        assert_eq!(
            (&event["source"], &event["datacontenttype"]),
            (&json!("https://gate.example"), &json!("application/json"))
        );
        assert_eq!((&event["id"], &event["time"]), (&json!(call.header("webhook-id")), &data["ended"]));
        assert_eq!(call.header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert!(is_signed(call, NEW_SECRET) && is_signed(call, OLD_SECRET), "{:?}", call.headers);
        assert_eq!(data["id"].to_string(), subject);
        let job = site.job(data["id"].as_u64().expect("an id")).await;
        for key in
            ["kind", "task", "user", "submitter", "project", "instrument", "files", "bytes", "revision", "exception"]
        {
            assert_eq!(data[key], job[key], "{key} of {event}");
        }
        let report = format!("https://gate.example/api/jobs/{subject}/report");
        assert_eq!(data["report"], if job["revision"].is_null() { Value::Null } else { json!(report) });
        told.insert(subject, data["outcome"].as_str().expect("an outcome").to_owned());
    }
    assert_eq!(told, expected.iter().map(|(job, outcome)| (job.clone(), (*outcome).to_owned())).collect());
    all_delivered(&site, receiver.url()).await;
    assert_eq!(receiver.calls().len(), expected.len(), "each is told once");
    let metrics = site.get("/metrics").await.text();
    assert!(metrics.contains("sluice_events_total{outcome=\"delivered\"} 5"), "{metrics}");
    assert!(metrics.contains("sluice_events_waiting 0") && metrics.contains("sluice_oldest_event_seconds 0"));
    let env = [("SLUICE_EVENTS_URL", receiver.url()), ("SLUICE_EVENTS_SECRET", secrets.as_str())];
    let (_, doctor) = sluice(&site, &env, &["doctor"]).await;
    assert!(doctor.contains("signed with 2 secrets") && doctor.contains("0 events waiting"), "{doctor}");
    assert!(
        !doctor.contains("MfKQ") && !doctor.contains("C2FV") && !site.serve().log_tail().contains("MfKQ"),
        "{doctor}"
    );
}

/// A job whose bytes break off.
async fn cut_off(site: &Site) -> u64 {
    let mut socket = tokio::net::TcpStream::connect(site.address()).await.expect("a connection");
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000\r\n\r\nhalf", site.address());
    socket.write_all(head.as_bytes()).await.expect("half a body");
    let job = until(PATIENCE, "its job is there", || async {
        site.jobs().await.into_iter().find(|job| job["stage"] == "receiving")?["job_id"].as_u64()
    })
    .await;
    drop(socket);
    site.wait(job).await;
    job
}

#[tokio::test]
async fn a_job_that_is_tried_again_ends_a_second_time_and_is_told_of_in_order() {
    let receiver = Receiver::taking().await;
    let site = telling(receiver.url()).start().await;
    let job = site.upload(bundle("foreign-submitter")).await;
    site.wait(job).await;
    let reply = site.api(reqwest::Method::POST, &format!("/api/jobs/{job}/retry"), None).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    let calls = calls(&receiver, 2).await;
    let [first, second] = [0, 1].map(|number: usize| calls[number].json());
    assert!(first["id"] != second["id"] && first["time"].as_str() < second["time"].as_str(), "{first} {second}");
    assert_eq!((&first["data"]["outcome"], &second["data"]["outcome"]), (&json!("rejected"), &json!("rejected")));
}

#[tokio::test]
async fn attributes_go_as_headers_in_binary_mode() {
    let receiver = Receiver::taking().await;
    let site = telling(receiver.url()).env("SLUICE_EVENTS_FORMAT", "cloudevents-binary").start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    let call = calls(&receiver, 1).await.remove(0);
    let header = |name| call.header(name);
    assert_eq!((header("ce-specversion"), header("ce-type")), ("1.0", "org.sluice.job.ended.v1"));
    assert_eq!((header("ce-id"), header("ce-source")), (header("webhook-id"), "/sluice"));
    assert_eq!((header("ce-subject"), header("content-type")), (job.to_string().as_str(), "application/json"));
    let data = call.json();
    assert_eq!((&data["outcome"], data["ended"].as_str()), (&json!("done"), Some(header("ce-time"))));
    assert_eq!(data["report"], format!("/api/jobs/{job}/report"));
    assert!(is_signed(&call, NEW_SECRET));
}

/// As <https://github.com/pacifica/pacifica-metadata> emits it in `pacifica/metadata/rest/ingest.py`.
#[tokio::test]
async fn pacificas_own_form_tells_of_accepted_metadata_alone() {
    let receiver = Receiver::taking().await;
    let site = telling(receiver.url()).env("SLUICE_EVENTS_FORMAT", "pacifica").start().await;
    let refused = site.upload(bundle("foreign-submitter")).await;
    site.wait(refused).await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    let call = calls(&receiver, 1).await.remove(0);
    let event = call.json();
    let keys: Vec<_> = event.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected =
        ["cloudEventsVersion", "contentType", "data", "eventID", "eventTime", "eventType", "extensions", "source"];
    assert!(expected.iter().all(|key| keys.contains(key)) && keys.len() == expected.len(), "{keys:?}");
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!((&event["cloudEventsVersion"], &event["contentType"]), (&json!("0.1"), &json!("application/json")));
    assert_eq!(event["eventType"], "org.pacifica.metadata.ingest");
    assert_eq!(event["source"], format!("http://metadata.pacifica.org/transactions?_id={job}"));
    assert_eq!((&event["eventID"], &event["extensions"]), (&json!(format!("metadata.ingest.{job}")), &json!({})));
    let time = event["eventTime"].as_str().expect("a moment");
    assert!(time.len() == 19 && time.as_bytes()[10] == b'T', "{time}");
    let rows = event["data"].as_array().expect("rows");
    let row =
        |table: &str| rows.iter().find(|row| row["destinationTable"] == table).unwrap_or_else(|| panic!("{table}"));
    assert_eq!(row("Transactions._id")["value"], json!(job));
    assert_eq!(row("Transactions.project")["value"], "1234a");
    assert!(row("Files")["_id"].is_u64(), "{event}");
    let events = all_delivered(&site, receiver.url()).await;
    assert_eq!((events.len(), receiver.calls().len()), (1, 1), "{events:?}");
}

#[tokio::test]
async fn what_was_delivered_is_forgotten_after_its_time() {
    let receiver = Receiver::taking().await;
    let site = telling(receiver.url()).env("SLUICE_EVENTS_KEEP", "1s").start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    calls(&receiver, 1).await;
    until(PATIENCE, "the outbox is empty", || async {
        listed(&site, receiver.url(), &[]).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_signed_or_is_told_twice_is_refused_before_it_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secrets");
    std::fs::write(&file, "s3cret\n").expect("a file");
    let options = Options::default().env("SLUICE_EVENTS_URL", "http://127.0.0.1:9");
    let options = options.env("SLUICE_EVENTS_SECRET_FILE", file.to_str().expect("UTF-8"));
    let (status, log) = options.fail_to_start().await;
    assert!(!status.success() && log.contains("line 1 is no secret") && !log.contains("s3cret"), "{log}");
    let options = Options::default().env("SLUICE_EVENTS_URL", "http://127.0.0.1:9");
    let options = options.env("SLUICE_EVENTS_FORMAT", "pacifica").env("SLUICE_METADATA", "http://127.0.0.1:9/ingest");
    let (status, log) = options.fail_to_start().await;
    assert!(status.code() == Some(2) && log.contains("metadata service tells of accepted metadata"), "{log}");
}
