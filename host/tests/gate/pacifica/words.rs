//! What the gate says to the services, to the letter, and what it makes of their answers.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::stand_in::{StandIn, added, fault};
use crate::bundle::bundle;
use crate::site::{JobState, Options, Site};

/// The settings of all four services.
fn options(ids: &StandIn, archive: &StandIn, metadata: &StandIn, policy: &StandIn) -> Options {
    Options::default()
        .env("UNIQUEID_URL", ids.url())
        .env("ARCHIVEINTERFACE_URL", archive.url())
        .env("METADATA_INGEST_URL", format!("{}/ingest", metadata.url()))
        .env("POLICY_INGEST_URL", format!("{}/ingest", policy.url()))
}

/// A UniqueID service that begins at 70 for jobs and at 700 for files.
async fn ids() -> StandIn {
    let next = std::sync::Mutex::new((70, 700));
    StandIn::start(move |_, call| {
        let mut next = next.lock().expect("a lock");
        let count: i64 = match call.query.strip_prefix("range=").and_then(|rest| rest.split('&').next()?.parse().ok()) {
            Some(count) if call.method == Method::GET && call.path == "/getid" => count,
            _ => return fault(StatusCode::NOT_FOUND, "only GET /getid"),
        };
        let next = match call.query.rsplit('=').next() {
            Some("upload_job") => &mut next.0,
            Some("file") => &mut next.1,
            _ => return fault(StatusCode::BAD_REQUEST, "no mode"),
        };
        let first = *next;
        *next += count;
        (StatusCode::OK, json!({"startIndex": first, "endIndex": first + count - 1}))
    })
    .await
}

#[tokio::test]
async fn every_service_is_asked_in_the_words_of_the_contract() {
    let (ids, archive) = (ids().await, StandIn::archive().await);
    let (metadata, policy) = (StandIn::accepting().await, StandIn::accepting().await);
    let site = options(&ids, &archive, &metadata, &policy).start().await;
    let job = site.upload_as("jane", bundle("subdir-spellings")).await;
    assert_eq!(job, 70);
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "{state:?}");

    let (asked, put) = (policy.calls(), metadata.calls());
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    let [put] = &put[..] else { panic!("{put:?}") };
    assert_eq!((&asked.method, asked.path.as_str()), (&Method::POST, "/ingest"));
    assert_eq!((&put.method, put.path.as_str()), (&Method::PUT, "/ingest"));
    assert_eq!(asked.header("x-http-authed-user"), "jane");
    for call in [asked, put] {
        assert_eq!(call.header("content-type"), "application/json");
        assert!(call.text().starts_with("[\n    {\n        \""), "indented by four: {}", call.text());
    }
    let rows: Vec<Value> = serde_json::from_str(&asked.text()).expect("rows");
    assert_eq!(rows.last(), Some(&json!({"destinationTable": "Transactions._id", "value": 70})));
    let files = |call: &super::stand_in::Call| -> Vec<Value> {
        let rows: Vec<Value> = serde_json::from_str(&call.text()).expect("rows");
        rows.into_iter().filter(|row| row["destinationTable"] == "Files").collect()
    };
    let (judged, recorded) = (files(asked), files(put));
    assert!(judged.len() > 3);
    for (index, (judged, recorded)) in judged.iter().zip(&recorded).enumerate() {
        assert_eq!(judged["_id"], 700 + index);
        assert_eq!(recorded["_id"], 700 + index);
        let subdir = recorded["subdir"].as_str().expect("a subdir");
        assert!(!subdir.starts_with("data/") && !subdir.contains("//") && !subdir.ends_with('/'), "{subdir}");
    }
    assert!(judged.iter().any(|row| row["subdir"].as_str().is_some_and(|subdir| subdir.starts_with("data"))));
    let mut paths: Vec<_> =
        archive.calls().iter().filter(|call| call.method == Method::PUT).map(|call| call.path.clone()).collect();
    paths.sort();
    let expected: Vec<_> = (0..judged.len()).map(|index| format!("/{}", 700 + index)).collect();
    assert_eq!(paths, expected);
    let modes: Vec<_> = ids.calls().iter().map(|call| call.query.clone()).collect();
    assert_eq!(modes, ["range=1&mode=upload_job".to_owned(), format!("range={}&mode=file", judged.len())]);
}

/// How a good bundle ends at a site where the archive answers so, and how it said it.
async fn over_archive(
    answer: impl Fn(usize, &super::stand_in::Call) -> super::stand_in::Answer + Send + Sync + 'static,
) -> JobState {
    let (ids, archive) = (ids().await, StandIn::start(answer).await);
    let site = Options::default().env("UNIQUEID_URL", ids.url()).env("ARCHIVEINTERFACE_URL", archive.url());
    let site = site.start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await
}

fn assert_failed(state: &JobState, task: &str, words: &[&str]) {
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", task), "{state:?}");
    assert_eq!(state.task_percent, "0.00000", "{state:?}");
    assert!(state.complete, "{state:?}");
    for words in words {
        assert!(state.exception.contains(words), "{words:?} is not in {:?}", state.exception);
    }
}

#[tokio::test]
async fn an_answer_of_the_archive_that_is_not_the_right_one_fails_the_job() {
    let named = "archive interface service answered";
    let wrong =
        over_archive(|_, call| (StatusCode::CREATED, json!({"message": "well", "total_bytes": call.body.len()})));
    assert_failed(&wrong.await, "ingest files", &[named, "File added to archive", "PUT"]);
    let short = over_archive(|_, call| added(call.body.len() + 1));
    assert_failed(&short.await, "ingest files", &[named, "total_bytes"]);
    let other = over_archive(|_, call| (StatusCode::OK, added(call.body.len()).1));
    assert_failed(&other.await, "ingest files", &[named, "200 OK"]);
    let refused = over_archive(|_, _| fault(StatusCode::FORBIDDEN, "not yours"));
    assert_failed(&refused.await, "ingest files", &[named, "not yours", "403"]);
}

#[tokio::test]
async fn an_archive_that_fails_for_a_moment_is_asked_again() {
    let state = over_archive(|number, call| match number {
        0..4 => fault(StatusCode::SERVICE_UNAVAILABLE, "busy"),
        _ if call.method == Method::PUT => added(call.body.len()),
        _ => fault(StatusCode::METHOD_NOT_ALLOWED, "only PUT"),
    });
    let state = state.await;
    assert_eq!(state.state, "OK", "{state:?}");
}

/// How a good bundle ends where the policy and the metadata service answer so.
async fn over_services(policy: StandIn, metadata: StandIn) -> (Site, StandIn, u64) {
    let (ids, archive) = (ids().await, StandIn::archive().await);
    let site = options(&ids, &archive, &metadata, &policy).start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    (site, archive, job)
}

#[tokio::test]
async fn a_bundle_that_the_policy_service_rejects_fails_with_its_words() {
    let policy = StandIn::start(|_, _| fault(StatusCode::PRECONDITION_FAILED, "Invalid values for project")).await;
    let (site, archive, job) = over_services(policy, StandIn::accepting().await).await;
    let state = site.state(job).await;
    assert_failed(&state, "Policy Validation", &[]);
    let words = "Invalid values for project (Traceback (most recent call last):\nValueError: seen\n)";
    assert_eq!(state.exception, words);
    assert_eq!(archive.calls().len(), 0, "nothing reaches the archive");
    let report = site.report(job).await;
    assert_eq!(report["accepted"], false, "{report}");
    let last = report["rules"].as_array().and_then(|rules| rules.last()).expect("rules");
    assert_eq!((&last["rule"], &last["outcome"]), (&json!("policy-service"), &json!("rejected")), "{report}");
}

#[tokio::test]
async fn the_policy_service_is_not_asked_of_what_the_rules_reject() {
    let (ids, archive) = (ids().await, StandIn::archive().await);
    let (metadata, policy) = (StandIn::accepting().await, StandIn::accepting().await);
    let site = options(&ids, &archive, &metadata, &policy).start().await;
    let job = site.upload(bundle("foreign-submitter")).await;
    assert_failed(&site.wait(job).await, "Policy Validation", &[]);
    assert_eq!((policy.calls().len(), metadata.calls().len(), archive.calls().len()), (0, 0, 0));
}

#[tokio::test]
async fn what_the_metadata_service_refuses_fails_with_its_words() {
    let metadata = StandIn::start(|_, _| fault(StatusCode::BAD_REQUEST, "Invalid metadata for file 700")).await;
    let (site, _, job) = over_services(StandIn::accepting().await, metadata).await;
    let words = ["metadata service answered 400", "Invalid metadata for file 700", "PUT"];
    assert_failed(&site.state(job).await, "ingest metadata", &words);
}

#[tokio::test]
async fn an_answer_of_the_metadata_service_without_success_fails_the_job() {
    let metadata = StandIn::start(|_, _| (StatusCode::OK, json!({"status": "perhaps"}))).await;
    let (site, _, job) = over_services(StandIn::accepting().await, metadata).await;
    assert_failed(&site.state(job).await, "ingest metadata", &["perhaps", "success"]);
}

#[tokio::test]
async fn a_transaction_that_is_there_already_is_refused_unless_we_put_it() {
    let there = "Could not insert records [ID: 70] due to duplicated ID values.";
    let metadata = StandIn::start(move |_, _| fault(StatusCode::BAD_REQUEST, there)).await;
    let (site, _, job) = over_services(StandIn::accepting().await, metadata).await;
    assert_failed(&site.state(job).await, "ingest metadata", &[there]);
    // Taken, and the answer was lost on the way.
    let metadata = StandIn::start(move |number, _| match number {
        0 => fault(StatusCode::BAD_GATEWAY, "lost"),
        _ => fault(StatusCode::BAD_REQUEST, there),
    });
    let (site, _, job) = over_services(StandIn::accepting().await, metadata.await).await;
    assert_eq!(site.state(job).await.state, "OK");
}
