//! A plugin's project: its language, and what its manifest says the plugin is.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;

use crate::cli::{Exit, Failure};
use crate::plugin::PluginKind;

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
    Python,
    #[value(name = "javascript", alias = "js")]
    JavaScript,
}

impl Language {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::JavaScript];

    /// The name on the command line, and of the folders that belong to it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    /// The file that says what the plugin is called.
    pub(super) const fn manifest(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "pyproject.toml",
            Self::JavaScript => "package.json",
        }
    }
}

/// A plugin's project.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) folder: PathBuf,
    pub(super) language: Language,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) summary: String,
    /// What it exports. For Rust the code says so, and this is of no interest.
    pub(super) kind: PluginKind,
    /// The module with the rule, for the languages that need to be told.
    pub(super) entry: String,
    /// Whether packages of others are used.
    pub(super) has_dependencies: bool,
}

/// `pyproject.toml`, as far as it concerns us.
#[derive(Deserialize)]
struct PyProject {
    project: PyProjectTable,
    #[serde(default)]
    tool: PyTools,
}

#[derive(Deserialize)]
struct PyProjectTable {
    name: String,
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Default, Deserialize)]
struct PyTools {
    #[serde(default)]
    sluice: ToolTable,
}

/// `[tool.sluice]` of `pyproject.toml`, or `sluice` of `package.json`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolTable {
    kind: Option<PluginKind>,
    module: Option<String>,
}

/// `package.json`, as far as it concerns us.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    description: String,
    main: Option<String>,
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    sluice: ToolTable,
}

/// `Cargo.toml`, as far as it concerns us. A version that the workspace gives is cargo's to find.
#[derive(Deserialize)]
struct CargoManifest {
    package: CargoPackage,
}

#[derive(Deserialize)]
struct CargoPackage {
    name: String,
}

impl Project {
    /// The project in this folder.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let found = Language::ALL.into_iter().find(|language| folder.join(language.manifest()).is_file());
        let Some(language) = found else {
            let manifests = Language::ALL.map(Language::manifest).join(", ");
            let message = format!(
                "{} is no plugin's project: it has none of {manifests}; start one with `sluice plugin new NAME --lang LANGUAGE`",
                folder.display()
            );
            return Err(Failure::new(Exit::NotFound, message));
        };
        let path = folder.join(language.manifest());
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))?;
        Self::read(folder, language, &text).map_err(|why| {
            Failure::new(Exit::Usage, format!("{} does not say what the plugin is: {}", path.display(), why.trim_end()))
        })
    }

    fn read(folder: &Path, language: Language, manifest: &str) -> Result<Self, String> {
        let folder = folder.to_owned();
        match language {
            Language::Rust => {
                let manifest: CargoManifest = toml::from_str(manifest).map_err(|error| error.to_string())?;
                Ok(Self {
                    folder,
                    language,
                    name: manifest.package.name,
                    version: String::new(),
                    summary: String::new(),
                    kind: PluginKind::Validator,
                    entry: String::new(),
                    has_dependencies: true,
                })
            }
            Language::Python => {
                let manifest: PyProject = toml::from_str(manifest).map_err(|error| error.to_string())?;
                Ok(Self {
                    folder,
                    language,
                    name: manifest.project.name,
                    version: manifest.project.version,
                    summary: manifest.project.description,
                    kind: manifest.tool.sluice.kind.unwrap_or(PluginKind::Validator),
                    entry: manifest.tool.sluice.module.unwrap_or_else(|| "rule".to_owned()),
                    has_dependencies: !manifest.project.dependencies.is_empty(),
                })
            }
            Language::JavaScript => {
                let manifest: Package = serde_json::from_str(manifest).map_err(|error| error.to_string())?;
                Ok(Self {
                    folder,
                    language,
                    name: manifest.name,
                    version: manifest.version,
                    summary: manifest.description,
                    kind: manifest.sluice.kind.unwrap_or(PluginKind::Validator),
                    entry: manifest.main.or(manifest.sluice.module).unwrap_or_else(|| "rule.js".to_owned()),
                    has_dependencies: !manifest.dependencies.is_empty(),
                })
            }
        }
    }

    /// Where the component lies unless it is said otherwise.
    pub(super) fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }
}

/// What is built or fetched, and no source, by the names of files and folders.
pub(super) fn is_made(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with(".wasm")
        || name.ends_with(".part")
        || matches!(name, "target" | "node_modules" | "__pycache__" | "venv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_manifest_says_what_the_plugin_is() {
        let read = |language, manifest| Project::read(Path::new("x"), language, manifest).unwrap();
        let rust = read(Language::Rust, "[package]\nname = \"a-rule\"\nversion.workspace = true\n");
        assert_eq!(rust.component(), Path::new("x/a-rule.wasm"));
        let python = read(
            Language::Python,
            "[project]\nname = \"b\"\nversion = \"1.0.0\"\ndescription = \"B.\"\n[tool.sluice]\nkind = \"mover\"\n",
        );
        assert_eq!((python.kind, python.entry.as_str(), python.summary.as_str()), (PluginKind::Mover, "rule", "B."));
        let script = read(Language::JavaScript, r#"{"name": "c", "version": "2.0.0", "main": "src/main.js"}"#);
        assert_eq!((script.kind, script.entry.as_str()), (PluginKind::Validator, "src/main.js"));
    }

    #[test]
    fn a_manifest_that_lacks_something_is_told_with_what_it_lacks() {
        let why = Project::read(Path::new("x"), Language::Python, "[project]\nname = \"b\"\n").unwrap_err();
        assert!(why.contains("version"), "{why}");
        let why = Project::read(
            Path::new("x"),
            Language::JavaScript,
            r#"{"name": "c", "version": "1", "sluice": {"knd": 1}}"#,
        )
        .unwrap_err();
        assert!(why.contains("knd"), "{why}");
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_project() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Project::open(folder.path()).unwrap_err();
        assert_eq!(failure.exit, Exit::NotFound);
        assert!(failure.message.contains("sluice plugin new"), "{}", failure.message);
    }
}
