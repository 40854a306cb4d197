//! Signing in and out, in the browser.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::admin_token;
use super::browser::Browser;
use crate::site::{Options, Site};

#[tokio::test]
async fn a_token_opens_a_session_until_it_is_signed_out_of() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    browser.go("/ui/policy").await;
    browser.find("#rule-0").await;
    assert_eq!(browser.count("button[value^='edit:']").await, 0);
    browser.go("/ui/sign-in?after=/ui/policy").await;
    browser.type_into("#token", "sluice_0123456789ab_none").await;
    browser.click("button.main").await;
    assert!(browser.text("[role=alert]").await.contains("no token of this gate"));
    browser.type_into("#token", &admin_token(&site)).await;
    browser.click("button.main").await;
    browser.find("button[value='edit:0']").await;
    assert!(browser.text("#signed-in").await.contains("admin"));
    // Scripts see nothing of the session.
    assert_eq!(browser.run("return document.cookie").await, json!(""));

    browser.click("#sign-out").await;
    browser.find("#token").await;
    browser.go("/ui/policy").await;
    browser.find("#rule-0").await;
    assert_eq!(browser.count("button[value^='edit:']").await, 0);
    let complaints = browser.complaints().await;
    // The answer to a wrong token is a 401, which Chromium tells of.
    assert!(complaints.iter().all(|complaint| complaint.contains("401")), "{complaints:?}");
}

#[tokio::test]
async fn a_revoked_token_ends_its_sessions() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    let made = site.api(Method::POST, "/api/tokens", Some(json!({"name": "ada", "role": "operator"}))).await.json();
    browser.go("/ui/sign-in").await;
    browser.type_into("#token", made["token"].as_str().expect("a token")).await;
    browser.click("button.main").await;
    assert!(browser.text("#signed-in").await.contains("ada"));
    browser.go("/ui/policy").await;
    browser.find("button[value='edit:0']").await;
    let id = made["id"].as_str().expect("an id");
    let reply = site.api(Method::DELETE, &format!("/api/tokens/{id}"), None).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    browser.go("/ui/policy").await;
    browser.find("#rule-0").await;
    assert_eq!(browser.count("#signed-in, button[value='edit:0']").await, 0);
}

#[tokio::test]
async fn where_every_call_needs_a_token_pages_do_too() {
    let site = Options::default().env("SLUICE_HTTP_REQUIRE_TOKEN", "true").start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    browser.go("/ui/policy/revisions/1").await;
    browser.find("#token").await;
    browser.type_into("#token", &admin_token(&site)).await;
    browser.click("button.main").await;
    // Back to where it was wanted to go.
    browser.text_when("h1", |text| text.contains("Revision 1")).await;
    for path in ["/ui/jobs", "/ui/files/1", "/ui/system?fragment=1"] {
        // The client of the tests follows to the page that asks for a token.
        assert!(site.get(path).await.text().contains("id=\"token\""), "{path}");
    }
    assert_eq!(site.get("/ui/assets/console.css").await.status, StatusCode::OK);
}
