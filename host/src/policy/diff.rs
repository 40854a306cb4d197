//! What one revision says that another does not, for somebody who has to decide whether that is right.

use std::collections::BTreeSet;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use super::book::PolicyError;
use super::snapshot::KeptRule;
use crate::db::{Db, PluginRecord};

/// The differences between two lists of rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PolicyDiff {
    /// Names of rules that only the second has.
    pub added: Vec<String>,
    /// Names of rules that only the first has.
    pub removed: Vec<String>,
    /// Rules that both have and that differ.
    pub changed: Vec<RuleChange>,
    /// Whether the rules that both have stand in another order.
    pub reordered: bool,
    /// Interfaces that plugins of the second import and those of the first do not, for all rules together: what the
    /// change would let into the gate anew.
    pub new_imports: Vec<String>,
}

/// One rule's differences.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RuleChange {
    /// Its name.
    pub rule: String,
    /// What differs, by JSON pointer.
    pub fields: Vec<FieldChange>,
    /// Set where it runs another plugin.
    pub plugin: Option<PluginChange>,
}

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FieldChange {
    /// RFC 6901 pointer into the rule.
    pub at: String,
    /// The value in the first; null where it has none.
    pub from: Value,
    /// The value in the second.
    pub to: Value,
}

/// A rule's plugin, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PluginChange {
    /// Before.
    pub from: PluginName,
    /// After.
    pub to: PluginName,
    /// Interfaces that only the second imports.
    pub imports_added: Vec<String>,
    /// Interfaces that only the first imports.
    pub imports_removed: Vec<String>,
}

/// A plugin as people and programs name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PluginName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `sha256:` and its digest.
    pub digest: String,
}

impl PolicyDiff {
    /// Compares two lists of rules as revisions keep them.
    pub(super) async fn between(db: &Db, from: &str, to: &str) -> Result<Self, PolicyError> {
        let read = |rules: &str| serde_json::from_str::<Vec<KeptRule>>(rules).context("a revision cannot be read");
        let (from, to) = (read(from)?, read(to)?);
        let (mut diff, common) = compare(&from, &to)?;
        let mut imports = [BTreeSet::new(), BTreeSet::new()];
        for (set, rules) in imports.iter_mut().zip([&from, &to]) {
            for rule in rules {
                set.extend(plugin(db, &rule.digest).await?.1);
            }
        }
        diff.new_imports = imports[1].difference(&imports[0]).cloned().collect();
        for (one, other, mut change) in common {
            if one.digest != other.digest {
                let ((from, before), (to, after)) = (plugin(db, &one.digest).await?, plugin(db, &other.digest).await?);
                change.plugin = Some(PluginChange {
                    from,
                    to,
                    imports_added: after.difference(&before).cloned().collect(),
                    imports_removed: before.difference(&after).cloned().collect(),
                });
            }
            if change.plugin.is_some() || !change.fields.is_empty() {
                diff.changed.push(change);
            }
        }
        Ok(diff)
    }

    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && !self.reordered
    }
}

type Common<'a> = Vec<(&'a KeptRule, &'a KeptRule, RuleChange)>;

fn compare<'a>(from: &'a [KeptRule], to: &'a [KeptRule]) -> Result<(PolicyDiff, Common<'a>), PolicyError> {
    let name = |kept: &KeptRule| kept.rule.name.clone();
    let missing = |in_: &[KeptRule], of: &[KeptRule]| {
        of.iter().filter(|kept| in_.iter().all(|other| other.rule.name != kept.rule.name)).map(name).collect::<Vec<_>>()
    };
    let mut diff = PolicyDiff { added: missing(from, to), removed: missing(to, from), ..PolicyDiff::default() };
    let kept = |rules: &'a [KeptRule], gone: &[String]| {
        rules.iter().filter(|kept| !gone.contains(&kept.rule.name)).map(name).collect::<Vec<_>>()
    };
    diff.reordered = kept(from, &diff.removed) != kept(to, &diff.added);
    let mut common = Vec::new();
    for other in to {
        let Some(one) = from.iter().find(|one| one.rule.name == other.rule.name) else { continue };
        let json = |kept: &KeptRule| serde_json::to_value(&kept.rule).context("a rule cannot be written");
        let mut fields = Vec::new();
        differences(String::new(), &json(one)?, &json(other)?, &mut fields);
        common.push((one, other, RuleChange { rule: name(other), fields, plugin: None }));
    }
    Ok((diff, common))
}

/// Objects are compared key by key, everything else whole: of a list that has changed, people want to see all.
fn differences(at: String, from: &Value, to: &Value, into: &mut Vec<FieldChange>) {
    match (from, to) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let part = key.replace('~', "~0").replace('/', "~1");
                let value = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                differences(format!("{at}/{part}"), &value(one), &value(other), into);
            }
        }
        (one, other) if one == other => {}
        (one, other) => into.push(FieldChange { at, from: one.clone(), to: other.clone() }),
    }
}

/// A plugin's name and what it imports.
async fn plugin(db: &Db, digest: &str) -> Result<(PluginName, BTreeSet<String>), PolicyError> {
    let record: Option<PluginRecord> = db.plugin_record(digest).await?;
    let record = record.with_context(|| format!("there is no plugin {digest}"))?;
    let imports = serde_json::from_str(&record.imports).context("a plugin's imports cannot be read")?;
    Ok((PluginName { name: record.name, version: record.version, digest: record.digest }, imports))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(value: Value) -> Vec<KeptRule> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_difference_is_named_by_its_place_in_the_rule() {
        let one = rules(json!([
            {"name": "a", "plugin": "p", "digest": "1", "config": {"most": 1, "x/y": true}},
            {"name": "b", "plugin": "p", "digest": "1"},
        ]));
        let other = rules(json!([
            {"name": "c", "plugin": "p", "digest": "1"},
            {"name": "a", "plugin": "p", "digest": "2", "mode": "shadow", "config": {"most": 2}},
        ]));
        let (diff, common) = compare(&one, &other).unwrap();
        assert_eq!((diff.added, diff.removed, diff.reordered), (vec!["c".to_owned()], vec!["b".to_owned()], false));
        let [(_, _, change)] = &common[..] else { panic!("one rule is in both") };
        let shown: Vec<_> = change.fields.iter().map(|field| (field.at.as_str(), &field.from, &field.to)).collect();
        assert_eq!(
            shown,
            [
                ("/config/most", &json!(1), &json!(2)),
                ("/config/x~1y", &json!(true), &Value::Null),
                ("/mode", &json!("enforce"), &json!("shadow")),
            ]
        );
    }

    #[test]
    fn rules_in_another_order_are_seen() {
        let one =
            rules(json!([{"name": "a", "plugin": "p", "digest": "1"}, {"name": "b", "plugin": "p", "digest": "1"}]));
        let other: Vec<_> = one.iter().rev().cloned().collect();
        assert!(compare(&one, &other).unwrap().0.reordered);
        assert!(!compare(&one, &one).unwrap().0.reordered);
    }
}
