//! A plugin that fails is not a bundle that fails, and never a gate that fails: hostile guests, one for each limit.
//!
//! The rule is in scope for one user only, so that a good bundle of another user is judged beside it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bundle::{Generated, bundle, listed_files};
use crate::site::{JobState, Options, Site};
use crate::stores::{Stores, over};

const MALLORY: &str = "mallory";

/// Each row is a test: what the guest does, and the kind of failure that the report must name.
macro_rules! failures {
    ($($test:ident: $act:literal => $kind:literal;)*) => {
        /// What these guests do.
        pub(crate) const FAILURES: &[&str] = &[$($act),*];

        $(
            #[tokio::test]
            async fn $test() {
                assert_rule_fails($act, $kind).await;
            }
        )*
    };
}

failures! {
    an_endless_loop_is_a_timeout: "loop" => "timeout";
    an_endless_loop_of_calls_to_the_gate_is_a_timeout: "loop-in-host-calls" => "timeout";
    endless_memory_is_a_memory_failure: "memory" => "memory";
    a_panic_is_a_trap: "panic" => "trap";
    an_unreachable_is_a_trap: "trap" => "trap";
    endless_recursion_is_a_trap: "recurse" => "trap";
    a_flood_of_findings_is_an_output_failure: "findings" => "output";
    a_flood_of_log_lines_is_an_output_failure: "log-flood" => "output";
    a_flood_of_reads_is_a_reads_failure: "read-flood" => "reads";
    hoarded_handles_are_a_handles_failure: "handles" => "handles";
    a_configuration_the_plugin_cannot_use_is_a_config_failure: "failure-bad-config" => "config";
    a_service_that_does_not_answer_is_unavailable: "failure-unavailable" => "unavailable";
    a_plugin_that_cannot_judge_is_an_other_failure: "failure-other" => "other";
}

async fn assert_rule_fails(act: &str, kind: &str) {
    let mut site = Site::start().await;
    site.add_rule(hostile(act, "enforce", "reject")).await;
    let good = Generated { files: 3, size: 50_000, seed: 1 }.bytes();
    // Both are on their way at the same time.
    let (bad, beside) =
        tokio::join!(site.upload_as(MALLORY, bundle("metadata-last")), site.upload_as("alice", good.clone()));

    let state = site.wait(bad).await;
    assert_rejected_by_policy(&state);
    assert!(state.exception.contains("hostile"), "the rule is not named: {state:?}");
    let rule = rule_report(&site, bad, "hostile").await;
    assert_eq!(rule["outcome"], "failed", "{rule}");
    assert_eq!(rule["failure"]["kind"], kind, "{rule}");
    assert!(rule["failure"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{rule}");

    assert_ok(&site.wait(beside).await);
    let after = site.upload_as("alice", good).await;
    assert_ok(&site.wait(after).await);
    let again = site.upload_as(MALLORY, bundle("metadata-last")).await;
    assert_rejected_by_policy(&site.wait(again).await);
}

#[tokio::test]
async fn every_failure_can_be_forgiven() {
    let mut site = Site::start().await;
    for act in ["loop", "memory", "panic", "findings", "read-flood", "handles", "failure-other"] {
        let mut rule = hostile(act, "enforce", "accept");
        rule["name"] = json!(format!("hostile-{act}"));
        site.add_rule(rule).await;
    }
    let job = site.upload_as(MALLORY, bundle("metadata-last")).await;
    assert_ok(&site.wait(job).await);
    assert_eq!(site.files(job).await, listed_files("metadata-last"));
    let report = site.report(job).await;
    assert_eq!(report["accepted"], true, "{report}");
    let failed = report["rules"].as_array().expect("rules").iter().filter(|rule| rule["outcome"] == "failed").count();
    assert_eq!(failed, 7, "{report}");
}

#[tokio::test]
async fn a_rejection_is_told_with_its_findings() {
    let mut site = Site::start().await;
    site.add_rule(hostile("reject", "enforce", "reject")).await;
    let job = site.upload_as(MALLORY, bundle("metadata-last")).await;
    assert_rejected_by_policy(&site.wait(job).await);
    let rule = rule_report(&site, job, "hostile").await;
    assert_eq!(rule["outcome"], "rejected", "{rule}");
    assert_eq!(rule["failure"], Value::Null, "{rule}");
    let findings = rule["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["severity"] == "error"), "{rule}");
}

#[tokio::test]
async fn a_shadow_rule_is_recorded_and_decides_nothing() {
    let mut site = Site::start().await;
    for act in ["reject", "panic"] {
        let mut rule = hostile(act, "shadow", "reject");
        rule["name"] = json!(format!("hostile-{act}"));
        site.add_rule(rule).await;
    }
    let job = site.upload_as(MALLORY, bundle("metadata-last")).await;
    assert_ok(&site.wait(job).await);
    assert_eq!(rule_report(&site, job, "hostile-reject").await["outcome"], "rejected");
    assert_eq!(rule_report(&site, job, "hostile-panic").await["outcome"], "failed");
}

#[tokio::test]
async fn a_rule_that_is_off_does_not_run() {
    let mut site = Site::start().await;
    site.add_rule(hostile("reject", "off", "reject")).await;
    let job = site.upload_as(MALLORY, bundle("metadata-last")).await;
    assert_ok(&site.wait(job).await);
    assert_eq!(rule_report(&site, job, "hostile").await["outcome"], "skipped");
}

#[tokio::test]
async fn rules_that_loop_do_not_hold_up_the_others() {
    let mut site = Site::start().await;
    let mut looping = hostile("loop", "enforce", "reject");
    // Longer than all of this takes: what is over before they are was not behind them.
    looping["limits"]["time_ms"] = json!(600_000);
    site.add_rule(looping.clone()).await;
    // The same on the threads that wait for servers.
    looping["name"] = json!("hostile-asking");
    looping["grants"] = json!({"lookup": {"prefixes": ["https://nobody.example/"]}});
    site.add_rule(looping).await;
    // Six times as many as there are slots for jobs, or threads for rules.
    let loops: Vec<u64> =
        futures::future::join_all((0..24).map(|_| site.upload_as(MALLORY, bundle("metadata-last")))).await;
    for _ in 0..20 {
        let good = site.upload_as("alice", bundle("metadata-last")).await;
        assert_ok(&site.wait(good).await);
    }
    let reply = site.api(Method::POST, "/api/validate", Some(json!([]))).await;
    assert_eq!(reply.json()["accepted"], false, "{reply:?}");
    for job in loops {
        assert_ne!(site.job(job).await["stage"], "done", "job {job} has ended");
    }
}

#[tokio::test]
async fn a_policy_file_is_the_first_policy() {
    let starter = Site::start().await.policy().await;
    let mut rules = starter;
    rules.push(hostile("reject", "enforce", "reject"));
    let policy = toml::to_string(&without_nulls(json!({"rules": rules}))).expect("TOML");
    let site = Options::default().policy(policy).start().await;
    let rejected = site.upload_as(MALLORY, bundle("metadata-last")).await;
    assert_rejected_by_policy(&site.wait(rejected).await);
    assert_eq!(site.report(rejected).await["revision"], 1);
    let good = site.upload_as("alice", bundle("metadata-last")).await;
    assert_ok(&site.wait(good).await);
}

#[tokio::test]
async fn a_policy_file_with_an_unknown_plugin_keeps_the_gate_shut() {
    let policy = "[[rules]]\nname = \"ghost\"\nplugin = \"no-such-plugin\"\n";
    let (status, said) = Options::default().policy(policy).fail_to_start().await;
    assert!(!status.success(), "{said}");
    assert!(said.contains("no-such-plugin"), "the message does not name the plugin: {said}");
}

/// What a mover does that breaks the law of plans, or fails.
pub(crate) const BROKEN_PLANS: &[&str] = &[
    "escape",
    "absolute",
    "nul",
    "dot",
    "double-slash",
    "many-parts",
    "long-part",
    "empty",
    "clash",
    "file-as-folder",
    "missing",
    "twice",
    "unknown-file",
    "too-many",
    "loop",
    "panic",
    "failure",
];

over! { sqlite, redis: [a_mover_that_breaks_the_law_places_nothing] }

async fn a_mover_that_breaks_the_law_places_nothing(stores: Stores) {
    let mut site = Site::over(stores).await;
    for act in BROKEN_PLANS {
        // The starter's mover steps aside for this user, and the hostile one steps in.
        site.edit_policy(|rules| {
            rules.retain(|rule| rule["plugin"] != "hostile-mover");
            for rule in rules.iter_mut().filter(|rule| rule["name"] == "placement") {
                rule["when"]["users"] = json!(["alice"]);
            }
            let mut rule = hostile(act, "enforce", "reject");
            rule["plugin"] = json!("hostile-mover");
            rule["config"] = json!({"do": act});
            rules.push(rule);
        })
        .await;
        let job = site.upload_as(MALLORY, bundle("metadata-last")).await;
        let state = site.wait(job).await;
        assert_eq!(state.state, "FAILED", "{act}: {state:?}");
        assert_eq!(state.task, "Policy Validation", "{act}: {state:?}");
        assert_eq!(crate::bundle::paths(&site.archive()), Default::default(), "{act}");
    }
    let good = site.upload_as("alice", bundle("metadata-last")).await;
    assert_ok(&site.wait(good).await);
    assert_eq!(site.files(good).await, listed_files("metadata-last"));
}

/// TOML has no null.
fn without_nulls(json: Value) -> Value {
    match json {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn hostile(act: &str, mode: &str, on_failure: &str) -> Value {
    // A read counts as 4 KiB at least: a flood of them is to meet its own limit on the slowest machine.
    let limits = json!({"time_ms": 1000, "memory_mib": 64, "read_mib": 64});
    json!({
        "name": "hostile", "plugin": "hostile", "mode": mode, "on_failure": on_failure,
        "when": {"users": [MALLORY]}, "config": {"do": act, "amount": 5000}, "limits": limits,
    })
}

pub(crate) async fn rule_report(site: &Site, job: u64, name: &str) -> Value {
    let report = site.report(job).await;
    let rules = report["rules"].as_array().expect("rules");
    rules.iter().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no rule {name} in {report}")).clone()
}

fn assert_rejected_by_policy(state: &JobState) {
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "Policy Validation"), "{state:?}");
    assert_eq!(state.task_percent, "0.00000", "{state:?}");
}

fn assert_ok(state: &JobState) {
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
}
