//! Jobs, watched and understood in the browser.

use std::sync::mpsc::channel;

use reqwest::Method;
use serde_json::json;

use super::browser::Browser;
use crate::bundle::{body_of, bundle};
use crate::site::Site;

#[tokio::test]
async fn an_upload_is_watched_to_its_end_without_reloading() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    browser.go("/ui/jobs").await;
    browser.find(".empty").await;
    browser.mark().await;

    let whole = bytes::Bytes::from(bundle("metadata-last"));
    let (pieces, received) = channel();
    pieces.send(whole.slice(..1000)).expect("a receiver");
    let upload = site.upload(body_of(received.into_iter()));
    let watch = async {
        // The list shows it while it arrives, and so does its own page.
        browser.text_when("#job-1 .badge", |text| text.contains("receiving")).await;
        assert!(browser.is_marked().await, "the list was loaded anew");
        browser.click("#job-1 a").await;
        browser.text_when("#status", |text| text.contains("receiving")).await;
        browser.find("#percent").await;
        browser.mark().await;
        pieces.send(whole.slice(1000..)).expect("a receiver");
        drop(pieces);
        browser.text_when("#status", |text| text.contains("done")).await;
        browser.text_when("#said", |text| text.contains("done")).await;
        assert!(browser.is_marked().await, "the page was loaded anew");
        assert_eq!(browser.count(".steps li.done").await, 6);
        assert_eq!(browser.count("#percent").await, 0);
        assert!(browser.text("#verdict-title").await.contains("accepted"));
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    };
    let (job, ()) = tokio::join!(upload, watch);
    assert_eq!(job, 1);
    // They were told of the changes, and did not only ask now and again.
    let metrics = site.get("/metrics").await.text();
    for route in ["/ui/events", "/ui/jobs/{id}/events"] {
        let asked =
            metrics.lines().any(|line| line.contains("requests_total") && line.contains(&format!("\"{route}\"")));
        assert!(asked, "nobody listened at {route}");
    }
}

#[tokio::test]
async fn why_a_bundle_failed_is_read_beside_the_row_that_is_wrong() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    let job = site.upload(bundle("foreign-submitter")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    let report = site.report(job).await;
    let findings =
        report["rules"].as_array().expect("rules").iter().flat_map(|rule| rule["findings"].as_array().unwrap());
    let finding = findings.into_iter().find(|finding| finding["severity"] == "error").expect("an error").clone();
    let row = finding["location"]["value"].as_str().and_then(|at| at.split('/').nth(1)).expect("a row").to_owned();

    browser.go("/ui/jobs?status=failed").await;
    browser.click("#job-1 a").await;
    assert!(browser.text("#status").await.contains("failed"));
    let beside = browser.text(&format!("#row-{row} + tr .finding.error")).await;
    assert!(beside.contains(finding["message"].as_str().expect("a message")), "{beside}");
    assert!(browser.text("#exception").await.contains(finding["message"].as_str().expect("a message")));
    assert!(browser.text(".steps li.failed .name").await.contains("Policy Validation"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operator_tries_again_judges_again_and_cancels() {
    let mut site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    let job = site.upload(bundle("foreign-submitter")).await;
    site.wait(job).await;
    browser.go("/ui/jobs/1").await;
    browser.find("#status").await;
    assert_eq!(browser.count("#retry, #cancel, #revalidate").await, 0, "nobody has signed in");

    browser.sign_in(&site).await;
    browser.go("/ui/jobs/1").await;
    browser.click("#revalidate").await;
    assert!(browser.text("#same").await.contains("Every rule says what it said"));
    site.edit_policy(|rules| rules.retain(|rule| rule["name"] != "pacifica-relations")).await;
    browser.go("/ui/jobs/1").await;
    browser.click("#retry").await;
    browser.text_when("#status", |text| text.contains("done")).await;

    // One that will not end by itself.
    let (pieces, received) = channel();
    pieces.send(bytes::Bytes::from(bundle("metadata-last")).slice(..1000)).expect("a receiver");
    let request = site.request(Method::POST, "/upload").body(body_of(received.into_iter()));
    let upload = tokio::spawn(request.send());
    browser.go("/ui/jobs").await;
    browser.click("#job-2 a").await;
    browser.click("#cancel-open").await;
    browser.type_into("#reason", "the instrument is out of order").await;
    browser.click("#cancel").await;
    browser.text_when("#status", |text| text.contains("failed")).await;
    assert_eq!(browser.text("#exception").await, "the instrument is out of order");
    drop(pieces);
    drop(upload.await);
    assert_eq!(site.job(2).await["exception"], json!("the instrument is out of order"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
