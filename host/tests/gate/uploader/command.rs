//! The program, run as an uploader runs it.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::site::Site;

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// The exit code must be this one.
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// With what was read of its output before.
    pub(crate) fn after(self, said: String) -> Self {
        Self { out: said + &self.out, ..self }
    }

    /// The lines of JSON that it printed.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.out.lines().map(read).collect()
    }

    /// The one event of this kind.
    pub(crate) fn event(&self, name: &str) -> Value {
        let mut found = self.lines().into_iter().filter(|line| line["event"] == name);
        let event = found.next().unwrap_or_else(|| panic!("no event {name} in {}", self.out));
        assert!(found.next().is_none(), "several events {name} in {}", self.out);
        event
    }
}

/// Starts `sluice` in a folder, for a gate at this address.
pub(crate) fn start(url: &str, folder: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.current_dir(folder).args(args).env_clear().env("SLUICE_URL", url);
    for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("the program starts")
}

/// What a started command says until it tells of such an event, which is the last line of that.
pub(crate) async fn said_until(child: &mut Child, event: &str) -> String {
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut said = String::new();
    loop {
        let from = said.len();
        assert!(out.read_line(&mut said).await.expect("text") > 0, "it ends without {event}: {said}");
        let line: Value = serde_json::from_str(&said[from..]).unwrap_or_else(|error| panic!("{error} in {said}"));
        if line["event"] == event {
            break;
        }
    }
    assert!(out.buffer().is_empty(), "it has said more");
    child.stdout = Some(out.into_inner());
    said
}

/// How a started command ends.
pub(crate) async fn end(child: Child) -> Ended {
    let output = child.wait_with_output().await.expect("an output");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", text(&output.stderr)));
    Ended { code, out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs `sluice` to its end.
pub(crate) async fn run(site: &Site, folder: &Path, args: &[&str]) -> Ended {
    end(start(&format!("http://{}", site.address()), folder, args)).await
}
