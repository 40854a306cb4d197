//! What the commands promise, whatever the language; seen with Rust, whose tools are always here.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use super::languages::tar;
use super::{Said, command, has_tools, own_copy, project, said, sluice};
use crate::wait::{PATIENCE, until_blocking};

fn tables() -> PathBuf {
    project("tables-rust", "rust", "validator", |_| {})
}

#[test]
fn a_difference_is_shown_and_an_update_accepts_it() {
    let folder = own_copy(&tables());
    let expected = folder.path().join("examples/fail/findings.json");
    let text = std::fs::read_to_string(&expected).unwrap();
    std::fs::write(&expected, text.replace("key-missing", "key-lost")).unwrap();
    let test = |args: &[&str]| sluice(folder.path(), &[&["plugin", "test", "tables-rust.wasm"], args].concat());

    let said = test(&[]);
    assert_eq!(said.code, 1, "{}", said.out);
    for line in ["- error key-lost", "+ error key-missing", "1 as expected, 1 not"] {
        assert!(said.out.contains(line), "{line} in {}", said.out);
    }
    assert_eq!(test(&["--update"]).code, 0);
    assert!(std::fs::read_to_string(&expected).unwrap().contains("\"key-missing\""));
    assert_eq!(test(&[]).code, 0);

    std::fs::remove_file(&expected).unwrap();
    let said = test(&[]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("--update writes findings.json"), "{}", said.out);
}

#[test]
fn any_bundle_can_be_tried_be_it_a_folder_or_a_tar() {
    let folder = tables();
    let outside = tempfile::tempdir().unwrap();
    let bundle = outside.path().join("bundle.tar");
    std::fs::write(&bundle, tar(&folder.join("examples/fail"))).unwrap();
    let config = folder.join("examples/config.json");
    let try_on = |bundle: &Path| {
        let args =
            ["plugin", "test", "--bundle", bundle.to_str().unwrap(), "--config", config.to_str().unwrap(), "--json"];
        sluice(&folder, &args)
    };
    let of_tar = try_on(&bundle);
    assert_eq!(of_tar.code, 0, "{}{}", of_tar.out, of_tar.err);
    let of_folder = try_on(&folder.join("examples/fail"));
    let findings = |said: &Said| said.json()["examples"][0]["findings"].clone();
    // Contents are at hand in both: one finding is about them.
    assert_eq!(findings(&of_tar)[1]["code"], "columns-missing");
    assert_eq!(findings(&of_tar), findings(&of_folder));

    std::fs::write(&bundle, "this is no tar").unwrap();
    let said = try_on(&bundle);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("is no bundle"), "{}", said.err);
}

#[test]
fn figures_tell_instantiation_and_call_apart() {
    let folder = tables();
    let args = ["plugin", "bench", "tables-rust.wasm", "--bundle", "examples/pass", "--config", "examples/config.json"];
    let figures = sluice(&folder, &[&args[..], &["--runs", "20", "--json"]].concat()).json();
    let figure = |name: &str, part: &str| figures[name][part].as_f64().unwrap_or_else(|| panic!("{name} in {figures}"));
    for name in ["instantiate", "call", "total"] {
        assert!(0.0 < figure(name, "median_us") && figure(name, "median_us") <= figure(name, "p99_us"), "{figures}");
    }
    assert!(figures["peak_memory_bytes"].as_u64().is_some_and(|bytes| bytes >= 65_536), "{figures}");
    assert!(sluice(&folder, &args).ok().contains("MEDIAN"));
}

#[test]
fn a_change_is_seen_and_tested() {
    let folder = own_copy(&tables());
    let mut watch = command(folder.path())
        .args(["plugin", "test", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let (sender, lines) = channel();
    let out = BufReader::new(watch.stdout.take().expect("a pipe"));
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let comes =
        |wanted: &str| until_blocking(4 * PATIENCE, || lines.try_iter().find(|line| line.contains(wanted))).is_some();
    let first = comes("2 as expected, 0 not");
    std::fs::write(folder.path().join("examples/pass/metadata.txt"), "[]").unwrap();
    let second = comes("1 as expected, 1 not");
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(first && second, "{first} {second}");
}

#[test]
fn what_is_there_is_not_overwritten_and_a_bad_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let new = |name: &str| sluice(folder.path(), &["plugin", "new", name, "--lang", "python"]);
    new("one").ok();
    let again = new("one");
    assert_eq!(again.code, 4, "{}", again.err);
    assert!(again.err.contains("is there already"), "{}", again.err);
    assert_eq!(new("Not A Name").code, 2);
}

#[test]
fn a_tool_that_is_missing_is_named_with_how_to_install_it() {
    let folder = tempfile::tempdir().unwrap();
    for (lang, install) in [("python", "pip install componentize-py=="), ("javascript", "npm install --save-dev")] {
        sluice(folder.path(), &["plugin", "new", lang, "--lang", lang]).ok();
        let mut build = command(&folder.path().join(lang));
        let said = said(build.args(["plugin", "build"]).env("XDG_CACHE_HOME", folder.path()).env("PATH", "/nowhere"));
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains(install), "{}", said.err);
    }
}

#[test]
fn the_shipped_examples_do_what_they_say() {
    for (name, lang) in [("instrument-header", "python"), ("naming-convention", "javascript")] {
        if !has_tools(lang) {
            continue;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(name);
        let said = sluice(&folder, &["plugin", "test", "--json"]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert_eq!(said.json()["passed"], 4, "{}", said.out);
        // The README's configuration is one, and does something.
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let (_, toml) = readme.split_once("```toml\n").expect("a configuration");
        let policy: Value = toml::from_str(toml.split_once("```").expect("its end").0).expect("TOML");
        let config = policy["rules"][0]["config"].to_string();
        let said =
            sluice(&folder, &["plugin", "test", "--config", &config, "--bundle", "examples/another-sample", "--json"]);
        assert_eq!(said.json()["examples"][0]["outcome"], json!("rejected"), "{}{}", said.out, said.err);
    }
}

/// What it carries besides its own few kilobytes, every rule in Rust does that reads patterns: it grows with the SDK.
#[test]
fn the_most_used_rule_stays_small() {
    let plugins = crate::site::plugin_folders();
    let component = plugins.iter().map(|folder| folder.join("required-keys.wasm")).find(|path| path.is_file());
    let bytes = component.expect("it is built").metadata().unwrap().len();
    assert!(bytes < 200 * 1024, "required-keys.wasm has {bytes} bytes");
}

#[test]
fn the_sdks_own_tests_pass() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    for (sdk, program, args) in [
        ("sdk-python", "python3", &["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "tests"][..]),
        ("sdk-javascript", "node", &["--test", "tests/"][..]),
    ] {
        match Command::new(program).args(args).current_dir(plugins.join(sdk)).output() {
            Ok(output) => assert!(
                output.status.success(),
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(_) => eprintln!("**** SKIPPED: there is no {program}, which the tests of {sdk} need ****"),
        }
    }
}
