//! An S3 server that keeps its objects on a disk, so that it can be stopped and started again: s3s-fs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::bundle::tree;
use crate::redis::free_port;
use crate::tools;
use crate::wait::{PATIENCE, listens, until_blocking};

const BUCKET: &str = "archive";
const PREFIX: &str = "site";
/// The version that `scripts/object-store` builds.
const VERSION: &str = "0.14.1";

pub(super) struct Objects {
    child: Child,
    port: u16,
    program: PathBuf,
    folder: TempDir,
}

impl Objects {
    /// Starts one with a bucket; none where it cannot be had, and then says so.
    pub(super) fn start() -> Option<Self> {
        let program = tools::cache()?.join(format!("s3s-fs-{VERSION}/bin/s3s-fs"));
        if !program.is_file() {
            eprintln!("\n**** SKIPPED: s3s-fs is not here; run scripts/object-store to set it up ****\n");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("sluice-objects-").tempdir().expect("a temporary folder");
        // It takes a folder for a bucket.
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a folder");
        for _ in 0..10 {
            let port = free_port();
            if let Some(child) = serve(&program, &folder, port) {
                return Some(Self { child, port, program, folder });
            }
        }
        panic!("s3s-fs does not start");
    }

    /// Stops it. It writes an object and what is known of it into two files, so that a SIGKILL could leave half an object,
    /// which no store does that is worth the name: it finishes what it has begun, and takes nothing more.
    pub(super) fn stop(&mut self) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process id");
        kill_process(pid, Signal::INT).expect("a server to stop");
        let ended = until_blocking(PATIENCE, || self.child.try_wait().ok().flatten());
        ended.expect("s3s-fs ends when it is told to");
    }

    /// Starts it again where it was.
    pub(super) fn revive(&mut self) {
        let again = until_blocking(PATIENCE, || serve(&self.program, &self.folder, self.port));
        self.child = again.expect("s3s-fs has its port again");
    }

    /// The settings of a program whose archive it is.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let archive = format!("s3://{BUCKET}/{PREFIX}?endpoint=http://127.0.0.1:{}&region=us-east-1", self.port);
        let settings =
            [("SLUICE_ARCHIVE", archive.as_str()), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// All objects below the prefix, by their keys, as they lie on the disk.
    pub(super) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.folder.path().join(BUCKET).join(PREFIX);
        if folder.is_dir() { tree(&folder) } else { BTreeMap::new() }
    }

    /// The uploads in parts that hold parts and were neither completed nor given up, and objects that are half written.
    ///
    /// Two leftovers cost nothing and are none: an upload without parts, whose maker died before it could write down that
    /// there is one; and a part that was on its way when its upload was given up, which this server writes all the same.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).expect("a folder");
        let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let names: Vec<String> = names.collect();
        let has_parts = |id: &str| names.iter().any(|name| name.starts_with(&format!(".upload_id-{id}.part-")));
        let left = |name: &String| match name.strip_prefix(".upload-").and_then(|name| name.strip_suffix(".json")) {
            Some(id) => has_parts(id),
            None => name.starts_with(".tmp."),
        };
        names.iter().filter(|name| left(name)).cloned().collect()
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the server until it takes connections; none where it ends instead.
fn serve(program: &PathBuf, folder: &TempDir, port: u16) -> Option<Child> {
    let mut child = Command::new(program)
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--access-key", "test", "--secret-key", "secret"])
        .arg(folder.path())
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("s3s-fs starts");
    listens(&mut child, port).then_some(child)
}
