//! What a call of a rule costs, by language, beside the same rule as native code; and what policies of many rules cost.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::bundle;
use crate::results::{Results, median};
use crate::server::{Server, Setup, program, scratch};

const CONFIG: &str = r#"{"transaction": {"submitter": {}, "project": {}, "instrument": {}}}"#;
/// Looks at every file, so that the document is gone through whole.
const EVERY_FILE: &str = r#"{"transaction": {"submitter": {}, "project": {}, "instrument": {}},
                             "file_keys": [{"keys": {"sample": {}}}]}"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn plugin(name: &str) -> anyhow::Result<PathBuf> {
    let file = program().ancestors().nth(2).context("a target folder")?.join("plugins").join(format!("{name}.wasm"));
    ensure!(file.exists(), "{} is not there; run `make build`", file.display());
    Ok(file)
}

/// One call in a fresh instance, as `sluice plugin bench` measures it.
fn call(component: &Path, bundle: &Path, config: &str, runs: u32) -> anyhow::Result<Value> {
    let output = Command::new(program())
        .args(["plugin", "bench", "--json", "--runs", &runs.to_string(), "--config", config, "--bundle"])
        .args([bundle, component])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn figure(figures: &Value, pointer: &str) -> anyhow::Result<f64> {
    let value = figures.pointer(pointer).and_then(Value::as_f64);
    value.with_context(|| format!("{pointer} is not in {figures}"))
}

/// One call, three files and two thousand, and the latter in native code, turn by turn.
pub(crate) fn calls(results: &mut Results) -> anyhow::Result<()> {
    let component = plugin("required-keys")?;
    let small = call(&component, &root().join("test_data/metadata-last"), CONFIG, 2_000)?;
    for (name, pointer) in [("median", "/total/median_us"), ("p99", "/total/p99_us")] {
        results.add(&format!("rule: three files, one call, {name}"), figure(&small, pointer)?, "us");
    }
    let folder = scratch()?;
    let document = bundle::keyed(2_000);
    std::fs::write(folder.path().join("metadata.txt"), &document)?;
    std::fs::create_dir(folder.path().join("data"))?;
    let (mut guest, mut native) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        guest.push(figure(&call(&component, folder.path(), EVERY_FILE, 300)?, "/total/median_us")?);
        native.push(in_process(&folder.path().join("metadata.txt"), EVERY_FILE)?);
    }
    let (guest, native) = (median(&mut guest), median(&mut native));
    results.add("rule: 2,000 files, one call, median", guest, "us");
    results.add("rule: 2,000 files, native in-process, median", native, "us");
    results.add("rule: 2,000 files, times native (at most 3)", guest / native, "x");
    Ok(())
}

/// The same rule, compiled for this machine: an example of the plugin's own crate.
fn in_process(document: &Path, config: &str) -> anyhow::Result<f64> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--locked", "--release", "-p", "required-keys", "--example", "native"])
        .arg("--manifest-path")
        .arg(root().join("plugins/Cargo.toml"))
        .arg("--target-dir")
        .arg(program().ancestors().nth(2).context("a target folder")?.join("guests-native"))
        .arg("--")
        .args([document.as_os_str(), config.as_ref(), "300".as_ref()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// The time of the task in which the rules judge, for policies of one, ten and fifty rules, and of a document of 100,000
/// rows.
pub(crate) async fn policies(results: &mut Results) -> anyhow::Result<()> {
    for rules in [1, 10, 50] {
        let server = Server::start(Setup { rules, ..Setup::default() }).await?;
        let mut took = Vec::new();
        for turn in 0..60 {
            let job = server.upload(bundle::bundle(3, 1_024, turn)).await?;
            took.push(server.task(job.id, "Policy Validation").await? * 1e3);
        }
        results.add(&format!("policy: {rules} rules, three files, median"), median(&mut took), "ms");
        server.stop().await?;
    }
    let server = Server::start(Setup { rules: 1, ..Setup::default() }).await?;
    let (mut whole, mut judged) = (Vec::new(), Vec::new());
    for turn in 0..3 {
        let job = server.upload(bundle::wide(100_000, turn)).await?;
        whole.push(job.done * 1e3);
        judged.push(server.task(job.id, "Policy Validation").await? * 1e3);
    }
    results.add("policy: metadata of 100,000 rows, whole job", median(&mut whole), "ms");
    results.add("policy: metadata of 100,000 rows, one rule", median(&mut judged), "ms");
    server.stop().await
}

/// A policy of so many rules, all of which judge every upload.
pub(crate) fn policy(rules: usize) -> String {
    let config: Value = serde_json::from_str(CONFIG).expect("it is JSON");
    let rule = |number: usize| json!({"name": format!("keys-{number}"), "plugin": "required-keys", "config": config});
    json!({"rules": (0..rules).map(rule).collect::<Vec<_>>()}).to_string()
}
