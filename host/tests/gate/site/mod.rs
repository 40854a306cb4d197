//! A site of the test's own: the program in a temporary folder, with its queue, its database and its workers.

mod client;
mod process;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tempfile::TempDir;

pub(crate) use client::{JobState, Reply};
pub(crate) use process::Process;

use crate::stores::Stores;
use crate::wait::{PATIENCE, until};

/// How a site is to be started.
#[derive(Default)]
pub(crate) struct Options {
    stores: Stores,
    args: Vec<String>,
    env: Vec<(String, String)>,
    policy: Option<String>,
    move_roots: Vec<PathBuf>,
    workers: Option<usize>,
    within: Vec<String>,
}

impl Options {
    /// The queue and the database.
    pub(crate) fn stores(mut self, stores: Stores) -> Self {
        self.stores = stores;
        self
    }

    /// A flag and its value for every process.
    pub(crate) fn arg(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.args.extend([flag.to_owned(), value.into()]);
        self
    }

    /// A variable for every process.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The text of policy.toml, instead of the starter policy.
    pub(crate) fn policy(mut self, toml: impl Into<String>) -> Self {
        self.policy = Some(toml.into());
        self
    }

    /// A folder that moves may take from, instead of `incoming/` of the data folder.
    pub(crate) fn move_root(mut self, folder: impl Into<PathBuf>) -> Self {
        self.move_roots.push(folder.into());
        self
    }

    /// `sluice serve --no-worker`, and so many `sluice worker` beside it.
    pub(crate) fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// A program that becomes `sluice serve`: this command, with the program and its arguments behind it.
    pub(crate) fn within(mut self, command: &[&str]) -> Self {
        self.within = command.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Starts the site and waits until it listens.
    pub(crate) async fn start(self) -> Site {
        let mut site = self.site();
        site.start_serve().await;
        for _ in 0..site.options.workers.unwrap_or(0) {
            site.start_worker();
        }
        site
    }

    /// Starts a site that cannot run, and answers how the program ended and what it said.
    pub(crate) async fn fail_to_start(self) -> (ExitStatus, String) {
        let site = self.site();
        let serve = site.spawn_serve();
        let status = until(PATIENCE, "the program gives up", || async { serve.ended() }).await;
        (status, serve.log_tail())
    }

    fn site(self) -> Site {
        let folder = tempfile::Builder::new().prefix("sluice-test-").tempdir().expect("a temporary folder");
        // Set once in a process; the second site finds it done.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(600)).build().expect("a client");
        Site { serve: None, workers: Vec::new(), base: String::new(), http, options: self, folder }
    }
}

/// A running site. Its processes are killed with it, whatever happens, and their logs shown when a test fails.
pub(crate) struct Site {
    serve: Option<Process>,
    workers: Vec<Process>,
    base: String,
    http: reqwest::Client,
    options: Options,
    folder: TempDir,
}

impl Site {
    /// A site with everything embedded.
    pub(crate) async fn start() -> Self {
        Options::default().start().await
    }

    /// A site with these stores and all else as usual.
    pub(crate) async fn over(stores: Stores) -> Self {
        Options::default().stores(stores).start().await
    }

    pub(crate) async fn start_serve(&mut self) {
        let serve = self.spawn_serve();
        self.base = serve.address().await;
        self.serve = Some(serve);
    }

    fn spawn_serve(&self) -> Process {
        let mut args = vec!["serve".to_owned(), "--listen".to_owned(), "127.0.0.1:0".to_owned()];
        if self.options.workers.is_some() {
            args.push("--no-worker".to_owned());
        }
        if let Some(policy) = &self.options.policy {
            let name = if policy.starts_with('{') { "policy.json" } else { "policy.toml" };
            let path = self.folder.path().join(name);
            std::fs::write(&path, policy).expect("a policy file");
            args.extend(["--policy".to_owned(), text(&path)]);
        }
        args.extend(self.args());
        Process::start_within(&self.options.within, self.folder.path(), "serve", &args, &self.options.env)
    }

    pub(crate) async fn restart_with_policy(&mut self, policy: &serde_json::Value) {
        self.stop_all().await;
        self.options.policy = Some(policy.to_string());
        self.start_serve().await;
        for _ in 0..self.options.workers.unwrap_or(0) {
            self.start_worker();
        }
    }

    pub(crate) fn start_worker(&mut self) {
        let mut args = vec!["worker".to_owned()];
        args.extend(self.args());
        let name = format!("worker-{}", self.workers.len());
        self.workers.push(Process::start(self.folder.path(), &name, &args, &self.options.env));
    }

    /// The flags that every process of the site is given.
    fn args(&self) -> Vec<String> {
        let mut args = vec!["--data".to_owned(), text(&self.data())];
        for plugins in plugin_folders() {
            args.extend(["--plugins".to_owned(), text(&plugins)]);
        }
        for root in &self.options.move_roots {
            args.extend(["--move-root".to_owned(), text(root)]);
        }
        args.extend(self.options.stores.args());
        args.extend(self.options.args.iter().cloned());
        args
    }

    /// Whether workers are processes of their own.
    pub(crate) fn has_workers(&self) -> bool {
        self.options.workers.is_some()
    }

    /// The flags that every process of the site is given, for commands beside it.
    pub(crate) fn flags(&self) -> Vec<String> {
        self.args()
    }

    pub(crate) fn serve(&self) -> &Process {
        self.serve.as_ref().expect("a running serve")
    }

    /// The worker that was started last.
    pub(crate) fn worker(&self) -> &Process {
        self.workers.last().expect("a running worker")
    }

    /// The processes that have ended by themselves, and how.
    pub(crate) fn ended(&self) -> Vec<ExitStatus> {
        self.serve.iter().chain(&self.workers).filter_map(Process::ended).collect()
    }

    /// Starts what has ended or was killed again, as whatever manages services does.
    pub(crate) async fn start_what_ended(&mut self) {
        self.workers.retain(|worker| worker.ended().is_none());
        if self.serve.as_ref().is_none_or(|serve| serve.ended().is_some()) {
            self.start_serve().await;
        }
        while self.workers.len() < self.options.workers.unwrap_or(0) {
            self.start_worker();
        }
    }

    /// Ends all processes at once, with no chance to tidy up.
    pub(crate) fn kill_all(&mut self) {
        for process in self.serve.iter().chain(&self.workers) {
            process.kill();
        }
        self.serve = None;
        self.workers.clear();
    }

    /// Ends all processes as a service manager does.
    pub(crate) async fn stop_all(&mut self) {
        for process in self.workers.iter().chain(&self.serve) {
            let status = process.terminate().await;
            assert!(status.success(), "after SIGTERM the program ended with {status}");
        }
        self.serve = None;
        self.workers.clear();
    }

    pub(crate) fn stores(&self) -> &Stores {
        &self.options.stores
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.data().join("archive")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.data().join("spool")
    }

    /// The folder that moves may take from by default.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.data().join("incoming")
    }

    /// A folder of the test's own that the program has no business in.
    pub(crate) fn outside(&self) -> PathBuf {
        let outside = self.folder.path().join("outside");
        std::fs::create_dir_all(&outside).expect("a folder");
        outside
    }

    /// The folder around all of it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Before the queue, the database and the folder go.
        self.serve = None;
        self.workers.clear();
    }
}

/// The plugins that are shipped, and the hostile guests of the tests, as far as they are built.
pub(crate) fn plugin_folders() -> Vec<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_sluice")).ancestors().nth(2).expect("a target folder");
    let folders: Vec<PathBuf> =
        ["plugins", "test-guests"].iter().map(|name| target.join(name)).filter(|folder| folder.is_dir()).collect();
    assert!(!folders.is_empty(), "there are no plugins in {}; run `make plugins` first", target.display());
    folders
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}
