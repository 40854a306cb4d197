//! `sluice plugin new`: a project that builds at once and wants nothing from this repository.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::embedded;
use super::project::Language;
use crate::cli::print::Printer;
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::PluginKind;

#[derive(Args)]
pub(in crate::cli) struct New {
    /// The plugin's name, in kebab case; the folder is called so as well
    #[arg(value_parser = name)]
    name: String,
    /// What it is to be written in
    #[arg(long)]
    lang: Language,
    /// What it is for: a validator judges bundles, a mover says where files go
    #[arg(long, default_value = "validator", value_parser = kind)]
    kind: PluginKind,
}

/// A name that is good for a crate, a Python project, an npm package and a file.
fn name(text: &str) -> Result<String, String> {
    let is_letter = |letter: char| letter.is_ascii_lowercase();
    let good = text.starts_with(is_letter)
        && text.split('-').all(|part| !part.is_empty() && part.chars().all(|c| is_letter(c) || c.is_ascii_digit()));
    match text {
        "sluice-sdk" | "test" | "core" | "std" | "alloc" | "node-modules" => Err("that name is taken".to_owned()),
        _ if !good => {
            Err("a plugin's name has lower-case letters, digits and single hyphens, as in sample-name".to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}

fn kind(text: &str) -> Result<PluginKind, String> {
    let kinds = [PluginKind::Validator, PluginKind::Mover];
    kinds.into_iter().find(|kind| kind.name() == text).ok_or_else(|| "validator or mover".to_owned())
}

impl New {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let folder = surroundings.folder.join(&self.name);
        if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
            let message = format!("{} is there already; choose another name, or remove it", folder.display());
            return Err(Failure::new(Exit::Refused, message));
        }
        self.write(&folder)
            .map_err(|error| Failure::file(format!("{} cannot be written", folder.display()), &error))?;
        if printer.json {
            printer.document(&json!({
                "folder": folder, "name": self.name, "language": self.lang.name(), "kind": self.kind,
            }))?;
        } else {
            printer.text(&format!(
                "{name}/ has a {kind} in {lang}: read {name}/README.md, then\n\n    cd {name}\n{tools}    sluice plugin build\n    sluice plugin test",
                name = self.name,
                kind = self.kind.name(),
                lang = self.lang.name(),
                tools = tools(self.lang).map(|command| format!("    {command}\n")).collect::<String>(),
            ))?;
        }
        Ok(Exit::Done)
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let lang = self.lang.name();
        let own = [format!("templates/{lang}/common"), format!("templates/{lang}/{}", self.kind.name())];
        for (name, text) in own.iter().flat_map(|part| embedded::below(part)) {
            // A file of that name would have git ignore the template's own.
            let name = if name == "gitignore" { ".gitignore" } else { name };
            embedded::write(&folder.join(name), &self.filled(text))?;
        }
        embedded::write_below(&format!("templates/examples/{}", self.kind.name()), &folder.join("examples"))?;
        match self.lang {
            Language::Rust => write_rust_sdk(folder),
            Language::Python => embedded::write_below("python", &folder.join("sluice_sdk")),
            Language::JavaScript => embedded::write_below("javascript", &folder.join("sluice-sdk")),
        }
    }

    fn filled(&self, template: &str) -> String {
        let tools: Vec<String> = tools(self.lang).collect();
        template
            .replace("{{name}}", &self.name)
            .replace("{{crate}}", &self.name.replace('-', "_"))
            .replace("{{kind}}", self.kind.name())
            .replace("{{tools}}", &tools.join("\n    "))
            .replace("{{componentize-js}}", super::build::COMPONENTIZE_JS)
    }
}

/// The commands that install what builds a plugin in this language, for a person to type.
fn tools(language: Language) -> impl Iterator<Item = String> {
    match language {
        Language::Rust => Vec::new(),
        Language::Python => super::build::python_tools(),
        Language::JavaScript => super::build::javascript_tools(),
    }
    .into_iter()
}

/// The Rust SDK as a folder of its own: what it takes from its workspace here is spelled out there, and the lock file
/// names the releases that it was tested with.
fn write_rust_sdk(folder: &Path) -> io::Result<()> {
    let sdk: PathBuf = folder.join("sluice-sdk");
    embedded::write_below("rust", &sdk)?;
    let manifest = standalone(embedded::file("rust/Cargo.toml"), embedded::file("plugins/Cargo.toml"))
        .map_err(|error| io::Error::other(format!("the SDK's manifest: {error}")))?;
    embedded::write(&sdk.join("Cargo.toml"), &manifest)?;
    embedded::write(&folder.join("Cargo.lock"), embedded::file("plugins/Cargo.lock"))
}

/// A manifest with everything in it that it has from its workspace.
fn standalone(manifest: &str, workspace: &str) -> Result<String, toml::de::Error> {
    let mut manifest: toml::Table = toml::from_str(manifest)?;
    let workspace: toml::Table = toml::from_str(workspace)?;
    let workspace = workspace.get("workspace").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let given = |table: &str| workspace.get(table).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    manifest.remove("lints");
    inherit(&mut manifest, "package", &given("package"));
    let dependencies = given("dependencies");
    inherit(&mut manifest, "dependencies", &dependencies);
    if let Some(targets) = manifest.get_mut("target").and_then(toml::Value::as_table_mut) {
        for (_, target) in targets.iter_mut() {
            if let Some(target) = target.as_table_mut() {
                inherit(target, "dependencies", &dependencies);
            }
        }
    }
    Ok(manifest.to_string())
}

/// Puts the workspace's value in the place of every `KEY.workspace = true`.
fn inherit(manifest: &mut toml::Table, table: &str, given: &toml::Table) {
    let Some(entries) = manifest.get_mut(table).and_then(toml::Value::as_table_mut) else { return };
    for (key, value) in entries.iter_mut() {
        let inherits = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        if let Some(given) = given.get(key).filter(|_| inherits) {
            *value = given.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kebab_case_and_not_taken() {
        for good in ["a", "sample-name", "x2-3d"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", "A", "2x", "a--b", "a-", "-a", "a_b", "a/b", "sluice-sdk", "é"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sdks_manifest_stands_alone() {
        let manifest = standalone(embedded::file("rust/Cargo.toml"), embedded::file("plugins/Cargo.toml")).unwrap();
        assert!(!manifest.contains("workspace"), "{manifest}");
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("sluice-sdk"));
        assert!(manifest["package"]["version"].is_str());
        assert!(manifest["dependencies"]["serde"]["features"].is_array(), "{manifest}");
    }

    #[test]
    fn no_placeholder_is_left_in_any_template() {
        for lang in Language::ALL {
            for kind in [PluginKind::Validator, PluginKind::Mover] {
                let folder = tempfile::tempdir().unwrap();
                let new = New { name: "a-rule".to_owned(), lang, kind };
                new.write(folder.path()).unwrap();
                for file in ["README.md", lang.manifest()] {
                    let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
                    assert!(text.contains("a-rule") && !text.contains("{{"), "{text}");
                }
                for example in ["pass", "fail"] {
                    let example = folder.path().join("examples").join(example);
                    for part in ["metadata.txt", "data", "findings.json"] {
                        assert!(example.join(part).exists(), "{} lacks {part}", example.display());
                    }
                }
            }
        }
    }
}
