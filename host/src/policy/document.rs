//! A policy as an admin writes it, in TOML or JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::scope::When;
use crate::model::Mode;
use crate::plugin::Limits;

/// The whole policy: the rules, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The rules, in the order in which they are reported.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Why this policy is as it is: kept with its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What happens to a bundle when a rule's plugin cannot judge it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It is rejected.
    #[default]
    Reject,
    /// It goes on as if the rule had passed.
    Accept,
}

/// A plugin with its configuration, scope, mode and limits, under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name that reports show.
    pub name: String,
    /// `NAME`, `NAME@VERSION` or `sha256:DIGEST`.
    pub plugin: String,
    /// Whether it decides.
    #[serde(default)]
    pub mode: Mode,
    /// Which bundles it is for; all where nothing is said.
    #[serde(default)]
    pub when: When,
    /// What the plugin is configured with; its schema is the plugin's.
    #[serde(default = "empty_object")]
    pub config: serde_json::Value,
    /// What one call may use.
    #[serde(default)]
    pub limits: Limits,
    /// What happens when the plugin cannot judge.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What the plugin may reach beyond the bundle, by name. No capability can be granted yet.
    #[serde(default)]
    pub grants: BTreeMap<String, serde_json::Value>,
}

fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

impl PolicyDocument {
    /// Reads a policy file: JSON where its name ends so, TOML otherwise. The error says what is wrong and where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let parsed = if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error| error.to_string())
        };
        parsed.map_err(|error| format!("{} is no policy: {}", path.display(), error.trim_end()))
    }

    /// What is wrong with the document by itself, whatever the plugins say.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let mut add = |what: String| mistakes.push(format!("rule {:?}: {what}", rule.name));
            if rule.name.trim().is_empty() {
                add(format!("rule number {} has no name", index + 1));
            }
            if self.rules[..index].iter().any(|earlier| earlier.name == rule.name) {
                add("an earlier rule has the same name".to_owned());
            }
            if !rule.config.is_object() {
                add("config must be a table of settings".to_owned());
            }
            for name in rule.grants.keys() {
                add(format!("grants.{name}: nothing by that name can be granted"));
            }
            rule.limits.mistakes().into_iter().for_each(&mut add);
            rule.when.mistakes().into_iter().for_each(&mut add);
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_needs_a_name_and_a_plugin_and_nothing_else() {
        let policy: PolicyDocument = toml::from_str("[[rules]]\nname = 'a'\nplugin = 'b'\n").unwrap();
        let [rule] = &policy.rules[..] else { panic!("one rule") };
        assert_eq!((rule.mode, rule.on_failure, &rule.config), (Mode::Enforce, OnFailure::Reject, &empty_object()));
        assert!(policy.mistakes().is_empty());
    }

    #[test]
    fn every_mistake_is_named_with_its_rule() {
        let text = "
            [[rules]]
            name = 'a'
            plugin = 'b'
            limits = { time_ms = 0 }
            when = { projects = ['[x'] }
            [[rules]]
            name = 'a'
            plugin = 'b'
            grants = { network = true }";
        let mistakes = toml::from_str::<PolicyDocument>(text).unwrap().mistakes();
        for part in ["limits.time_ms is 0", "when.projects", "the same name", "grants.network"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part} in {mistakes:?}");
        }
    }

    #[test]
    fn a_key_that_no_rule_has_is_refused() {
        assert!(toml::from_str::<PolicyDocument>("[[rules]]\nname='a'\nplugin='b'\nmod='off'").is_err());
    }
}
