//! The pages for authors: every command in them is run.

use std::path::Path;
use std::process::Command;

use super::{has_tools, said, surround};

/// Blocks of a kind (```` ```sh ````) in a page.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```{kind}\n");
    let parts = page.split(&fence).skip(1);
    parts.map(|rest| rest.split_once("```").expect("a block ends").0).collect()
}

/// Runs the commands of a page, one after the other, in an empty folder. What installs tools is said in blocks of another
/// kind, and only compared with what the program says of it: the set-up of the tests has installed them.
fn run_page(name: &str, lang: &str) {
    if !has_tools(lang) {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authors").join(name);
    let page = std::fs::read_to_string(&path).expect("the page");
    let commands = blocks(&page, "sh").concat();
    assert!(commands.contains("sluice plugin"), "{commands}");
    let folder = tempfile::tempdir().expect("a folder");
    let program = Path::new(env!("CARGO_BIN_EXE_sluice")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("PATH"));
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &commands]).current_dir(folder.path());
    surround(&mut bash);
    let ran = said(bash.env("PATH", path));
    assert_eq!(ran.code, 0, "{commands}\n{}\n{}", ran.out, ran.err);
    for install in blocks(&page, "console").concat().lines() {
        assert!(ran.out.contains(install.trim()), "{install} is not what the program says: {}", ran.out);
    }
}

#[test]
fn the_first_rule_in_rust_is_as_the_page_says() {
    run_page("first-rule-rust.md", "rust");
}

#[test]
fn the_first_rule_in_python_is_as_the_page_says() {
    run_page("first-rule-python.md", "python");
}

#[test]
fn the_first_rule_in_javascript_is_as_the_page_says() {
    run_page("first-rule-javascript.md", "javascript");
}

#[test]
fn testing_and_shipping_is_as_the_page_says() {
    run_page("testing.md", "rust");
}
