//! Rules that fail again and again.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{revision, told};
use crate::bundle::bundle;
use crate::site::Site;
use crate::wait::{PATIENCE, until};

async fn unhealthy(site: &Site) -> Vec<Value> {
    let reply = site.get("/readyz").await;
    assert_eq!(reply.status, StatusCode::OK, "a rule that fails keeps nobody from working: {}", reply.text());
    reply.json()["unhealthy_rules"].as_array().expect("a list").clone()
}

async fn fail_once(site: &Site) -> String {
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await.state
}

#[tokio::test]
async fn a_rule_that_keeps_failing_is_marked_and_stays_closed_unless_it_says_otherwise() {
    let mut site = Site::start().await;
    let mut rule = told("told", "panic");
    rule["quarantine"] = json!({"failures": 3});
    site.add_rule(rule).await;
    for _ in 0..2 {
        assert_eq!(fail_once(&site).await, "FAILED");
    }
    assert_eq!(unhealthy(&site).await, [] as [Value; 0]);
    assert_eq!(fail_once(&site).await, "FAILED");
    let marks =
        until(PATIENCE, "the rule is marked", || async { Some(unhealthy(&site).await).filter(|m| !m.is_empty()) })
            .await;
    assert_eq!(
        (&marks[0]["rule"], &marks[0]["failures"], &marks[0]["kind"]),
        (&json!("told"), &json!(3), &json!("trap"))
    );
    assert_eq!((fail_once(&site).await, revision(&site).await), ("FAILED".to_owned(), 2));

    assert_eq!(site.api(Method::DELETE, "/api/policy/marks/told", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(unhealthy(&site).await, [] as [Value; 0]);
    assert_eq!(site.api(Method::DELETE, "/api/policy/marks/told", None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rule_may_go_on_in_shadow_and_a_new_version_lifts_its_mark() {
    let mut site = Site::start().await;
    let mut rule = told("told", "panic");
    rule["quarantine"] = json!({"failures": 2, "then": "shadow"});
    site.add_rule(rule).await;
    for _ in 0..2 {
        assert_eq!(fail_once(&site).await, "FAILED");
    }
    until(PATIENCE, "the gate has made a revision", || async { (revision(&site).await == 3).then_some(()) }).await;
    let policy = site.api_json("/api/policy").await;
    assert_eq!((&policy["author"], &policy["origin"]), (&json!("the gate"), &json!("quarantine")), "{policy}");
    let rule =
        policy["rules"].as_array().and_then(|rules| rules.iter().find(|rule| rule["name"] == "told")).expect("it");
    assert_eq!(rule["mode"], "shadow");
    assert_eq!(fail_once(&site).await, "OK");
    assert_eq!(unhealthy(&site).await.len(), 1);
    // Another version of the plugin, or another plugin.
    site.edit_policy(|rules| {
        let rule = rules.iter_mut().find(|rule| rule["name"] == "told").expect("the rule");
        (rule["plugin"], rule["config"]) = (json!("hostile-wasi"), json!({}));
    })
    .await;
    assert_eq!(unhealthy(&site).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_rule_that_judges_in_between_is_well() {
    let mut site = Site::start().await;
    let mut rule = told("told", "panic");
    rule["quarantine"] = json!({"failures": 2});
    rule["when"] = json!({"users": ["mallory"]});
    site.add_rule(rule.clone()).await;
    for act in ["panic", "clean", "panic"] {
        site.edit_policy(|rules| {
            let told = rules.iter_mut().find(|rule| rule["name"] == "told").expect("the rule");
            told["config"]["do"] = act.into();
        })
        .await;
        let job = site.upload_as("mallory", bundle("metadata-last")).await;
        site.wait(job).await;
        // Out of its scope it says nothing, for better or worse.
        assert_eq!(fail_once(&site).await, "OK");
    }
    assert_eq!(unhealthy(&site).await, [] as [Value; 0]);
}
