//! JavaScript: componentize-js puts StarlingMonkey and the rule's modules into one component.
//!
//! A component with QuickJS (componentize-qjs) would be a tenth of the size, and is no choice yet: up to 0.4.5 it lets go
//! of the bundle that it was lent only after its answer, and every call ends in "borrow handles still remain".

use std::path::Path;
use std::process::Command;

use super::python::quoted;
use super::stage;
use super::tool::{Tool, run};
use crate::cli::plugin::embedded;
use crate::cli::plugin::project::Project;
use crate::cli::plugin::scratch::Scratch;
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::PluginKind;

/// The release that the SDK is tested with.
pub(in crate::cli::plugin) const VERSION: &str = "0.22.0";
/// The package that has the tool.
const PACKAGE: &str = "@bytecodealliance/componentize-js";
/// The module that the component begins with.
const APP: &str = "sluice-app.js";
/// The SDK's module that imports what only validators may. An older SDK in a project has none.
const LOOKUPS: &str = "component-lookup.js";

/// The commands that install the tool into a project.
pub(in crate::cli::plugin) fn install() -> Vec<String> {
    vec![format!("npm install --save-dev --save-exact {PACKAGE}@{VERSION}")]
}

/// The project's component.
pub(super) fn build(project: &Project, surroundings: &Surroundings) -> Result<Vec<u8>, Failure> {
    let tool = Tool {
        program: "componentize-js",
        version: VERSION,
        in_project: "node_modules/.bin",
        in_cache: "node_modules/.bin",
        install: install(),
    };
    let program = tool.find(&project.folder, surroundings)?;
    if !project.folder.join(&project.entry).is_file() {
        let message = format!(
            "{} has no {}; name the module of the rule as `main` in package.json",
            project.folder.display(),
            project.entry
        );
        return Err(Failure::new(Exit::NotFound, message));
    }

    let scratch = Scratch::new(surroundings)?;
    let (app, wit) = (scratch.path().join("app"), scratch.path().join("wit"));
    let output = scratch.path().join("component.wasm");
    stage::copy(project, &app)?;
    if project.has_dependencies {
        copy_packages(&project.folder.join("node_modules"), &app.join("node_modules"))?;
    }
    let written = embedded::write_below("wit", &wit)
        .and_then(|()| match app.join("sluice-sdk").is_dir() {
            true => Ok(()),
            false => embedded::write_below("javascript", &app.join("sluice-sdk")),
        })
        .and_then(|()| {
            embedded::write(&app.join(APP), &entry(project, app.join("sluice-sdk").join(LOOKUPS).is_file()))
        });
    written.map_err(|error| Failure::file(format!("{} cannot be written", app.display()), &error))?;

    let world = match project.kind {
        PluginKind::Validator => "validator-plugin",
        PluginKind::Mover => "mover-plugin",
    };
    let mut command = Command::new(program);
    command.arg(APP).arg("--wit").arg(&wit).args(["--world-name", world]);
    // Rules are given no network. Clocks and randomness stay: the gate answers them the same for the same job.
    command.args(["--disable", "http", "--disable", "fetch-event", "--out"]).arg(&output).current_dir(&app);
    run("componentize-js", &mut command)?;
    std::fs::read(&output).map_err(|error| Failure::file("componentize-js has left no component", &error))
}

/// The packages that a rule may import, without those that only build it.
fn copy_packages(from: &Path, to: &Path) -> Result<(), Failure> {
    let wanted = |name: &str| !matches!(name, ".bin" | ".package-lock.json" | "@bytecodealliance");
    stage::copy_folder(from, to, &wanted)
        .map_err(|error| Failure::file(format!("{} cannot be copied; run `npm install` first", from.display()), &error))
}

/// The module that joins the rule to the contract.
fn entry(project: &Project, has_lookups: bool) -> String {
    let exported = match project.kind {
        PluginKind::Validator => "validator",
        PluginKind::Mover => "mover",
    };
    let lookups = match project.kind {
        PluginKind::Validator if has_lookups => format!("import \"./sluice-sdk/{LOOKUPS}\";\n"),
        _ => String::new(),
    };
    format!(
        "{lookups}import {{ component }} from \"./sluice-sdk/component.js\";\nimport * as rule from {module};\n\n\
         export const {{ plugin, {exported} }} = component(rule, {{ kind: {kind}, name: {name}, version: {version}, \
         summary: {summary} }});\n",
        module = quoted(&format!("./{}", project.entry.trim_start_matches("./"))),
        kind = quoted(project.kind.name()),
        name = quoted(&project.name),
        version = quoted(&project.version),
        summary = quoted(&project.summary),
    )
}
