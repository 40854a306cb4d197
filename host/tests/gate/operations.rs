//! What a running gate tells of itself.

use serde_json::json;

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
