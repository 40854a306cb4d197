//! One example: a bundle, its configuration, and what is expected of the plugin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::expected::Expected;
use super::outcome::Outcome;
use crate::cli::plugin::trial::{self, Sample};
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::{Granted, Limits, Plugin};

const CONFIG: &str = "config.json";
const FINDINGS: &str = "findings.json";
const LOOKUPS: &str = "lookups.json";

/// One example.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) name: String,
    path: PathBuf,
    /// Whether something must be expected of it; a bundle from anywhere is only looked at.
    is_own: bool,
}

impl Example {
    /// All examples of a project, by name.
    pub(super) fn all(project: &Path) -> Result<Vec<Self>, Failure> {
        let folder = project.join("examples");
        let entries = std::fs::read_dir(&folder).map_err(|error| {
            Failure::file(
                format!("the examples in {} cannot be read; name a bundle with --bundle", folder.display()),
                &error,
            )
        })?;
        let mut examples: Vec<Self> = entries
            .flatten()
            .filter(|entry| entry.path().join("metadata.txt").is_file())
            .map(|entry| Self {
                name: entry.file_name().to_string_lossy().into_owned(),
                path: entry.path(),
                is_own: true,
            })
            .collect();
        examples.sort_by(|one, other| one.name.cmp(&other.name));
        if examples.is_empty() {
            let message = format!("{} has no example: a folder with metadata.txt and data/", folder.display());
            return Err(Failure::new(Exit::NotFound, message));
        }
        Ok(examples)
    }

    /// A bundle from anywhere.
    pub(super) fn single(path: &Path) -> Self {
        Self { name: path.display().to_string(), path: path.to_owned(), is_own: false }
    }

    /// The configuration: its own, or the one of all examples; none of them is an empty one.
    fn config(&self) -> Result<Value, Failure> {
        self.find(CONFIG).map_or_else(|| Ok(json!({})), |path| trial::read_config_file(&path))
    }

    /// What is granted to it: besides what is given to all, the answers to lookups that lie beside it or the examples,
    /// unless others are given.
    fn granted(&self, given: &Granted) -> Result<Granted, Failure> {
        let mut granted = given.clone();
        if granted.lookup.is_none() {
            granted.lookup = self.find(LOOKUPS).map(|path| trial::read_lookups(&path)).transpose()?;
        }
        Ok(granted)
    }

    /// A file of the example, or the one of all examples.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let own = self.path.join(name);
        let common = self.path.parent().map(|folder| folder.join(name)).filter(|_| self.is_own);
        [Some(own), common].into_iter().flatten().find(|path| path.is_file())
    }

    /// Runs the plugin on it.
    pub(super) async fn run(
        &self,
        plugin: &Arc<Plugin>,
        config: Option<&Value>,
        granted: &Granted,
        limits: Limits,
        update: bool,
        surroundings: &Surroundings,
    ) -> Result<Outcome, Failure> {
        let sample = Sample::open(&self.path, surroundings)?;
        let config = config.map_or_else(|| self.config(), |config| Ok(config.clone()))?;
        let config = trial::check_config(plugin, &config)
            .await
            .map_err(|failure| Failure { message: format!("{}: {}", self.name, failure.message), ..failure })?;
        let judged = trial::judge(plugin, &sample, config, self.granted(granted)?, limits).await;
        let path = self.path.join(FINDINGS);
        if update && self.path.is_dir() {
            Expected::of(&judged.verdict).write(&path)?;
        }
        let expected = Expected::read(&path)?;
        let differences = match &expected {
            Some(expected) => expected.differences(&judged.verdict),
            None if self.is_own => vec![format!("nothing is expected of it yet; --update writes {FINDINGS}")],
            None => Vec::new(),
        };
        Ok(Outcome {
            name: self.name.clone(),
            is_expected: expected.is_some(),
            verdict: judged.verdict,
            differences,
            duration: judged.duration,
            remarks: sample.remarks.clone(),
            lookups: judged.lookups,
        })
    }
}
