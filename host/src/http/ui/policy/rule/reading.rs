//! The rule that a form says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::super::sent::Fields;
use super::super::super::settings::{self, Mistakes};
use crate::model::{JobKind, Mode};
use crate::plugin::Limits;
use crate::policy::{OnFailure, Quarantine, Quarantined, Rule, When};

fn lines(sent: &Fields, name: &str) -> Vec<String> {
    let lines = sent.get(name).unwrap_or_default().lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The rule that a form says. What has no field in it stays as it was.
pub(super) fn read(sent: &Fields, schema: Option<&Value>, old: Option<&Rule>, mistakes: &mut Mistakes) -> Rule {
    let mut number = |name: &str, before: u64| {
        let text = sent.text(name).unwrap_or("0");
        text.parse().unwrap_or_else(|_| {
            mistakes.entry(name.to_owned()).or_default().push(format!("{text:?} is no whole number"));
            before
        })
    };
    let limits = Limits {
        time_ms: number("limits.time_ms", 0),
        memory_mib: number("limits.memory_mib", 0),
        read_mib: number("limits.read_mib", 0),
    };
    let quarantine = Quarantine {
        failures: u32::try_from(number("quarantine.failures", 1)).unwrap_or(u32::MAX),
        within_s: number("quarantine.within_s", 1),
        then: if sent.get("quarantine.then") == Some("shadow") { Quarantined::Shadow } else { Quarantined::Closed },
    };
    let kinds = [JobKind::Upload, JobKind::Move].into_iter();
    let mut grants: BTreeMap<String, Value> = BTreeMap::new();
    if let Some(text) = sent.text("grants") {
        match serde_json::from_str(text) {
            Ok(given) => grants = given,
            Err(error) => {
                mistakes.entry("grants".to_owned()).or_default().push(format!("this is no JSON object: {error}"));
            }
        }
    }
    let tables: Vec<Value> = sent
        .0
        .iter()
        .filter(|(name, _)| name == "grants.tables")
        .map(|(_, table)| Value::from(table.as_str()))
        .collect();
    if !tables.is_empty() {
        grants.insert("tables".to_owned(), Value::Array(tables));
    }
    let config = match schema {
        Some(schema) => settings::read(schema, sent, mistakes),
        None => old.map_or_else(|| json!({}), |old| old.config.clone()),
    };
    Rule {
        name: sent.text("name").unwrap_or_default().to_owned(),
        plugin: sent.text("plugin").unwrap_or_default().to_owned(),
        mode: match sent.get("mode") {
            Some("enforce") => Mode::Enforce,
            Some("off") => Mode::Off,
            _ => Mode::Shadow,
        },
        when: When {
            kinds: kinds.filter(|kind| sent.0.contains(&("when.kinds".to_owned(), kind.name().to_owned()))).collect(),
            projects: lines(sent, "when.projects"),
            instruments: lines(sent, "when.instruments"),
            submitters: lines(sent, "when.submitters"),
            users: lines(sent, "when.users"),
        },
        config,
        limits,
        on_failure: if sent.get("on_failure") == Some("accept") { OnFailure::Accept } else { OnFailure::Reject },
        quarantine,
        grants,
    }
}
