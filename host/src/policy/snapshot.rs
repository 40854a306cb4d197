//! A revision whose plugins are at hand.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::document::{PolicyDocument, Rule};
use super::grants::Grants;
use super::scope::Scope;
use super::tables::Tables;
use crate::model::{Digest, HashKind, Revision, TableName, shortened};
use crate::plugin::{Pace, Plugin, PluginKind, Registry};

/// A rule as a revision keeps it: with the digest its plugin's name stood for when the revision was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRule {
    #[serde(flatten)]
    pub(super) rule: Rule,
    pub(super) digest: String,
}

/// A rule that can be run.
#[derive(Clone, Debug)]
pub struct ActiveRule {
    /// What the admin wrote.
    pub rule: Rule,
    /// The plugin behind it.
    pub plugin: Arc<Plugin>,
    /// The configuration, as the plugin is given it.
    pub config: Arc<str>,
    /// `sha256:` and the digest of that configuration.
    pub config_digest: String,
    /// What it may reach beyond the bundle.
    pub grants: Grants,
    /// How long its calls take.
    pub pace: Pace,
    pub(super) scope: Scope,
}

/// A revision of the policy that can be run. Immutable: a job keeps the one its validation began with, and the code
/// of an old one is freed when its last job is done.
#[derive(Debug)]
pub struct Snapshot {
    /// The revision; none while it is a candidate.
    pub revision: Option<Revision>,
    /// The rules, in order.
    pub rules: Vec<ActiveRule>,
}

impl Snapshot {
    /// Checks a document whole: that its plugins are there, that each configuration passes the plugin's schema and its
    /// own `check-config`, that limits and scopes make sense. The error lists every mistake.
    pub(super) async fn check(
        document: &PolicyDocument,
        registry: &Registry,
        tables: &Tables,
    ) -> Result<Self, Vec<String>> {
        let mut mistakes = document.mistakes();
        let mut rules = Vec::new();
        for rule in &document.rules {
            let found = match document.digests.get(&rule.name) {
                Some(digest) => registry.get_as(digest, &rule.plugin).await,
                None => match registry.resolve(&rule.plugin).await {
                    Ok(digest) => registry.get(&digest).await,
                    Err(error) => Err(error),
                },
            };
            let plugin = match found {
                Ok(plugin) => plugin,
                Err(error) => {
                    mistakes.push(rule.mistake(&shortened(format_args!("{error:#}"))));
                    continue;
                }
            };
            let (rule_mistakes, active) = activate(rule.clone(), plugin).await;
            mistakes.extend(rule_mistakes.into_iter().map(|mistake| rule.mistake(&mistake)));
            rules.extend(active);
        }
        mistakes.extend(ungrantable(document, tables).await);
        if mistakes.is_empty() { Ok(Self { revision: None, rules }) } else { Err(mistakes) }
    }

    /// Takes up a revision that was checked when it was made.
    pub(super) async fn load(revision: Revision, rules: &str, registry: &Registry) -> anyhow::Result<Self> {
        let kept: Vec<KeptRule> = serde_json::from_str(rules)?;
        let mut rules = Vec::with_capacity(kept.len());
        for KeptRule { rule, digest } in kept {
            let plugin = registry.get(&digest).await?;
            rules.push(ActiveRule::new(rule, plugin)?);
        }
        Ok(Self { revision: Some(revision), rules })
    }

    /// The rules as a revision keeps them: JSON without spaces.
    pub(super) fn kept(&self) -> serde_json::Result<String> {
        let keep =
            |active: &ActiveRule| KeptRule { rule: active.rule.clone(), digest: active.plugin.info().digest.clone() };
        serde_json::to_string(&self.rules.iter().map(keep).collect::<Vec<_>>())
    }

    /// The document that would make the same snapshot again, with the very same plugins.
    pub fn document(&self) -> PolicyDocument {
        PolicyDocument {
            rules: self.rules.iter().map(|active| active.rule.clone()).collect(),
            message: None,
            digests: self
                .rules
                .iter()
                .map(|active| (active.rule.name.clone(), active.plugin.info().digest.clone()))
                .collect(),
        }
    }

    /// The tables that its rules are granted.
    pub(super) fn tables(&self) -> Vec<TableName> {
        self.rules.iter().flat_map(|active| active.grants.tables.iter().cloned()).collect()
    }

    /// The digests of its plugins.
    pub(super) fn digests(&self) -> Vec<String> {
        self.rules.iter().map(|active| active.plugin.info().digest.clone()).collect()
    }
}

impl ActiveRule {
    fn new(rule: Rule, plugin: Arc<Plugin>) -> anyhow::Result<Self> {
        let config = rule.config.to_string();
        Ok(Self {
            config_digest: Digest::of(HashKind::Sha256, config.as_bytes()).to_string(),
            grants: Grants::parse(&rule.grants).map_err(|mistakes| anyhow::anyhow!(mistakes.join("; ")))?,
            scope: Scope::new(&rule.when).map_err(anyhow::Error::msg)?,
            pace: Pace::default(),
            config: Arc::from(config),
            rule,
            plugin,
        })
    }
}

/// The tables that rules are granted and that are not there.
async fn ungrantable(document: &PolicyDocument, tables: &Tables) -> Vec<String> {
    let mut mistakes = Vec::new();
    for rule in &document.rules {
        for name in Grants::parse(&rule.grants).unwrap_or_default().tables {
            let known = match tables.has(&name).await {
                Ok(true) => continue,
                Ok(false) => tables.names().await,
                Err(error) => Err(error),
            };
            let what = match known {
                Ok(known) => {
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    format!("there is no table {name}; known are: {known}; `sluice table put {name} FILE` loads one")
                }
                Err(error) => format!("the table {name} cannot be looked for: {error}"),
            };
            mistakes.push(rule.mistake(&format!("grants.tables: {what}")));
        }
    }
    mistakes
}

async fn activate(rule: Rule, plugin: Arc<Plugin>) -> (Vec<String>, Option<ActiveRule>) {
    let mut mistakes = config_mistakes(&plugin, &rule.config).await;
    match ActiveRule::new(rule, plugin) {
        Ok(active) => {
            if active.grants.lookup.is_some() && active.plugin.info().kind == PluginKind::Mover {
                mistakes.push("grants.lookup: its plugin is a mover, and only validators look things up".to_owned());
            }
            (mistakes, Some(active))
        }
        // A glob or a grant that is none, which the document's own check names already.
        Err(_) => (mistakes, None),
    }
}

/// What is wrong with a configuration: by the plugin's schema, and where that has nothing to say, by the plugin's own look.
pub async fn config_mistakes(plugin: &Arc<Plugin>, config: &serde_json::Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    let schema = &plugin.info().config_schema;
    match jsonschema::validator_for(schema) {
        Ok(validator) => {
            for error in validator.iter_errors(config) {
                let place = error.instance_path().to_string();
                mistakes.push(shortened(format_args!("config{place}: {error}")));
            }
        }
        Err(error) => mistakes.push(format!("the plugin's own schema of its configuration is none: {error}")),
    }
    // The plugin's own look assumes what the schema promises.
    if mistakes.is_empty() {
        match plugin.check_config(Arc::from(config.to_string())).await {
            Ok(Ok(())) => {}
            Ok(Err(said)) => {
                mistakes.extend(said.into_iter().map(|mistake| format!("config: {}", shortened(&mistake))))
            }
            Err(failure) => {
                let kind = failure.kind.name();
                mistakes.push(format!("the plugin failed to look at its configuration ({kind}): {}", failure.message));
            }
        }
    }
    mistakes
}
