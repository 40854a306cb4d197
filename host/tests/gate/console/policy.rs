//! A new rule's way into the policy, and out of it again, in the browser.

use super::browser::Browser;
use crate::bundle::bundle;
use crate::site::{Site, plugin_folders};

#[tokio::test]
async fn a_new_plugin_is_tried_in_shadow_enforced_and_rolled_back() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    let component = plugin_folders().iter().map(|folder| folder.join("hostile.wasm")).find(|path| path.is_file());
    browser.sign_in(&site).await;

    // Added, and made a rule of.
    browser.go("/ui/plugins").await;
    browser.choose_file("#component", &component.expect("the guest is built")).await;
    browser.click("#push").await;
    browser.click("#make-rule").await;
    browser.retype("#name", "told").await;
    browser.click("#keep").await;
    // What its schema asks for is missing, and said where it is asked for.
    let said = browser.text("fieldset[id='config'] .mistake").await;
    assert!(said.contains("do"), "{said}");
    browser.select("[name='config/do']", "\"reject\"").await;
    browser.retype("[name='config/note']", "from a form").await;
    browser.click("#keep").await;
    browser.find("#is-draft").await;
    browser.click("#preview").await;
    assert!(browser.text("#differences").await.contains("told"));
    browser.type_into("#message", "to see what it says").await;
    browser.click("#apply").await;
    assert!(browser.text("#applied").await.contains("Revision 2"));
    let rule = site.policy().await.pop().expect("a rule");
    assert_eq!(
        (&rule["name"], &rule["mode"], &rule["config"]),
        (&"told".into(), &"shadow".into(), &serde_json::json!({"do": "reject", "note": "from a form"}))
    );

    // In shadow it decides nothing, and its verdicts are seen.
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    browser.go("/ui/policy/shadow/told").await;
    assert_eq!((browser.text("#judged").await, browser.text("#differ").await), ("1".to_owned(), "1".to_owned()));
    browser.click("#enforce").await;
    assert!(browser.text("#differences").await.contains("/mode"));
    browser.click("#replay").await;
    assert!(browser.text("#replayed").await.contains("Job 1: accepted then, rejected now"));
    browser.click("#apply").await;
    assert!(browser.text("#applied").await.contains("Revision 3"));
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.task, "Policy Validation");

    // And back.
    browser.go("/ui/policy/revisions").await;
    browser.click("a[href='/ui/policy/revisions/1']").await;
    assert!(browser.text(".changes").await.contains("told"));
    browser.click("#roll-back").await;
    assert!(browser.text("#applied").await.contains("Revision 4"));
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    let history = site.api_json("/api/policy/revisions").await;
    assert_eq!(history["revisions"][2]["message"], "to see what it says");
    assert!(history["revisions"][0]["origin"].as_str().is_some_and(|origin| origin.contains("console")), "{history}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn rules_are_moved_and_a_change_that_came_in_between_is_not_overwritten_unseen() {
    let mut site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    browser.sign_in(&site).await;
    browser.go("/ui/policy").await;
    browser.click("button[value='down:0']").await;
    browser.find("#is-draft").await;
    assert!(browser.text("#rule-0 h2").await.contains("pacifica-relations"));
    browser.click("#preview").await;
    assert!(browser.text("#differences").await.contains("order"));

    site.edit_policy(|rules| rules[0]["limits"]["time_ms"] = 1_234.into()).await;
    browser.click("#apply").await;
    let conflict = browser.text("#conflict").await;
    assert!(conflict.contains("revision 2"), "{conflict}");
    assert!(browser.text("#differences").await.contains("/limits/time_ms"), "the other's change is seen");
    assert_eq!(site.policy().await[0]["name"], "required-keys");
    browser.click("#apply").await;
    assert!(browser.text("#applied").await.contains("Revision 3"));
    assert_eq!(site.policy().await[0]["name"], "pacifica-relations");
}

#[tokio::test]
async fn a_component_is_dropped_where_it_could_be_chosen() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    browser.sign_in(&site).await;
    browser.go("/ui/plugins").await;
    browser.find("[data-drop]").await;
    browser
        .run(
            "const data = new DataTransfer(); data.items.add(new File(['#!/bin/sh'], 'rule.wasm'));
             document.querySelector('[data-drop]').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));",
        )
        .await;
    browser.text_when("[data-chosen]", |text| text == "rule.wasm").await;
    browser.click("#push").await;
    // What it was refused for is said on a page, too.
    assert!(browser.text("[role=alert]").await.contains("no WebAssembly component"));
}

#[tokio::test]
async fn lists_of_tables_grow_and_shrink_and_another_plugin_has_another_form() {
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    browser.sign_in(&site).await;
    browser.go("/ui/policy").await;
    browser.click("button[value='edit:0']").await;
    browser.click("button[value='more:config/file_keys']").await;
    // What a table of the list must have stands first, and for JSON.
    browser.type_into("[id='config/file_keys/0/files']", "raw/**").await;
    browser.retype("[id='config/file_keys/0/keys']", "{\"Temp C\": {}}").await;
    browser.click("button[value='more:config/file_keys']").await;
    browser.find("[id='config/file_keys/1']").await;
    assert_eq!(browser.run("return document.getElementById('config/file_keys/0/files').value").await, "raw/**");
    browser.click("button[value='less:config/file_keys/1']").await;
    browser.find("[id='config/file_keys/0']").await;
    assert_eq!(browser.count("[id='config/file_keys/1']").await, 0);
    browser.click("#keep").await;
    browser.find("#is-draft").await;
    browser.click("#preview").await;
    assert!(browser.text("#differences").await.contains("Temp C"));

    browser.go("/ui/policy").await;
    browser.click("button[value='edit:0']").await;
    browser.select("#plugin", "placement@0.1.0").await;
    browser.click("#take-plugin").await;
    browser.find("[id='config/template']").await;
    assert_eq!(browser.count("[id='config/file_keys']").await, 0);
}
