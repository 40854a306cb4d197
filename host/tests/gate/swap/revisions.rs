//! The policy over HTTP: changed whole, in turns, and back again.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{etag, revision, told};
use crate::bundle::bundle;
use crate::site::Site;

#[tokio::test]
async fn a_change_is_in_force_when_it_is_answered_and_is_kept_with_who_and_why() {
    let site = Site::start().await;
    let mut rules = site.policy().await;
    rules.push(told("told", "reject"));
    let document = json!({"rules": rules, "message": "nothing passes"});
    let reply = site.put_policy(&etag(&site).await, &document).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.headers["etag"], "\"2\"");
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.task, "Policy Validation");
    let report = site.report(job).await;
    assert_eq!(report["revision"], 2);
    let entry =
        report["rules"].as_array().and_then(|rules| rules.iter().find(|rule| rule["rule"] == "told")).expect("it");
    assert_eq!(entry["limits"], json!({"time_ms": 2000, "memory_mib": 64, "read_mib": 1024}));

    let history = site.api_json("/api/policy/revisions").await;
    let newest = &history["revisions"][0];
    assert_eq!((&newest["author"], &newest["message"]), (&json!("admin"), &json!("nothing passes")));
    assert_eq!(newest["origin"], "PUT /api/policy from 127.0.0.1");
    assert_eq!(history["next"], Value::Null);
    let page = site.api_json("/api/policy/revisions?limit=1").await;
    assert_eq!(page["next"], 2, "{page}");
    let rest = site.api_json("/api/policy/revisions?limit=1&before=2").await;
    assert_eq!((&rest["revisions"][0]["revision"], &rest["next"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn two_admins_never_overwrite_each_other_silently() {
    let site = Site::start().await;
    let document = |act: &str| json!({"rules": [told("told", act)], "message": act});
    let first = etag(&site).await;
    let missing = site.api(Method::PUT, "/api/policy", Some(document("clean"))).await;
    assert_eq!(missing.status, StatusCode::PRECONDITION_REQUIRED, "{}", missing.text());
    assert_eq!(site.put_policy(&first, &document("clean")).await.status, StatusCode::OK);
    let late = site.put_policy(&first, &document("warn")).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{}", late.text());
    assert!(late.text().contains("revision 2"), "{}", late.text());
    for nonsense in ["2", "\"two\"", "*"] {
        assert_eq!(site.put_policy(nonsense, &document("warn")).await.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
    // The same again is no change, and makes no revision.
    assert_eq!(site.put_policy(&etag(&site).await, &document("clean")).await.json()["revision"], 2);
}

#[tokio::test]
async fn a_policy_with_mistakes_changes_nothing_and_names_each() {
    let site = Site::start().await;
    let before = site.policy().await;
    // To compile the second would take more stack than there is.
    let nested = |levels| format!("{}x{}", "{".repeat(levels), "}".repeat(levels));
    let rules = json!([
        {"name": "nested", "plugin": "hostile", "config": {"do": "clean"}, "when": {"users": [nested(120)]}},
        {"name": "bottomless", "plugin": "hostile", "config": {"do": "clean"}, "when": {"users": [nested(60_000)]}},
        {"name": "ghost", "plugin": "no-such-plugin"},
        {"name": "told", "plugin": "hostile", "config": {"do": "nothing that it knows"}},
        {"name": "refuses", "plugin": "hostile", "config": {"do": "check-refuse"}},
        {"name": "endless", "plugin": "hostile", "config": {"do": "check-loop"}},
        {"name": "greedy", "plugin": "hostile", "config": {"do": "clean"}, "limits": {"memory_mib": 1_000_000}},
        {"name": "granted", "plugin": "hostile", "config": {"do": "clean"}, "grants": {"the-moon": true}},
    ]);
    let document = json!({"rules": rules, "message": "all wrong"});
    for (method, path) in [(Method::PUT, "/api/policy"), (Method::POST, "/api/policy/check")] {
        let request = site.api_request(method, path, Some(document.clone())).header("if-match", etag(&site).await);
        let reply = site.send(request).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text());
        let problem = reply.json();
        let errors: Vec<&str> =
            problem["errors"].as_array().expect("errors").iter().filter_map(Value::as_str).collect();
        for words in [
            "no-such-plugin",
            "\"told\": config",
            "\"refuses\"",
            "\"endless\"",
            "limits.memory_mib",
            "the-moon",
            "\"nested\": when.users",
            "\"bottomless\": when.users",
        ] {
            assert!(errors.iter().any(|error| error.contains(words)), "{words} in {errors:?}");
        }
        assert!(reply.text().len() < 10_000, "{} bytes", reply.text().len());
    }
    let nonsense = site.put_policy(&etag(&site).await, &json!({"rules": [{"name": "x"}]})).await;
    assert!(nonsense.status.is_client_error() && nonsense.text().contains("plugin"), "{}", nonsense.text());
    assert_eq!((site.policy().await, revision(&site).await), (before, 1));
}

#[tokio::test]
async fn a_difference_shows_what_a_new_plugin_is_given() {
    let mut site = Site::start().await;
    site.add_rule(told("told", "clean")).await;
    site.edit_policy(|rules| {
        rules.retain(|rule| rule["name"] != "placement");
        let told = rules.iter_mut().find(|rule| rule["name"] == "told").expect("the rule");
        told["plugin"] = "hostile-wasi".into();
        told["mode"] = "shadow".into();
        told["config"] = json!({});
    })
    .await;
    let diff = site.api_json("/api/policy/revisions/2/diff/3").await;
    assert_eq!((&diff["removed"], &diff["added"]), (&json!(["placement"]), &json!([])), "{diff}");
    let change = &diff["changed"][0];
    assert_eq!((&change["rule"], &change["plugin"]["to"]["name"]), (&json!("told"), &json!("hostile-wasi")), "{diff}");
    let fields = change["fields"].as_array().expect("fields");
    assert!(fields.contains(&json!({"at": "/mode", "from": "enforce", "to": "shadow"})), "{diff}");
    let imports = change["plugin"]["imports_added"].as_array().expect("imports");
    assert!(imports.iter().any(|import| import.as_str().is_some_and(|name| name.starts_with("wasi:"))), "{diff}");
    assert_eq!(site.get("/api/policy/revisions/2/diff/9").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/api/policy/revisions/9").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_old_revision_becomes_the_next_one() {
    let mut site = Site::start().await;
    let first = site.api_json("/api/policy").await;
    site.edit_policy(|rules| *rules = vec![told("told", "reject")]).await;
    let reply = site.api(Method::POST, "/api/policy/rollback", Some(json!({"to": 1}))).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let now = reply.json();
    assert_eq!((&now["revision"], &now["message"]), (&json!(3), &json!("back to revision 1")));
    assert_eq!((&now["rules"], &now["digests"]), (&first["rules"], &first["digests"]));
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    assert_eq!(site.report(job).await["revision"], 3);
    let unknown = site.api(Method::POST, "/api/policy/rollback", Some(json!({"to": 77}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_restart_goes_on_with_what_was_active() {
    let mut site = crate::site::Options::default()
        .policy("[[rules]]\nname = \"told\"\nplugin = \"hostile\"\nconfig = { do = \"clean\" }\n")
        .start()
        .await;
    site.edit_policy(|rules| rules[0]["config"] = json!({"do": "reject"})).await;
    site.stop_all().await;
    // With the same policy file, which was not changed since it was taken up.
    site.start_serve().await;
    assert_eq!((revision(&site).await, site.policy().await[0]["config"].clone()), (2, json!({"do": "reject"})));
    let changed = json!({"rules": [told("told", "warn")]});
    site.restart_with_policy(&changed).await;
    assert_eq!((revision(&site).await, site.policy().await[0]["config"]["do"].clone()), (3, json!("warn")));
}
