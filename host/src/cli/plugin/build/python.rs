//! Python: componentize-py puts the interpreter and the rule's modules into one component.

use std::process::Command;

use super::stage;
use super::tool::{Tool, run};
use crate::cli::plugin::embedded;
use crate::cli::plugin::project::Project;
use crate::cli::plugin::scratch::Scratch;
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::PluginKind;

/// The release that the SDK is tested with.
const VERSION: &str = "0.25.1";
/// The module that the component begins with.
const APP: &str = "sluice_app";

/// The commands that install the tool into a project.
pub(in crate::cli::plugin) fn install() -> Vec<String> {
    vec!["python3 -m venv .venv".to_owned(), format!(".venv/bin/pip install componentize-py=={VERSION}")]
}

/// The project's component.
pub(super) fn build(project: &Project, surroundings: &Surroundings) -> Result<Vec<u8>, Failure> {
    let tool = Tool {
        program: "componentize-py",
        version: VERSION,
        in_project: ".venv/bin",
        in_cache: "bin",
        install: install(),
    };
    let program = tool.find(&project.folder, surroundings)?;
    let module = format!("{}.py", project.entry.replace('.', "/"));
    if !project.folder.join(&module).is_file() {
        let message = format!(
            "{} has no {module}; name the module of the rule as `module` under [tool.sluice] in pyproject.toml",
            project.folder.display()
        );
        return Err(Failure::new(Exit::NotFound, message));
    }

    let scratch = Scratch::new(surroundings)?;
    let (app, wit) = (scratch.path().join("app"), scratch.path().join("wit"));
    let output = scratch.path().join("component.wasm");
    stage::copy(project, &app)?;
    let written = embedded::write_below("wit", &wit)
        .and_then(|()| match app.join("sluice_sdk").is_dir() {
            true => Ok(()),
            false => embedded::write_below("python", &app.join("sluice_sdk")),
        })
        .and_then(|()| embedded::write(&app.join(format!("{APP}.py")), &entry(project)));
    written.map_err(|error| Failure::file(format!("{} cannot be written", app.display()), &error))?;

    let world = match project.kind {
        PluginKind::Validator => "validator-plugin",
        PluginKind::Mover => "mover-plugin",
    };
    let mut command = Command::new(program);
    command.arg("--quiet").arg("-d").arg(&wit).args(["-w", world, "componentize", "-p"]).arg(&app);
    command.arg("-o").arg(&output).arg(APP).current_dir(scratch.path());
    let packages = project.folder.join(".venv");
    if project.has_dependencies && packages.is_dir() {
        command.env("VIRTUAL_ENV", packages);
    } else {
        command.env_remove("VIRTUAL_ENV");
    }
    run("componentize-py", &mut command)?;
    std::fs::read(&output).map_err(|error| Failure::file("componentize-py has left no component", &error))
}

/// The module that joins the rule to the contract.
fn entry(project: &Project) -> String {
    let exported = match project.kind {
        PluginKind::Validator => "Validator",
        PluginKind::Mover => "Mover",
    };
    format!(
        "from sluice_sdk.component import export\nimport {module} as rule\n\n\
         Plugin, {exported} = export(rule, kind={kind}, name={name}, version={version}, summary={summary})\n",
        module = project.entry,
        kind = quoted(project.kind.name()),
        name = quoted(&project.name),
        version = quoted(&project.version),
        summary = quoted(&project.summary),
    )
}

/// A text as both Python and JavaScript write one.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manifest_says_cannot_end_its_quotes() {
        assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\n""#);
    }
}
