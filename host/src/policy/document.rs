//! A policy as an admin writes it, in TOML or JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::grants::Grants;
use super::scope::When;
use crate::model::{Mode, Quoted, shortened};
use crate::plugin::Limits;

/// Bytes of a rule's name: it stands in every report.
const LONGEST_NAME: usize = 200;

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

impl Rule {
    /// A mistake of this rule, as those of a whole policy are listed.
    pub(super) fn mistake(&self, what: &str) -> String {
        format!("rule {}: {what}", Quoted(&self.name))
    }
}

impl PolicyDocument {
    /// Reads a policy file: JSON where its name ends so, TOML otherwise. The error says what is wrong and where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let parsed = match path.extension().is_some_and(|extension| extension == "json") {
            true => Self::from_json(&text),
            false => Self::from_toml(&text),
        };
        parsed.map_err(|error| format!("{} is no policy: {error}", path.display()))
    }

    /// Reads a policy in JSON. The error says what is wrong and where.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(shortened)
    }

    /// Reads a policy in TOML. The error says what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let said = |error: toml::de::Error| shortened(error.to_string().trim_end());
        let policy: Self = toml::from_str(text).map_err(said)?;
        let foreign = toml::from_str(text).map_err(said)?;
        match foreign_to_json(&foreign) {
            None => Ok(policy),
            Some((place, what)) => Err(format!("{} is {what}; write it as a text", shortened(&place))),
        }
    }

    /// What is wrong with the document by itself, whatever the plugins say.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let mut add = |what: String| mistakes.push(rule.mistake(&what));
            if rule.name.trim().is_empty() {
                add(format!("rule number {} has no name", index + 1));
            }
            if rule.name.len() > LONGEST_NAME {
                add(format!("its name has {} bytes; give at most {LONGEST_NAME}", rule.name.len()));
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
            mistakes.push(format!("digests.{}: there is no rule of that name", shortened(name)));
        }
        mistakes
    }
}

/// The first value that TOML has and JSON has not, by its keys, and what it is. Plugins are configured in JSON, where a time
/// would be a table that nobody wrote, and `nan` nothing at all.
fn foreign_to_json(table: &toml::Table) -> Option<(String, &'static str)> {
    fn look(value: &toml::Value) -> Option<(String, &'static str)> {
        match value {
            toml::Value::Datetime(_) => Some((String::new(), "a date or a time")),
            toml::Value::Float(number) if !number.is_finite() => Some((String::new(), "no number that JSON has")),
            toml::Value::Array(items) => items.iter().zip(0_usize..).find_map(|(item, at)| {
                let (below, what) = look(item)?;
                Some((format!("[{at}]{below}"), what))
            }),
            toml::Value::Table(table) => {
                let (place, what) = foreign_to_json(table)?;
                Some((format!(".{place}"), what))
            }
            _ => None,
        }
    }
    table.iter().find_map(|(key, value)| {
        let (below, what) = look(value)?;
        Some((format!("{key}{below}"), what))
    })
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

    #[test]
    fn what_json_does_not_have_is_refused_by_its_place_and_not_turned_into_something_else() {
        for (value, what) in [
            ("2026-01-01", "a date or a time"),
            ("12:30:00", "a date or a time"),
            ("nan", "no number"),
            ("-inf", "no number"),
        ] {
            let text = format!("[[rules]]\nname = 'a'\nplugin = 'b'\nconfig = {{ most = [1, {{ x = {value} }}] }}");
            let error = PolicyDocument::from_toml(&text).unwrap_err();
            assert!(error.starts_with("rules[0].config.most[1].x is ") && error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_number_is_the_same_after_it_was_kept() {
        // Read to the nearest number, as TOML and Python do.
        for number in ["0.30000000000000004", "7.2057594037927933e16", "1.7976931348623157e308", "5e-324", "1e22"] {
            let text = format!("[[rules]]\nname = 'a'\nplugin = 'b'\nconfig = {{ most = {number} }}");
            let policy = PolicyDocument::from_toml(&text).unwrap();
            assert_eq!(policy.rules[0].config["most"].as_f64(), Some(number.parse().unwrap()), "{number}");
            assert_eq!(PolicyDocument::from_json(&serde_json::to_string(&policy).unwrap()), Ok(policy));
        }
    }

    #[test]
    fn a_mistake_does_not_repeat_megabytes() {
        let long = "x".repeat(1 << 20);
        for rule in [
            format!(r#"{{"name": "{long}", "plugin": "b"}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "mode": "{long}"}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "{long}": 1}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "config": "{long}"}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "grants": {{"{long}": 1}}}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "grants": {{"tables": ["{long}", {{"{long}": 1}}]}}}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "grants": {{"lookup": "{long}"}}}}"#),
            format!(r#"{{"name": "a", "plugin": "b", "when": {{"projects": ["{long}"]}}}}"#),
        ] {
            let mistakes =
                match PolicyDocument::from_json(&format!(r#"{{"rules": [{rule}], "digests": {{"{long}": ""}}}}"#)) {
                    Ok(policy) => policy.mistakes(),
                    Err(mistake) => vec![mistake],
                };
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|mistake| mistake.len() < 1_500), "{mistakes:?}");
        }
        assert!(PolicyDocument::from_toml(&format!("{long} = 1")).unwrap_err().len() < 1_500);
    }
}
