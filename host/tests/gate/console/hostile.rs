//! Whatever bundles say is text.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::browser::Browser;
use crate::site::Site;

const NAMES: [&str; 4] = [
    "<img src=x onerror=window.pwned=1>.csv",
    "\"'><script>window.pwned=1</script>",
    "</bdi></td></table><h1>gone",
    "{{7*7}}\u{202e}cod.exe",
];

/// A tar whose every name and value is meant for somebody else's page.
fn bundle() -> Vec<u8> {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> Vec<u8> {
    let row = |table: &str, value: &str| json!({"destinationTable": table, "value": value});
    let mut rows = vec![
        row("Transactions.submitter", NAMES[0]),
        row("Transactions.project", NAMES[1]),
        row("Transactions.instrument", NAMES[2]),
        json!({"destinationTable": NAMES[1], "value": NAMES[0]}),
    ];
    rows.extend(NAMES.map(|name| json!({"destinationTable": "TransactionKeyValue", "key": name, "value": name})));
    rows.extend(NAMES.map(|name| {
        json!({"destinationTable": "Files", "name": name.replace('/', "∕"), "subdir": "data", "size": 1,
               "mimetype": name, "hashtype": "sha1", "hashsum": name, "ctime": name, "mtime": name})
    }));
    let text = serde_json::to_vec(&Value::Array(rows)).expect("JSON");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "metadata.txt", text.as_slice()).expect("a member");
    tar.into_inner().expect("a tar")
}

#[tokio::test]
async fn hostile_names_are_shown_as_the_text_that_they_are() {
    let mut site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    let name = NAMES[1];
    let rule = json!({"name": name, "plugin": "hostile", "mode": "shadow", "config": {"do": "reject", "note": name}});
    site.edit_policy(|rules| rules.push(rule)).await;
    let job = site.upload_as("<b>bob</b>", bundle()).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    browser.sign_in(&site).await;
    let rule: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    for path in [
        "/ui/jobs",
        "/ui/jobs/1",
        "/ui/policy",
        "/ui/policy/revisions/2",
        "/ui/system",
        &format!("/ui/policy/shadow/{}", rule.replace('+', "%20")),
    ] {
        browser.go(path).await;
        browser.find("h1").await;
        // What is folded away counts as well.
        let text = browser.run("return document.querySelector('main').textContent").await;
        let text = text.as_str().expect("a text");
        assert!(NAMES.iter().any(|name| text.contains(name)) || text.contains("<b>bob</b>"), "{path}: {text}");
        assert_eq!(browser.run("return window.pwned === undefined").await, json!(true), "{path}");
        assert_eq!(browser.count("main img, main script, main b, main h1 ~ h1").await, 0, "{path}");
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "{path}");
    }
    browser.go("/ui/policy").await;
    browser.click("button[value='edit:3']").await;
    browser.find("#rule").await;
    assert_eq!(browser.run("return document.getElementById('name').value").await, json!(name));
    browser.click("#keep").await;
    // Nothing was changed on the way through the forms.
    browser.find("#rule-3").await;
    assert_eq!(browser.count("#is-draft").await, 0);
}
