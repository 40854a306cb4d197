//! Rust: cargo for wasm32-unknown-unknown, then a component of the module, in this process.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::plugin::componentize::componentize;
use crate::cli::plugin::embedded;
use crate::cli::plugin::project::Project;
use crate::cli::{Exit, Failure};

const TARGET: &str = "wasm32-unknown-unknown";

/// Has the script make sure of a compiler, as `scripts/guest-cargo` does, and runs cargo with it.
const WITH_COMPILER: &str = r#"selection=$(bash -c "$0" wasm-target) || exit 101; eval "$selection"; exec cargo "$@""#;

/// The project's component.
pub(super) fn build(project: &Project) -> Result<Vec<u8>, Failure> {
    let module = compile(project)?;
    let bytes = std::fs::read(&module)
        .map_err(|error| Failure::file(format!("{} cannot be read", module.display()), &error))?;
    componentize(&bytes).map_err(|why| {
        Failure::new(
            Exit::Failed,
            format!(
                "{} becomes no component: {why}; the crate needs `sluice_sdk::validator!(…)` or `mover!(…)`",
                module.display()
            ),
        )
    })
}

/// Compiles the crate, and answers where its module lies.
fn compile(project: &Project) -> Result<PathBuf, Failure> {
    let failed = |message: String| Failure::new(Exit::Failed, message);
    let mut cargo = Command::new("bash");
    cargo.args(["-c", WITH_COMPILER, embedded::file("wasm-target")]);
    cargo.args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    cargo.current_dir(&project.folder).stdin(Stdio::null()).stdout(Stdio::piped());
    // Panics name source files. The same source must make the same component, wherever it lies.
    cargo.arg("--config").arg(format!(
        "target.{TARGET}.rustflags = [{:?}]",
        format!("--remap-path-prefix={}=/{}", project.folder.display(), project.name)
    ));
    let mut child = cargo
        .spawn()
        .map_err(|error| Failure::file("bash, which runs cargo with the right compiler, cannot be started", &error))?;
    let mut module = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            module = module_in(&line, &project.name).or(module);
        }
    }
    let status = child.wait().map_err(|error| Failure::file("cargo cannot be waited for", &error))?;
    if !status.success() {
        return Err(failed(format!("cargo failed ({status}); what it said is above")));
    }
    module.ok_or_else(|| {
        failed(format!(
            "cargo built no module of {}: its Cargo.toml needs\n\n    [lib]\n    crate-type = [\"cdylib\", \"rlib\"]\n",
            project.name
        ))
    })
}

/// The module that a line of cargo's tells of, where it is the one of this crate.
fn module_in(line: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let crate_name = message["target"]["name"].as_str()?;
    if message["reason"] != "compiler-artifact" || crate_name.replace('-', "_") != name.replace('-', "_") {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_found_in_what_cargo_says() {
        let line = r#"{"reason": "compiler-artifact", "target": {"name": "a_rule", "kind": ["cdylib", "rlib"]},
            "filenames": ["/t/liba_rule.rlib", "/t/a_rule.wasm"]}"#;
        assert_eq!(module_in(line, "a-rule"), Some(PathBuf::from("/t/a_rule.wasm")));
        assert_eq!(module_in(line, "another"), None);
        assert_eq!(module_in("warning: not JSON", "a-rule"), None);
    }
}
