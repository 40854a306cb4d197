//! `POST /api/validate` and `sluice validate`: what the rules would say, and nothing else.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::command::run;
use super::transaction;
use crate::bundle::test_data;
use crate::site::{Options, Reply, Site};

#[tokio::test]
async fn a_dry_run_answers_the_report_and_makes_no_job() {
    let site = Site::start().await;
    let reply = ask(&site, "", &document("metadata-last")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let report = reply.json();
    assert_eq!((&report["accepted"], &report["job_id"], &report["revision"]), (&json!(true), &json!(0), &json!(1)));
    let outcomes: Vec<_> = report["rules"].as_array().expect("rules").iter().map(|rule| &rule["outcome"]).collect();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| **outcome == "passed"), "{report}");
    assert_eq!(site.jobs().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_dry_run_that_is_rejected_is_an_answer_as_well() {
    let site = Site::start().await;
    let reply = ask(&site, "?kind=upload", &document("foreign-submitter")).await;
    assert_eq!(reply.status, StatusCode::OK);
    let dry = reply.json();
    assert_eq!(dry["accepted"], false);
    // Just what the bundle itself is told.
    let job = site.upload(crate::bundle::bundle("foreign-submitter")).await;
    site.wait(job).await;
    let findings = |report: &Value| -> Vec<Value> {
        report["rules"].as_array().expect("rules").iter().map(|rule| rule["findings"].clone()).collect()
    };
    assert_eq!(findings(&dry), findings(&site.report(job).await));
}

#[tokio::test]
async fn a_dry_run_of_a_move_looks_at_its_sources() {
    let site = Site::start().await;
    let mut rows = transaction();
    rows.push(json!({
        "destinationTable": "Files", "name": "x", "subdir": "data", "size": 1, "source": "/etc/passwd",
        "mimetype": "text/plain", "hashtype": "sha1", "hashsum": "0".repeat(40),
    }));
    let rows = Value::Array(rows).to_string();
    let report = ask(&site, "?kind=move", &rows).await.json();
    assert_eq!(report["accepted"], false, "{report}");
    assert!(report.to_string().contains("/etc/passwd"), "{report}");
    assert_eq!(ask(&site, "?kind=upload", &rows).await.json()["accepted"], true);
}

#[tokio::test]
async fn what_is_no_document_is_a_problem() {
    let site = Site::start().await;
    for (body, part) in [("[{", "EOF"), ("{}", "expected a sequence"), ("[1]", "not an object"), ("", "EOF")] {
        let reply = ask(&site, "", body).await;
        assert_problem(&reply, StatusCode::BAD_REQUEST);
        assert!(reply.json()["detail"].as_str().expect("text").contains(part), "{}", reply.text());
    }
    for query in ["?kind=both", "?sort=move"] {
        assert_problem(&ask(&site, query, "[]").await, StatusCode::BAD_REQUEST);
    }
    assert_problem(&site.get("/api/validate").await, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_document_larger_than_a_move_may_have_is_refused() {
    let site = Options::default().env("SLUICE_SPOOL_MAX_METADATA", "1KiB").start().await;
    let rows = Value::Array(vec![json!({"destinationTable": "x", "value": "y".repeat(2_000)})]).to_string();
    assert_problem(&ask(&site, "", &rows).await, StatusCode::PAYLOAD_TOO_LARGE);
    // Whether it says how long it is or not.
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>(rows)]);
    let request = site.request(Method::POST, "/api/validate").body(reqwest::Body::wrap_stream(pieces));
    assert_problem(&site.send(request).await, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_command_prints_what_the_rules_would_say() {
    let site = Site::start().await;
    let folder = site.outside();
    let good = test_data().join("metadata-last/metadata.txt");
    let ended = run(&site, &folder, &["validate", "--metadata", good.to_str().expect("UTF-8")]).await.with(0);
    assert!(ended.out.contains("accepted by revision 1"), "{}", ended.out);
    std::fs::write(folder.join("x.csv"), "1,2").expect("a file");
    let ended = run(&site, &folder, &["validate", "x.csv", "--project", "1234a"]).await.with(4);
    assert!(ended.out.contains("rejected by revision 1") && ended.out.contains("hint"), "{}", ended.out);
    let ended = run(&site, &folder, &["validate", "x.csv", "--hash-first", "--json"]).await.with(4);
    assert_eq!(ended.lines().last().expect("a report")["accepted"], false);
    run(&site, &folder, &["validate"]).await.with(2);
    run(&site, &folder, &["validate", "gone"]).await.with(3);
    assert_eq!(site.jobs().await, Vec::<Value>::new());
}

fn document(name: &str) -> String {
    std::fs::read_to_string(test_data().join(name).join("metadata.txt")).expect("a document")
}

async fn ask(site: &Site, query: &str, document: &str) -> Reply {
    let request = site.request(Method::POST, &format!("/api/validate{query}"));
    site.send(request.header("content-type", "application/json").body(document.to_owned())).await
}

fn assert_problem(reply: &Reply, status: StatusCode) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!(reply.json()["status"], status.as_u16());
}
