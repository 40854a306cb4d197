//! What was judged, judged again.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{revision, told};
use crate::bundle::bundle;
use crate::site::Site;

async fn replay(site: &Site, asked: Value) -> Value {
    let reply = site.api(Method::POST, "/api/policy/replay", Some(asked)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_replay_says_whose_verdict_would_change_and_touches_no_job() {
    let mut site = Site::start().await;
    let good = site.upload(bundle("metadata-last")).await;
    let rejected = site.upload(bundle("foreign-submitter")).await;
    let unread = site.upload(bundle("bad-json")).await;
    for job in [good, rejected, unread] {
        site.wait(job).await;
    }
    let before = (site.jobs().await, site.report(good).await, site.report(rejected).await);

    let stricter = replay(&site, json!({"rules": [told("told", "reject")], "last": 10})).await;
    let summary =
        json!({"judged": 2, "skipped": 1, "would_reject": 1, "would_accept": 0, "same": 1, "never_judged": 0});
    assert_eq!(stricter["summary"], summary, "{stricter}");
    let job = stricter["jobs"].as_array().and_then(|jobs| jobs.iter().find(|job| job["job_id"] == good)).expect("it");
    assert_eq!(
        (&job["accepted_then"], &job["accepted_now"], &job["changed"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(job["contents"], true);
    assert!(job["reasons"].as_str().is_some_and(|why| why.starts_with("told:")), "{job}");
    assert_eq!(stricter["skipped"][0]["job_id"], unread);

    let laxer = replay(&site, json!({"rules": [told("told", "clean")], "jobs": [rejected, good, 999]})).await;
    assert_eq!(laxer["summary"]["would_accept"], 1, "{laxer}");
    assert_eq!(laxer["skipped"], json!([{"job_id": 999, "why": "there is no such job"}]));

    // A rule that reads the contents finds those of an archived bundle and of a failed one's spool.
    let reads = replay(&site, json!({"rules": [told("told", "echo")], "jobs": [good, rejected]})).await;
    assert_eq!(reads["jobs"].as_array().map(Vec::len), Some(2), "{reads}");
    assert!(reads["jobs"].as_array().is_some_and(|jobs| jobs.iter().all(|job| job["contents"] == true)), "{reads}");

    assert_eq!((site.jobs().await, site.report(good).await, site.report(rejected).await), before);
    assert_eq!(revision(&site).await, 1);
    // By an old revision, and by what is in force.
    site.edit_policy(|rules| rules.push(told("told", "reject"))).await;
    assert_eq!(replay(&site, json!({"revision": 1, "jobs": [good]})).await["summary"]["same"], 1);
    assert_eq!(replay(&site, json!({"jobs": [good]})).await["summary"]["would_reject"], 1);
    for wrong in [json!({"rules": [], "revision": 1}), json!({"jobs": [1], "last": 1}), json!({"lats": 1})] {
        assert!(site.api(Method::POST, "/api/policy/replay", Some(wrong)).await.status.is_client_error());
    }
}

#[tokio::test]
async fn a_verdict_run_again_is_the_same_for_uploads_and_moves() {
    let mut site = Site::start().await;
    site.add_rule(told("told", "echo")).await;
    std::fs::create_dir_all(site.incoming().join("a/b")).expect("folders");
    std::fs::write(site.incoming().join("a/b/1.dat"), "moved").expect("a file");
    let source = site.incoming().join("a/b/1.dat");
    let document = json!([
        {"destinationTable": "Transactions.submitter", "value": 10},
        {"destinationTable": "Transactions.project", "value": "1234a"},
        {"destinationTable": "Transactions.instrument", "value": 54},
        {"destinationTable": "Files", "name": "1.dat", "subdir": "a/b", "size": 5, "mimetype": "text/plain",
         "hashtype": "sha1", "hashsum": "2bf2f5ca0f1e0a2cbde5d0f1b5b9fb0dd6b9ac26", "source": source,
         "ctime": "2026-01-01T00:00:00", "mtime": "2026-01-01T00:00:00"},
    ]);
    let upload = site.upload(bundle("metadata-last")).await;
    let rejected = site.upload(bundle("foreign-submitter")).await;
    let moved = site.move_(&document.to_string()).await;
    for job in [upload, rejected, moved] {
        site.wait(job).await;
        // What is in force by now must not matter.
        site.edit_policy(|rules| rules.push(told(&format!("told-{job}"), "reject"))).await;
        let reply = site.api(Method::POST, &format!("/api/jobs/{job}/revalidate"), None).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let again = reply.json();
        assert_eq!((&again["same"], &again["rules"]), (&json!(true), &json!([])), "{again}");
        site.edit_policy(|rules| rules.retain(|rule| rule["name"] != format!("told-{job}").as_str())).await;
    }
    let unread = site.upload(bundle("bad-json")).await;
    site.wait(unread).await;
    let reply = site.api(Method::POST, &format!("/api/jobs/{unread}/revalidate"), None).await;
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text());
    assert_eq!(site.api(Method::POST, "/api/jobs/999/revalidate", None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_failed_job_is_tried_again_and_a_waiting_one_cancelled_over_the_api() {
    let mut site = Site::start().await;
    site.add_rule(told("told", "reject")).await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    site.edit_policy(|rules| rules.retain(|rule| rule["name"] != "told")).await;
    let reply = site.api(Method::POST, &format!("/api/jobs/{job}/retry"), None).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(site.wait(job).await.state, "OK");
    for path in [format!("/api/jobs/{job}/retry"), format!("/api/jobs/{job}/cancel")] {
        assert_eq!(site.api(Method::POST, &path, None).await.status, StatusCode::CONFLICT, "{path}");
    }
    assert_eq!(site.api(Method::POST, "/api/jobs/999/cancel", None).await.status, StatusCode::NOT_FOUND);
}
