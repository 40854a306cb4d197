//! A headless Chromium, driven through chromedriver, both of the test's own and gone with it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::admin_token;
use crate::site::Site;
use crate::wait::{PATIENCE, until};

/// What stands in the page's own window until the page is loaded anew.
const MARK: &str = "window.sameDocument";

/// A browser with one window.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Driver,
    http: reqwest::Client,
    base: String,
}

struct Driver {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Driver {
    fn start() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("sluice-browser-").tempdir().expect("a temporary folder");
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            // Chromium is its child, and both end together.
            .process_group(0)
            .env("TMPDIR", folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                eprintln!(
                    "\n**** SKIPPED: chromedriver cannot be started ({error}); install chromium and chromium-driver to \
                     run this test ****\n"
                );
                return None;
            }
        };
        let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while said.read_line(&mut line).expect("what chromedriver says") > 0 {
            if let Some((_, port)) = line.trim_end().trim_end_matches('.').rsplit_once("successfully on port ") {
                let address = format!("http://127.0.0.1:{port}");
                // Nobody reads the rest, and the pipe must not fill.
                std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                return Some(Self { child, address, _folder: folder });
            }
            line.clear();
        }
        panic!("chromedriver ended before it listened");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Opens one for this site; none where Chromium is not installed, and then says so.
    pub(crate) async fn open(site: &Site) -> Option<Self> {
        let driver = Driver::start()?;
        let capabilities = json!({
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
                "--hide-scrollbars", "--window-size=1280,800", "--lang=en", "--disable-background-networking",
            ]},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else { panic!("an object") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&driver.address).await.expect("a browser");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let base = format!("http://{}", site.address());
        Some(Self { client, driver, http, base })
    }

    pub(crate) async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Waits until there is an element.
    pub(crate) async fn find(&self, css: &str) {
        until_some(&format!("{css} is there"), || async { self.client.find(Locator::Css(css)).await.ok() }).await;
    }

    /// Waits until an element's text is as it should be, and answers it.
    pub(crate) async fn text_when(&self, css: &str, is: impl Fn(&str) -> bool) -> String {
        until_some(&format!("the text of {css} is as it should be"), || async {
            let text = self.client.find(Locator::Css(css)).await.ok()?.text().await.ok()?;
            is(&text).then_some(text)
        })
        .await
    }

    /// The text of an element, once it is there.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.text_when(css, |_| true).await
    }

    /// How many elements there are at this moment.
    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect("an answer").len()
    }

    /// Clicks on an element, once it can be clicked on.
    pub(crate) async fn click(&self, css: &str) {
        let center = format!("document.querySelector({css:?})?.scrollIntoView({{block: 'center'}})");
        until_some(&format!("{css} can be clicked"), || async {
            // Not below the bar that some pages have at their foot, where the driver would leave it.
            self.client.execute(&center, Vec::new()).await.ok()?;
            self.client.find(Locator::Css(css)).await.ok()?.click().await.ok()
        })
        .await;
    }

    /// Types into a field, or names a file for it.
    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        // A part of the page that is just being renewed has another field of this name a moment later.
        until_some(&format!("{css} can be typed into"), || async {
            self.client.find(Locator::Css(css)).await.ok()?.send_keys(text).await.ok()
        })
        .await;
    }

    /// Types into a field instead of what is in it.
    pub(crate) async fn retype(&self, css: &str, text: &str) {
        self.find(css).await;
        self.client.find(Locator::Css(css)).await.expect("a field").clear().await.expect("an empty field");
        self.type_into(css, text).await;
    }

    /// Names a file for a field.
    pub(crate) async fn choose_file(&self, css: &str, path: &Path) {
        self.type_into(css, path.to_str().expect("a path in UTF-8")).await;
    }

    /// Chooses an option by its value.
    pub(crate) async fn select(&self, css: &str, value: &str) {
        self.find(css).await;
        let select = self.client.find(Locator::Css(css)).await.expect("a select");
        select.select_by_value(value).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// From here on [`is_marked`](Self::is_marked) tells whether the page was loaded anew.
    pub(crate) async fn mark(&self) {
        self.run(&format!("{MARK} = true")).await;
    }

    pub(crate) async fn is_marked(&self) -> bool {
        self.run(&format!("return {MARK} === true")).await == Value::Bool(true)
    }

    pub(crate) async fn sign_in(&self, site: &Site) {
        self.go("/ui/sign-in").await;
        self.type_into("#token", &admin_token(site)).await;
        self.click("button.main").await;
        self.find("#signed-in").await;
    }

    /// What the browser has complained of since it was last asked: a script that failed, a rule of the content security
    /// policy that was broken.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().expect("a list");
        let bad = entries.iter().filter(|entry| {
            entry["level"] == "SEVERE"
                || entry["message"].as_str().is_some_and(|text| text.contains("Content Security"))
        });
        bad.map(|entry| entry["message"].to_string()).collect()
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn command(&self, name: &str, params: Value) -> Value {
        self.ask("goog/cdp/execute", json!({"cmd": name, "params": params})).await
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        let session = self.client.session_id().await.expect("an answer").expect("a session");
        let url = format!("{}/session/{session}/{path}", self.driver.address);
        let answer = self.http.post(url).json(&body).send().await.expect("an answer");
        let mut answer: Value = answer.json().await.expect("JSON");
        answer["value"].take()
    }
}

async fn until_some<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until(PATIENCE, what, ask).await
}
