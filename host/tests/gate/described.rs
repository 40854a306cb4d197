//! What the gate says of its calls is true: the document that it serves, and the page made of it.

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::bundle::bundle;
use crate::site::Site;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[tokio::test]
async fn the_document_that_is_served_printed_and_committed_is_one() {
    let site = Site::start().await;
    let committed = std::fs::read_to_string(repository("docs/openapi.json")).expect("docs/openapi.json");
    let served = site.get("/api/openapi.json").await;
    assert_eq!(
        (served.status, &served.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    let renew = "renew it: cargo run --locked -- openapi > docs/openapi.json";
    assert!(served.json() == serde_json::from_str::<Value>(&committed).expect("JSON"), "{renew}");
    // Anywhere, whatever the settings are.
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let printed = command.arg("openapi").current_dir(site.outside()).output().await.expect("the program runs");
    assert!(String::from_utf8_lossy(&printed.stdout) == committed, "{renew}");
}

#[tokio::test]
async fn the_page_for_people_loads_nothing_from_elsewhere_and_runs_nothing() {
    let site = Site::start().await;
    let page = site.get("/api/docs").await;
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
    );
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("default-src 'none'") && policy.contains("style-src 'self'"), "{policy}");
    let html = page.text();
    for call in ["/api/jobs/{id}/events", "/upload", "PolicyDocument", "curl -X PUT"] {
        assert!(html.contains(call), "{call}");
    }
    assert!(!html.contains("<script") && !html.contains("style=") && !html.contains("src="));
    let links = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().expect("an end"));
    let beside: Vec<_> = links.filter(|link| !link.starts_with('#')).collect();
    assert_eq!(beside, ["docs/style.css", "openapi.json"]);
    let style = site.get("/api/docs/style.css").await;
    assert_eq!(
        (style.status, &style.headers["content-type"]),
        (StatusCode::OK, &"text/css; charset=utf-8".parse().unwrap())
    );
    assert!(style.text().contains("prefers-color-scheme: dark"));
}

#[tokio::test]
async fn no_answer_is_outside_the_document() {
    let Some(tools) = python_tools() else { return };
    let site = Site::start().await;
    // So that there is something to be found.
    for name in ["metadata-last", "foreign-submitter"] {
        let job = site.upload(bundle(name)).await;
        site.wait(job).await;
    }
    let table = site.api(Method::PUT, "/api/tables/projects", Some(json!([{"project": "1234a", "pi": "Ada"}]))).await;
    assert_eq!(table.status, StatusCode::CREATED, "{}", table.text());

    let url = format!("http://{}", site.address());
    let token = std::fs::read_to_string(site.data().join("admin-token")).expect("a token");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                  response_schema_conformance";
    let mut command = Command::new(tools.join("bin/schemathesis"));
    command.current_dir(site.outside()).env("SCHEMATHESIS_HOOKS", repository("host/tests/openapi/hooks.py"));
    command.args(["run", &format!("{url}/api/openapi.json"), "--url", &url, "--checks", checks]);
    command.args(["-H", &format!("Authorization: Bearer {}", token.trim())]);
    // The same requests each time. The stream of all jobs has no end that could be waited for.
    command.args(["--generation-deterministic", "--max-examples", "6", "--exclude-operation-id", "listen"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--request-timeout", "20"]);
    command.args(["--continue-on-failure", "--no-shrink", "--warnings", "off", "--no-color"]);
    let said = command.output().await.expect("schemathesis runs");
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{text}");
    let document = site.get("/api/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths").values();
    let calls: usize = paths.map(|item| item.as_object().expect("calls").len()).sum();
    // All but that stream, and the call that answers the document, which is made once.
    assert!(text.contains(&format!("Tested: {}\n", calls - 2)), "{calls}: {text}");
}

/// Where `scripts/python-tools` has put them; none where it could not.
fn python_tools() -> Option<PathBuf> {
    let tools = std::process::Command::new(repository("scripts/python-tools")).arg("--path").output();
    let tools = tools.expect("the script can be run");
    if !tools.status.success() {
        eprintln!("**** SKIPPED: the Python package schemathesis is not here; scripts/python-tools installs it. ****");
        return None;
    }
    Some(PathBuf::from(String::from_utf8(tools.stdout).expect("a path").trim()))
}
