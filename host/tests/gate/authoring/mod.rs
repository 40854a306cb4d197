//! A scientist writes a rule: from `sluice plugin new` to a verdict on an upload, in each language.
//!
//! A project that is built is kept in the target folder and shared by the tests, as long as `new` writes the same one.
//! Where a language's tools are not here its tests skip themselves, and say so.

mod commands;
mod docs;
mod languages;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::tools;

/// How a command of the program ended, and what it said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it printed, of a command that must succeed.
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The program, as an author runs it in a folder.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.current_dir(folder);
    surround(&mut command);
    command
}

/// Neither settings of whoever runs the tests take part, nor does a build of theirs.
fn surround(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("SLUICE_")) {
            command.env_remove(name);
        }
    }
    command.env("SLUICE_SANDBOX_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    // What one project's dependencies have cost, the next one's need not.
    command.env("CARGO_TARGET_DIR", shared().join("cargo"));
    command.stdin(Stdio::null());
}

fn sluice(folder: &Path, args: &[&str]) -> Said {
    said(command(folder).args(args))
}

fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the program runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Where built projects are kept.
fn shared() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Whether what builds plugins in a language is here; says so where it is not.
fn has_tools(lang: &str) -> bool {
    let tool = match lang {
        "python" => "componentize-py-0.25.1/bin/componentize-py",
        "javascript" => "componentize-js-0.22.0/node_modules/.bin/componentize-js",
        _ => return true,
    };
    let found = tools::cache().is_some_and(|cache| cache.join("guest-tools").join(tool).is_file());
    if !found {
        eprintln!("**** SKIPPED: there is no {tool}; run scripts/guest-tools ****");
    }
    found
}

/// A project as `new` writes it and `change` alters it, built. `name` is the plugin's, and the key to the shared folder.
fn project(name: &str, lang: &str, kind: &str, change: impl FnOnce(&Path)) -> PathBuf {
    let folder = shared().join(name);
    let lock = File::create(shared().join(format!("{name}.lock"))).expect("a lock");
    flock(&lock, FlockOperation::LockExclusive).expect("the lock");

    let fresh = tempfile::tempdir().expect("a folder");
    sluice(fresh.path(), &["plugin", "new", name, "--lang", lang, "--kind", kind]).ok();
    let fresh = fresh.path().join(name);
    change(&fresh);
    let component = folder.join(format!("{name}.wasm"));
    if !component.is_file() || files(&fresh) != files(&folder) {
        drop(std::fs::remove_dir_all(&folder));
        copy(&fresh, &folder);
        sluice(&folder, &["plugin", "build"]).ok();
        assert!(component.is_file(), "{}", component.display());
    }
    folder
}

/// What a person has written in a project; `build` makes the rest.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(&inner).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                folders.push(path);
            } else if name != "Cargo.lock" && path.extension().is_none_or(|extension| extension != "wasm") {
                let bytes = std::fs::read(&path).expect("a file");
                found.insert(path.strip_prefix(folder).expect("a file of the folder").to_owned(), bytes);
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// A copy of a built project, for a test to spoil.
fn own_copy(of: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let name = of.file_name().expect("a name");
    // The component last: it must not look older than its sources.
    let component = PathBuf::from(name).with_extension("wasm");
    copy(of, folder.path());
    std::fs::copy(of.join(&component), folder.path().join(&component)).expect("a copy");
    folder
}
