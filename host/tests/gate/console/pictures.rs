//! The pictures of `docs/console`: `scripts/screenshots` makes them from a real gate.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use super::browser::Browser;
use crate::bundle::bundle;
use crate::site::{Site, plugin_folders};

/// The variable that says where the pictures go.
const FOLDER: &str = "SLUICE_SCREENSHOTS";

struct Camera<'a> {
    browser: &'a Browser,
    folder: PathBuf,
}

impl Camera<'_> {
    async fn look(&self, dark: bool, width: u32, height: u32) {
        let scheme = if dark { "dark" } else { "light" };
        // What would still be on its way from the one look to the other is there at once.
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}, still]});
        self.browser.command("Emulation.setEmulatedMedia", features).await;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.browser.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn shoot(&self, name: &str) {
        let picture = self.browser.client.screenshot().await.expect("a picture");
        std::fs::write(self.folder.join(format!("{name}.png")), picture).expect("a file");
    }

    /// The page as it is, in the light and in the dark.
    async fn both(&self, name: &str) {
        for (dark, ending) in [(false, ""), (true, "-dark")] {
            self.look(dark, 1280, 800).await;
            self.shoot(&format!("{name}{ending}")).await;
        }
        self.look(false, 1280, 800).await;
    }

    async fn phone(&self, name: &str) {
        self.look(false, 390, 780).await;
        self.shoot(&format!("{name}-phone")).await;
        self.look(false, 1280, 800).await;
    }
}

#[tokio::test]
async fn pictures_are_taken_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let site = Site::start().await;
    let Some(browser) = Browser::open(&site).await else { return };
    let camera = Camera { browser: &browser, folder };
    prepare(&site).await;

    browser.go("/ui/sign-in").await;
    camera.both("sign-in").await;
    browser.sign_in(&site).await;
    for (path, name, phone) in [
        ("/ui/jobs", "jobs", true),
        ("/ui/jobs/1", "job-done", false),
        ("/ui/jobs/2", "job-failed", true),
        ("/ui/plugins", "plugins", false),
        ("/ui/plugins/file-names", "plugin", false),
        ("/ui/policy", "policy", true),
        ("/ui/policy/shadow/names", "shadow", false),
        ("/ui/policy/revisions", "revisions", false),
        ("/ui/policy/revisions/1", "revision", false),
        ("/ui/policy/diff?from=1&to=2", "diff", false),
        ("/ui/system", "system", true),
    ] {
        browser.go(path).await;
        browser.find("h1").await;
        camera.both(name).await;
        if phone {
            camera.phone(name).await;
        }
    }
    browser.go("/ui/policy").await;
    browser.click("button[value='edit:3']").await;
    browser.find("#rule").await;
    camera.both("rule").await;
    camera.phone("rule").await;
    browser.retype("[id='limits.time_ms']", "0").await;
    browser.click("#keep").await;
    browser.find(".mistake").await;
    browser.run("document.querySelector('.mistake').scrollIntoView({block: 'center'})").await;
    camera.both("rule-mistake").await;
    browser.go("/ui/policy/shadow/names").await;
    browser.click("#enforce").await;
    browser.click("#replay").await;
    browser.find("#replayed").await;
    camera.both("preview").await;

    // A bundle that arrives while the page is open.
    let (pieces, received) = std::sync::mpsc::channel();
    pieces.send(bytes::Bytes::from(bundle("metadata-last")).slice(..1000)).expect("a receiver");
    let request = site.request(Method::POST, "/upload").body(crate::bundle::body_of(received.into_iter()));
    let upload = tokio::spawn(request.send());
    browser.go("/ui/jobs").await;
    browser.click("td .badge.receiving").await;
    browser.find(".jobs progress").await;
    camera.both("jobs-live").await;
    browser.click("tbody tr:first-child a").await;
    browser.find("#percent").await;
    camera.both("job-live").await;
    drop(pieces);
    drop(upload.await);
}

/// Jobs good and bad, a rule in shadow, and some history.
async fn prepare(site: &Site) {
    let plugin = |name: &str| {
        let path =
            plugin_folders().iter().map(|folder| folder.join(format!("{name}.wasm"))).find(|path| path.is_file());
        std::fs::read(path.expect("a plugin that is built")).expect("a component")
    };
    for name in ["file-names", "quota", "tabular", "content-type"] {
        let pushed = site.api_request(Method::POST, "/api/plugins", None).body(plugin(name));
        assert!(site.send(pushed).await.status.is_success());
    }
    for name in ["metadata-last", "foreign-submitter", "empty-file", "missing-project"] {
        let job = site.upload_as("ada", bundle(name)).await;
        site.wait(job).await;
    }
    let names = json!({
        "name": "names", "plugin": "file-names", "mode": "shadow", "when": {"projects": ["1234*"]},
        "config": {"names": [
            {"files": "scan/**", "allowed": ["scan-*.csv"], "hint": "Call scans scan-001.csv, scan-002.csv and so on."},
            {"portable": true, "max_part_bytes": 255},
        ]},
    });
    add(site, names, "what would a convention for scans reject?").await;
    for name in ["hash-types", "metadata-last", "wrong-hash", "empty-file", "not-a-tar", "subdir-spellings"] {
        let job = site.upload_as("bob", bundle(name)).await;
        site.wait(job).await;
    }
    let quota = json!({
        "name": "quota", "plugin": "quota", "on_failure": "accept",
        "config": {"quotas": [{"max_bytes": "50 GiB", "max_files": 10_000}]},
    });
    add(site, quota, "nothing larger than the tape takes in a night").await;
}

/// Puts a rule at the end of the policy.
async fn add(site: &Site, rule: Value, why: &str) {
    let reply = site.api(Method::GET, "/api/policy", None).await;
    let mut rules = reply.json()["rules"].take();
    rules.as_array_mut().expect("rules").push(rule);
    let etag = reply.headers["etag"].to_str().expect("a tag");
    let reply = site.put_policy(etag, &json!({"rules": rules, "message": why})).await;
    assert!(reply.status.is_success(), "{}", reply.text());
}
