//! Services that are down, that never answer, or that cannot be meant.

use axum::http::StatusCode;
use serde_json::json;

use super::stand_in::StandIn;
use crate::bundle::bundle;
use crate::redis::free_port;
use crate::site::{JobState, Options};

/// An address at which nobody listens.
fn nobody() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

/// How a good bundle ends at such a site.
async fn ended(options: Options) -> JobState {
    let site = options.start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await
}

fn assert_failed(state: &JobState, task: &str, service: &str) {
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", task), "{state:?}");
    assert_eq!(state.task_percent, "0.00000", "{state:?}");
    assert!(state.exception.contains(&format!("the {service} service does not answer")), "{state:?}");
}

#[tokio::test]
async fn each_service_that_is_down_fails_the_job_in_its_task() {
    let archive = ended(Options::default().env("ARCHIVEINTERFACE_URL", nobody()));
    let policy = ended(Options::default().env("POLICY_INGEST_URL", nobody()));
    let metadata = ended(Options::default().env("METADATA_INGEST_URL", nobody()));
    let (archive, policy, metadata) = tokio::join!(archive, policy, metadata);
    assert_failed(&archive, "ingest files", "archive interface");
    assert_failed(&policy, "Policy Validation", "policy");
    assert_failed(&metadata, "ingest metadata", "metadata");
}

#[tokio::test]
async fn each_service_that_never_answers_fails_the_job_in_its_task() {
    let silent = StandIn::silent().await;
    let archive = ended(Options::default().env("ARCHIVEINTERFACE_URL", silent.url()).env("SLUICE_IDS", "own"));
    let policy = ended(Options::default().env("POLICY_INGEST_URL", silent.url()));
    let metadata = ended(Options::default().env("METADATA_INGEST_URL", silent.url()));
    let (archive, policy, metadata) = tokio::join!(archive, policy, metadata);
    assert_failed(&archive, "ingest files", "archive interface");
    assert_failed(&policy, "Policy Validation", "policy");
    assert_failed(&metadata, "ingest metadata", "metadata");
}

#[tokio::test]
async fn without_ids_no_bundle_is_taken_and_no_job_is_made() {
    let site = Options::default().env("UNIQUEID_URL", nobody()).start().await;
    let request = site.request(reqwest::Method::POST, "/upload").body(bundle("metadata-last"));
    let reply = site.send(request).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());
    assert!(reply.json()["message"].as_str().is_some_and(|words| words.contains("no job id")), "{}", reply.text());
    assert!(site.jobs().await.is_empty());
}

#[tokio::test]
async fn ids_that_are_none_or_were_given_out_before_are_not_used() {
    for answer in [json!({"startIndex": -1, "endIndex": -1}), json!({"startIndex": 1, "endIndex": 4}), json!([])] {
        let ids = StandIn::start(move |_, _| (StatusCode::OK, answer.clone())).await;
        let site = Options::default().env("UNIQUEID_URL", ids.url()).start().await;
        let request = site.request(reqwest::Method::POST, "/upload").body(bundle("metadata-last"));
        assert_eq!(site.send(request).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let ids = StandIn::start(|_, _| (StatusCode::OK, json!({"startIndex": 5, "endIndex": 5}))).await;
    let site = Options::default().env("UNIQUEID_URL", ids.url()).start().await;
    assert_eq!(site.upload(bundle("empty-tar")).await, 5);
    let request = site.request(reqwest::Method::POST, "/upload").body(bundle("empty-tar"));
    assert_eq!(site.send(request).await.status, StatusCode::SERVICE_UNAVAILABLE, "the same id again");
    assert_eq!(site.jobs().await.len(), 1);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_before_anything_starts() {
    let (status, said) = Options::default().env("SLUICE_IDS", "ids:8051").fail_to_start().await;
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("ids (environment SLUICE_IDS)"), "{said}");
}
