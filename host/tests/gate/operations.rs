//! What a running gate tells of itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};

use crate::bundle::bundle;
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, until};

/// The value of the sample whose line begins so; none where there is no such line.
fn sample(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line =
        metrics.lines().find(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn metrics_tell_of_calls_bytes_jobs_and_what_every_rule_said_shadow_ones_marked() {
    let mut site = Site::start().await;
    for (name, act, mode) in [("shade", "reject", "shadow"), ("broken", "panic", "shadow")] {
        site.add_rule(json!({"name": name, "plugin": "hostile", "mode": mode, "config": {"do": act}})).await;
    }
    let good = site.upload(bundle("metadata-last")).await;
    let bad = site.upload(bundle("foreign-submitter")).await;
    assert_eq!((site.wait(good).await.state, site.wait(bad).await.state), ("OK".to_owned(), "FAILED".to_owned()));

    let metrics = until(PATIENCE, "both jobs are counted", || async {
        let metrics = site.get("/metrics").await.text();
        let counted = sample(&metrics, "sluice_jobs_total", &["state=\"OK\""]).is_some()
            && sample(&metrics, "sluice_jobs_total", &["state=\"FAILED\""]).is_some();
        counted.then_some(metrics)
    })
    .await;
    let value =
        |name, labels: &[&str]| sample(&metrics, name, labels).unwrap_or_else(|| panic!("no {name} {labels:?}"));
    assert_eq!(value("sluice_received_jobs_total", &["kind=\"upload\""]), 2.0);
    assert!(value("sluice_received_bytes_total", &[]) > 0.0);
    assert_eq!(value("sluice_jobs_total", &["state=\"FAILED\"", "task=\"Policy Validation\""]), 1.0);
    assert_eq!(
        value("sluice_rule_verdicts_total", &["rule=\"shade\"", "mode=\"shadow\"", "outcome=\"rejected\""]),
        2.0
    );
    assert_eq!(
        value(
            "sluice_rule_verdicts_total",
            &["rule=\"pacifica-relations\"", "mode=\"enforce\"", "outcome=\"rejected\""]
        ),
        1.0
    );
    assert_eq!(value("sluice_rule_failures_total", &["rule=\"broken\"", "kind=\"trap\""]), 2.0);
    assert_eq!(value("sluice_rule_seconds_count", &["rule=\"shade\""]), 2.0);
    assert_eq!(value("sluice_step_seconds_count", &["task=\"Policy Validation\""]), 2.0);
    assert_eq!(value("sluice_http_requests_total", &["route=\"/upload\"", "status=\"200\""]), 2.0);
    assert_eq!(value("sluice_policy_revision", &[]), 3.0);
    assert_eq!(value("sluice_unfinished_jobs", &["stage=\"waiting\""]), 0.0);
    assert!(value("sluice_component_loads_total", &[]) > 0.0);
}

#[tokio::test]
async fn a_path_that_nobody_knows_is_no_label_of_its_own() {
    let site = Site::start().await;
    for path in ["/no/such/path", "/another", "/api/nothing"] {
        assert_eq!(site.get(path).await.status, 404);
    }
    let metrics = site.get("/metrics").await.text();
    assert!(!metrics.contains("such") && !metrics.contains("another") && !metrics.contains("nothing"), "{metrics}");
}

#[tokio::test]
async fn a_worker_tells_how_it_is_on_an_address_of_its_own() {
    let port = crate::redis::free_port();
    let site = Options::default().workers(0).start().await;
    let mut args = vec!["worker".to_owned()];
    args.extend(site.flags());
    let listen = ("SLUICE_METRICS_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
    let worker = crate::site::Process::start(site.folder(), "worker", &args, &[listen]);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    until(PATIENCE, "the worker has counted the job", || async {
        worker.assert_running();
        let answer = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.ok()?;
        sample(&answer.text().await.ok()?, "sluice_jobs_total", &["state=\"OK\""])
    })
    .await;
    let other = client.get(format!("http://127.0.0.1:{port}/api/jobs")).send().await.expect("an answer");
    assert_eq!(other.status(), 404, "it answers nothing else");
    assert!(worker.terminate().await.success());
}

/// A collector of traces that keeps what it is sent, and where it listens.
async fn collector() -> (Arc<Mutex<Vec<Span>>>, String) {
    let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
    let kept = spans.clone();
    let take = move |body: bytes::Bytes| {
        let request = ExportTraceServiceRequest::decode(body).expect("spans over OTLP");
        let resources = request.resource_spans.into_iter();
        let taken = resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        kept.lock().expect("no panic").extend(taken);
        async { "" }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().route("/v1/traces", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (spans, address)
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let value = |value: &opentelemetry_proto::tonic::common::v1::AnyValue| format!("{:?}", value.value);
    span.attributes.iter().map(|pair| (pair.key.clone(), pair.value.as_ref().map(value).unwrap_or_default())).collect()
}

#[tokio::test]
async fn calls_jobs_steps_and_rules_are_spans_for_a_collector() {
    let (spans, address) = collector().await;
    let mut site = Options::default().env("SLUICE_TRACES_ENDPOINT", address).start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = site.request(reqwest::Method::POST, "/upload").header("X-Http-Authed-User", "ada");
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let job = site.send(request.body(bundle("metadata-last"))).await.job_state().job_id;
    assert_eq!(site.wait(job).await.state, "OK");
    // What has not left yet leaves when the program ends.
    site.stop_all().await;

    let spans = spans.lock().expect("no panic");
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}"));
    let upload = named("POST /upload");
    assert_eq!(hex::encode(&upload.trace_id), trace, "the caller's trace goes on");
    assert_eq!(attributes(upload)["job"], format!("Some(StringValue({:?}))", job.to_string()));
    let done = named("job");
    assert!(attributes(done)["outcome"].contains("done"), "{done:?}");
    for step in ["open tar", "load metadata", "Policy Validation", "ingest files", "ingest metadata"] {
        let step = named(step);
        assert_eq!((&step.trace_id, &step.parent_span_id), (&done.trace_id, &done.span_id), "{step:?}");
        assert!(step.end_time_unix_nano >= step.start_time_unix_nano);
    }
    let rules = spans.iter().filter(|span| span.name == "rule" && span.trace_id == done.trace_id).count();
    assert_eq!(rules, 3, "one for each rule of the starter policy");
}

#[tokio::test]
async fn a_collector_that_is_away_keeps_nobody_from_work() {
    let away = format!("http://127.0.0.1:{}", crate::redis::free_port());
    let mut site = Options::default().env("SLUICE_TRACES_ENDPOINT", away).start().await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    site.stop_all().await;
}

#[tokio::test]
async fn every_line_about_a_job_names_it() {
    let mut site = Options::default().env("SLUICE_LOG_JSON", "true").env("SLUICE_LOG", "sluice=debug").start().await;
    site.add_rule(json!({"name": "broken", "plugin": "hostile", "mode": "shadow", "config": {"do": "panic"}})).await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    let lines = until(PATIENCE, "the job's end is logged", || async {
        let log = site.serve().log();
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.iter().any(|line| line["fields"]["message"] == "done").then_some(lines)
    })
    .await;
    let id = job.to_string();
    let named = |line: &Value| {
        let spans = line["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        spans.iter().any(|span| span["job"] == id.as_str())
    };
    // Its end, what its rule said in the sandbox, and that it was received.
    for (target, what) in [("ingest::pipeline", "done"), ("plugin::call", "as asked")] {
        let line = lines.iter().find(|line| {
            let message = line["fields"]["message"].as_str().unwrap_or_default();
            line["target"].as_str().is_some_and(|name| name.ends_with(target)) && message.contains(what)
        });
        let line = line.unwrap_or_else(|| panic!("no line of {target}: {lines:?}"));
        assert!(named(line), "{line}");
    }
}

/// The names of metrics that a text has.
fn metric_names(text: &str) -> std::collections::BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !word(c)).filter(|name| name.starts_with("sluice_"));
    words.map(|name| name.strip_suffix("_bucket").unwrap_or(name).to_owned()).collect()
}

#[tokio::test]
async fn the_dashboard_shows_metrics_that_there_are() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/grafana-dashboard.json");
    let text = std::fs::read_to_string(path).expect("a dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let expressions: Vec<&str> = dashboard["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .map(|target| target["expr"].as_str().expect("an expression"))
        .collect();
    assert!(expressions.len() > 15, "{expressions:?}");
    let mut site = Site::start().await;
    site.add_rule(json!({"name": "broken", "plugin": "hostile", "mode": "shadow", "config": {"do": "panic"}})).await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    until(PATIENCE, "every metric of the dashboard is there", || async {
        let there = metric_names(&site.get("/metrics").await.text());
        metric_names(&expressions.join(" ")).is_subset(&there).then_some(())
    })
    .await;
}
