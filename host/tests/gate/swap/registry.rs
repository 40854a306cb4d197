//! What `POST /api/plugins` takes, and each thing that it does not.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{component, etag, read, told};
use crate::site::{Options, Reply, Site};

pub(super) async fn push(site: &Site, wasm: impl Into<reqwest::Body>) -> Reply {
    site.send(site.api_request(Method::POST, "/api/plugins", None).body(wasm)).await
}

/// A component that is refused by this check, for a reason that says so.
pub(super) async fn assert_refused(site: &Site, wasm: impl Into<reqwest::Body>, check: &str, words: &str) {
    let reply = push(site, wasm).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text());
    let problem = reply.json();
    assert_eq!(problem["check"], check, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{words} in {problem}");
}

pub(super) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

#[tokio::test]
async fn a_plugin_is_added_shown_fetched_and_removed() {
    let site = Site::start().await;
    let wasm = read("hostile");
    let reply = push(&site, wasm.clone()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let added = reply.json();
    assert_eq!((added["name"].as_str(), added["kind"].as_str()), (Some("hostile"), Some("validator")), "{added}");
    assert!(added["compile_ms"].is_u64() && added["config_schema"].is_object(), "{added}");
    assert!(added["imports"].as_array().is_some_and(|imports| !imports.is_empty()), "{added}");
    let location = reply.headers["location"].to_str().expect("a location").to_owned();
    assert_eq!(location, format!("/api/plugins/{}", added["digest"].as_str().expect("a digest")));

    let again = push(&site, wasm.clone()).await;
    assert_eq!((again.status, &again.json()["compile_ms"]), (StatusCode::OK, &Value::Null));
    for reference in [location.as_str(), "/api/plugins/hostile"] {
        assert_eq!(site.get(reference).await.json()["digest"], added["digest"], "{reference}");
    }
    assert_eq!(site.get(&format!("{location}/wasm")).await.body, wasm);
    let listed = site.get("/api/plugins").await.json();
    assert!(listed["plugins"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "hostile")), "{listed}");

    assert_eq!(site.api(Method::DELETE, &location, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.get(&location).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.api(Method::DELETE, &location, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_plugin_that_a_revision_runs_is_kept() {
    let mut site = Site::start().await;
    site.add_rule(told("told", "clean")).await;
    // Not in the newest revision any more, and needed all the same: to run the old verdicts again.
    site.edit_policy(|rules| rules.retain(|rule| rule["name"] != "told")).await;
    let reply = site.api(Method::DELETE, "/api/plugins/hostile", None).await;
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text());
    assert!(reply.text().contains("revision 2"), "{}", reply.text());
    assert_eq!(site.get("/api/plugins/hostile").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_component_is_refused_by_its_format() {
    let site = Site::start().await;
    assert_refused(&site, &b"\0asm\x01\0\0\0"[..], "format", "core WebAssembly module").await;
    assert_refused(&site, "(component)", "format", "WebAssembly text").await;
    assert_refused(&site, "#!/bin/sh", "format", "no WebAssembly component").await;
    assert_refused(&site, "", "format", "no WebAssembly component").await;
}

#[tokio::test]
async fn a_component_larger_than_is_taken_is_refused_by_its_size() {
    let site = Site::start().await;
    let reply = push(&site, vec![0_u8; (128 << 20) + 1]).await;
    assert_eq!((reply.status, &reply.json()["check"]), (StatusCode::PAYLOAD_TOO_LARGE, &Value::from("size")));
}

#[tokio::test]
async fn a_component_that_wants_more_than_rules_are_given_is_refused_by_its_imports() {
    let site = Site::start().await;
    let http = wat(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#);
    assert_refused(&site, http, "imports", "imports wasi:http/types@0.2.0, which rules are not given").await;
    // Where a file goes is not to depend on what a server says.
    let mover = wat(r#"(component
        (import "sluice:plugin/lookup@1.0.0" (instance))
        (instance $none)
        (export "sluice:plugin/mover@1.0.0" (instance $none)))"#);
    assert_refused(&site, mover, "imports", "is a mover and imports sluice:plugin/lookup@1.0.0").await;
}

#[tokio::test]
async fn a_component_of_no_known_world_is_refused_by_its_world() {
    let site = Site::start().await;
    assert_refused(&site, wat("(component)"), "world", "exports neither").await;
}

#[tokio::test]
async fn a_component_whose_functions_are_others_is_refused_by_the_contract() {
    let site = Site::start().await;
    let hollow = r#"(component (instance $none) (export "sluice:plugin/validator@1.0.0" (instance $none)))"#;
    assert_refused(&site, wat(hollow), "contract", "does not fit sluice:plugin@1.0.0").await;
}

#[tokio::test]
async fn a_component_that_is_broken_inside_is_refused_by_the_compiler() {
    let site = Site::start().await;
    let mut wasm = read("hostile");
    let middle = wasm.len() / 2;
    wasm.truncate(middle);
    assert_refused(&site, wasm, "compile", "cannot be compiled").await;
}

#[tokio::test]
async fn a_component_whose_description_never_ends_is_refused_by_it() {
    let site = Site::start().await;
    assert_refused(&site, read("hostile-describe"), "describe", "it took longer than its limit").await;
    // And one that says what a description must not.
    assert_refused(&site, read("hostile-liar"), "describe", "its name \"../../liar\" is none").await;
}

/// A small component that is much work to compile: a function of many blocks, each of which may go to any other.
fn bomb() -> Vec<u8> {
    let blocks = 3_000;
    let mut text = String::from("(component (core module (func (param i32) (local i64 i64 i64 i64)\n");
    for _ in 0..blocks {
        text.push_str("block ");
    }
    text.push_str("local.get 0 br_table ");
    text.push_str(&(0..blocks).map(|depth| depth.to_string()).collect::<Vec<_>>().join(" "));
    for number in 0..blocks {
        text.push_str(&format!(
            " end local.get 1 i64.const {number} i64.mul local.get 2 i64.add local.set 3 local.get 3 local.get 4 i64.xor \
             local.set {} local.get 0 i32.const {number} i32.rem_u local.set 0\n",
            1 + number % 4
        ));
    }
    text.push_str(")))");
    wat(&text)
}

#[tokio::test]
async fn a_component_that_takes_too_long_to_compile_is_refused_and_holds_nobody_up() {
    let cache = tempfile::tempdir().expect("a folder");
    // The plugins of the starter policy come from a cache that a site without these limits has filled.
    let warm = Options::default().env("SLUICE_SANDBOX_CACHE", cache.path().to_str().expect("UTF-8"));
    drop(warm.start().await);
    let limited = || Options::default().env("SLUICE_SANDBOX_CACHE", cache.path().to_str().expect("UTF-8"));
    let site = limited().env("SLUICE_SANDBOX_COMPILE_TIME", "1ms").start().await;
    let (refused, job) = tokio::join!(
        assert_refused(&site, bomb(), "compile", "takes longer than 1ms to compile"),
        site.upload(crate::bundle::bundle("metadata-last"))
    );
    let () = refused;
    assert_eq!(site.wait(job).await.state, "OK");
    drop(site);
    let site = limited().env("SLUICE_SANDBOX_COMPILE_MEMORY", "24MiB").start().await;
    assert_refused(&site, bomb(), "compile", "takes more than 24 MiB of memory to compile").await;
}

#[tokio::test]
async fn with_keys_configured_only_signed_plugins_are_added() {
    let minisign::KeyPair { pk, sk } = minisign::KeyPair::generate_unencrypted_keypair().expect("keys");
    let site = Options::default().env("SLUICE_HTTP_PLUGIN_KEYS", pk.to_base64()).start().await;
    let wasm = read("hostile");
    assert_refused(&site, wasm.clone(), "signature", "must be signed").await;

    let sign = |wasm: &[u8], key: &minisign::SecretKey| {
        minisign::sign(None, key, wasm, None, None).expect("a signature").to_string()
    };
    let send = async |signature: String| {
        use base64::Engine as _;
        let header = base64::prelude::BASE64_STANDARD.encode(signature);
        let request = site.api_request(Method::POST, "/api/plugins", None).header("sluice-signature", header);
        site.send(request.body(wasm.clone())).await
    };
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().expect("keys");
    for wrong in [sign(&wasm, &stranger.sk), sign(b"another component", &sk), "no signature".to_owned()] {
        let reply = send(wrong).await;
        assert_eq!(
            (reply.status, &reply.json()["check"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &Value::from("signature"))
        );
    }
    let reply = send(sign(&wasm, &sk)).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
}

#[tokio::test]
async fn a_name_means_the_newest_version_and_a_digest_the_very_plugin() {
    let site = Site::start().await;
    let digest = push(&site, read("hostile")).await.json()["digest"].as_str().expect("a digest").to_owned();
    let rule = |plugin: &str| {
        let mut rule = told("told", "clean");
        rule["plugin"] = plugin.into();
        serde_json::json!({"rules": [rule], "message": plugin})
    };
    let version = site.get("/api/plugins/hostile").await.json()["version"].as_str().expect("a version").to_owned();
    for plugin in ["hostile".to_owned(), format!("hostile@{version}"), digest.clone()] {
        let reply = site.put_policy(&etag(&site).await, &rule(&plugin)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        assert_eq!(reply.json()["digests"]["told"], digest.as_str());
    }
    let mut pinned = rule("required-keys");
    pinned["digests"] = serde_json::json!({"told": digest});
    let reply = site.put_policy(&etag(&site).await, &pinned).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text());
    assert!(reply.text().contains("not of"), "{}", reply.text());
    assert!(component("hostile").is_file());
}
