//! What no compiler of a guest would make: the tests' own guest, changed by hand after it was built. And the list of all
//! hostile guests and their deeds, held against the tests, so that none is without one.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::read;
use super::registry::{assert_refused, push, wat};
use crate::bundle::bundle;
use crate::plugins::{BROKEN_PLANS, FAILURES, rule_report};
use crate::site::Site;

/// The guest with more in it: text of a component, put behind all that it has.
fn with(more: &str) -> Vec<u8> {
    let text = wasmprinter::print_bytes(read("hostile")).expect("a component as text");
    let end = text.rfind(')').expect("the end of the component");
    wat(&format!("{}\n{more}\n)", &text[..end]))
}

#[tokio::test]
async fn components_that_take_more_than_a_call_may_have_are_refused_when_they_are_added() {
    let site = Site::start().await;
    let memories =
        (0..9).map(|number| format!("(core module $m{number} (memory 1)) (core instance (instantiate $m{number}))"));
    let half = "(core module $half (memory 3000)) (core instance (instantiate $half))";
    let cases = [
        // One table that is too large, and one that grows while the component is set up.
        ("(core module $t (table 200000 funcref)) (core instance (instantiate $t))".to_owned(), "compile", "table"),
        (
            "(core module $g (table $grown 1 funcref)
                (func $go (loop $on
                    (drop (table.grow $grown (ref.null func) (i32.const 30000)))
                    (br $on)))
                (start $go))
             (core instance (instantiate $g))"
                .to_owned(),
            "describe",
            "table elements",
        ),
        (memories.collect::<String>(), "compile", "memories"),
        // None of them is too large by itself.
        (format!("{half} (core instance (instantiate $half))"), "describe", "MiB of memory"),
    ];
    for (more, check, words) in cases {
        assert_refused(&site, with(&more), check, words).await;
    }
    // The gate goes on: the same guest as it was built is taken, and a bundle is judged.
    let reply = push(&site, read("hostile")).await;
    assert!([200, 201].contains(&reply.status.as_u16()), "{reply:?}");
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
}

/// A component that calls its own export while one of its functions runs.
#[tokio::test]
async fn a_component_that_enters_itself_again_is_refused() {
    let site = Site::start().await;
    let again = r#"
        (component $again
            (core module $inner (func (export "f")))
            (core instance $i (instantiate $inner))
            (func $lifted (canon lift (core func $i "f")))
            (core func $lowered (canon lower (func $lifted)))
            (core module $starts (import "" "f" (func $f)) (start $f))
            (core instance (instantiate $starts (with "" (instance (export "f" (func $lowered)))))))
        (instance (instantiate $again))"#;
    assert_refused(&site, with(again), "describe", "trap").await;
}

/// The bytes of a finding's message, changed in the component's data: the gate must not take them for text.
#[tokio::test]
async fn text_that_is_not_utf8_is_a_failure_of_the_plugin() {
    let site = Site::start().await;
    let mut wasm = read("hostile");
    let said = b"Warned, as asked.";
    let at = wasm.windows(said.len()).position(|bytes| bytes == said).expect("the message, in its data");
    wasm[at..at + 2].copy_from_slice(&[0xff, 0xfe]);
    let reply = push(&site, wasm).await;
    let digest = reply.json()["digest"].as_str().expect("a digest").to_owned();
    let mut site = site;
    site.add_rule(json!({
        "name": "no-text", "plugin": digest, "config": {"do": "warn"}, "when": {"users": ["mallory"]},
    }))
    .await;
    let job = site.upload_as("mallory", bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    let rule = rule_report(&site, job, "no-text").await;
    assert_eq!((&rule["outcome"], &rule["failure"]["kind"]), (&json!("failed"), &json!("trap")), "{rule}");
    assert_eq!(rule["findings"], Value::from(Vec::<Value>::new()), "nothing of it is kept: {rule}");
    let beside = site.upload_as("alice", bundle("metadata-last")).await;
    assert_eq!(site.wait(beside).await.state, "OK");
}

/// The report's part of a rule that judges mallory's bundle with this configuration.
async fn judged(config: Value) -> Value {
    let mut site = Site::start().await;
    site.add_rule(json!({
        "name": "told", "plugin": "hostile", "config": config, "when": {"users": ["mallory"]}, "limits": {"memory_mib": 64},
    }))
    .await;
    let job = site.upload_as("mallory", bundle("metadata-last")).await;
    site.wait(job).await;
    rule_report(&site, job, "told").await
}

#[tokio::test]
async fn texts_of_megabytes_are_an_output_failure() {
    for deed in ["log-size", "finding-size"] {
        let rule = judged(json!({"do": deed, "amount": 8})).await;
        assert_eq!(
            (&rule["outcome"], &rule["failure"]["kind"]),
            (&json!("failed"), &json!("output")),
            "{deed}: {rule}"
        );
    }
}

/// Each call has an instance of its own: nothing of an earlier one is left.
#[tokio::test]
async fn nothing_is_remembered_from_call_to_call() {
    let mut site = Site::start().await;
    site.add_rule(json!({"name": "told", "plugin": "hostile", "config": {"do": "remember"}})).await;
    for _ in 0..3 {
        let job = site.upload(bundle("metadata-last")).await;
        assert_eq!(site.wait(job).await.state, "OK");
        let rule = rule_report(&site, job, "told").await;
        assert_eq!(rule["findings"][0]["message"], "0", "{rule}");
    }
}

#[tokio::test]
async fn a_plugin_that_panics_over_its_configuration_gets_into_no_policy() {
    let site = Site::start().await;
    let tag = super::etag(&site).await;
    let rules = json!({"rules": [{"name": "panics", "plugin": "hostile", "config": {"do": "check-panic"}}]});
    let request = site.api_request(reqwest::Method::PUT, "/api/policy", Some(rules)).header("if-match", tag);
    let reply = site.send(request).await;
    assert_eq!(reply.status, reqwest::StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text());
    assert!(reply.text().contains("panics"), "the rule is named: {}", reply.text());
}

/// What the mover does beside its harm: a good plan, which the archive follows, and a refusal with its reason.
#[tokio::test]
async fn the_hostile_mover_can_do_well() {
    let mut site = Site::start().await;
    for (deed, state, task) in [("place", "OK", "ingest metadata"), ("refuse", "FAILED", "ingest files")] {
        site.edit_policy(|rules| {
            rules.retain(|rule| rule["plugin"] != "placement" && rule["plugin"] != "hostile-mover");
            rules.push(json!({"name": "moves", "plugin": "hostile-mover", "config": {"do": deed}}));
        })
        .await;
        let job = site.upload(bundle("metadata-last")).await;
        let ended = site.wait(job).await;
        assert_eq!((ended.state.as_str(), ended.task.as_str()), (state, task), "{ended:?}");
    }
}

/// The deeds that are tried elsewhere than in the lists of failures: where.
const ELSEWHERE: &[(&str, &str)] = &[
    ("clean", "swap/revisions.rs"),
    ("warn", "swap/hostile.rs"),
    ("reject", "plugins.rs"),
    ("echo", "swap/replay.rs"),
    ("remember", "swap/hostile.rs"),
    ("log-size", "swap/hostile.rs"),
    ("finding-size", "swap/hostile.rs"),
    ("table", "capabilities/tables.rs"),
    ("look-up", "capabilities/lookup.rs"),
    ("check-loop", "swap/revisions.rs"),
    ("check-panic", "swap/hostile.rs"),
    ("check-refuse", "swap/revisions.rs"),
];

/// The mover's, likewise.
const MOVERS_ELSEWHERE: &[(&str, &str)] = &[("place", "swap/hostile.rs"), ("refuse", "swap/hostile.rs")];

/// Components, and where each is tried.
const COMPONENTS: &[(&str, &str)] = &[
    ("hostile", "plugins.rs"),
    ("hostile-mover", "plugins.rs"),
    ("hostile-describe", "swap/registry.rs"),
    ("hostile-liar", "swap/registry.rs"),
    ("hostile-wasi", "swap/health.rs"),
];

fn of_tests(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of a guest's deeds, as its configuration has them.
fn deeds(source: &str) -> BTreeSet<String> {
    let body = source.split_once("pub enum Deed {").expect("the deeds").1;
    let body = &body[..body.find("\n}").expect("the end of the deeds")];
    let names = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    names
        .filter_map(|line| line.strip_suffix(','))
        .map(|name| {
            let mut kebab = String::new();
            for character in name.chars() {
                if character.is_ascii_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.push(character.to_ascii_lowercase());
            }
            kebab
        })
        .collect()
}

/// What is said to be tried in a file is asked for there: beyond the tables above, where this is the file.
fn assert_tried(rows: &[(&str, &str)]) {
    for (name, file) in rows {
        let text = of_tests(&format!("gate/{file}"));
        let text = text.split_once("const ELSEWHERE").map_or(text.as_str(), |(tests, _)| tests);
        assert!(text.contains(&format!("\"{name}\"")), "{file} does not try {name}");
    }
}

#[test]
fn no_deed_is_without_a_test() {
    let guests =
        [("guests/src/lib.rs", FAILURES, ELSEWHERE), ("guests/mover/src/lib.rs", BROKEN_PLANS, MOVERS_ELSEWHERE)];
    for (source, failing, elsewhere) in guests {
        let tried = failing.iter().copied().chain(elsewhere.iter().map(|(deed, _)| *deed)).map(str::to_owned);
        assert_eq!(tried.collect::<BTreeSet<_>>(), deeds(&of_tests(source)), "{source}");
        assert_tried(elsewhere);
    }
}

#[test]
fn no_hostile_guest_is_without_a_test() {
    let mut names = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let folders = std::fs::read_dir(&folder).expect("the guests").map(|entry| entry.expect("an entry").path());
    for manifest in
        folders.chain([folder.clone()]).map(|folder| folder.join("Cargo.toml")).filter(|path| path.is_file())
    {
        let manifest: toml::Value =
            toml::from_str(&std::fs::read_to_string(manifest).expect("a manifest")).expect("a manifest");
        names.insert(manifest["package"]["name"].as_str().expect("a name").to_owned());
    }
    assert_eq!(names, COMPONENTS.iter().map(|(name, _)| (*name).to_owned()).collect());
    assert_tried(COMPONENTS);
}
