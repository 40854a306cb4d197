//! A policy as an admin writes it, in TOML or JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::grants::Grants;
use super::scope::When;
use crate::model::Mode;
use crate::plugin::Limits;

/// The whole policy: the rules, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The rules, in the order in which they are reported.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Why this policy is as it is: kept with its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// By the names of rules, the digests of the very plugins they are to run, as `GET /api/policy` shows them. A rule
    /// that is not named here runs what its `plugin` means when the policy is applied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
}

/// What happens to a bundle when a rule's plugin cannot judge it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It is rejected.
    #[default]
    Reject,
    /// It goes on as if the rule had passed.
    Accept,
}

/// What becomes of a rule that is taken for broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quarantined {
    /// It stays as it is, and `on_failure` decides: closed where that rejects.
    #[default]
    Closed,
    /// It goes on in shadow, by a revision that the gate makes.
    Shadow,
}

/// When a rule that fails again and again is taken for broken, and what happens then. To fail is not to reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quarantine {
    /// So many failures in a row.
    pub failures: u32,
    /// All of them within so many seconds.
    pub within_s: u64,
    /// And then.
    pub then: Quarantined,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { failures: 5, within_s: 600, then: Quarantined::Closed }
    }
}

impl Quarantine {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A plugin with its configuration, scope, mode and limits, under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// When the rule is taken for broken.
    #[serde(default, skip_serializing_if = "Quarantine::is_default")]
    pub quarantine: Quarantine,
    /// What the plugin may reach beyond the bundle, by name: see [`Grants`].
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
            if let Err(mistakes) = Grants::parse(&rule.grants) {
                mistakes.into_iter().for_each(&mut add);
            }
            if rule.quarantine.failures == 0 {
                add("quarantine.failures is 0; give at least 1".to_owned());
            }
            rule.limits.mistakes().into_iter().for_each(&mut add);
            rule.when.mistakes().into_iter().for_each(&mut add);
        }
        for name in self.digests.keys().filter(|name| self.rules.iter().all(|rule| rule.name != **name)) {
            mistakes.push(format!("digests.{name}: there is no rule of that name"));
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
