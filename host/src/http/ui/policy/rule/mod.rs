//! A rule as a form.

mod reading;

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};

use reading::read;

use super::super::super::Site;
use super::super::sent::Fields;
use super::super::settings::{self, Field, Mistakes};
use super::super::{Page, Trouble, Viewer, shown};
use super::draft::Draft;
use super::{PluginChoice, choices};
use crate::model::Mode;
use crate::plugin::Limits;
use crate::policy::{OnFailure, Quarantine, Rule, When};

/// What became of a form that was sent.
pub(super) enum Outcome {
    /// Something is to be mended, or the form has grown.
    Page(Response),
    /// The rule is in the draft.
    Kept(Draft),
}

/// A table that a rule may be granted.
struct TableChoice {
    name: String,
    granted: bool,
}

/// One side of a rule's scope.
struct Side {
    path: &'static str,
    label: &'static str,
    globs: String,
    mistakes: Vec<String>,
}

/// A number among a rule's limits.
struct Number {
    path: &'static str,
    label: &'static str,
    unit: &'static str,
    value: String,
    mistakes: Vec<String>,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    page: Page,
    base: String,
    carried: String,
    /// Its place in the draft; empty for a new one.
    index: String,
    rule: Rule,
    summary: String,
    plugins: Vec<PluginChoice>,
    settings: Option<Field>,
    sides: Vec<Side>,
    numbers: Vec<Number>,
    tables: Vec<TableChoice>,
    /// Grants beside tables, as JSON.
    grants: String,
    /// About places that have no field.
    mistakes: Vec<String>,
    by_place: Mistakes,
}

impl RulePage {
    fn mistakes_of(&self, place: &str) -> &[String] {
        self.by_place.get(place).map_or(&[], Vec::as_slice)
    }

    fn is_for(&self, kind: &str) -> bool {
        self.rule.when.kinds.iter().any(|known| known.name() == kind)
    }
}

/// The form of a rule that is in the draft.
pub(super) async fn edit(site: &Site, viewer: &Viewer, draft: Draft, index: usize) -> Result<Response, Trouble> {
    match draft.document.rules.get(index).cloned() {
        Some(rule) => page(site, viewer, &draft, Some(index), rule, &Fields::default(), Mistakes::new()).await,
        None => super::page(site, viewer, draft, false).await,
    }
}

/// The form of a new rule, in shadow to begin with.
pub(super) async fn add(site: &Site, viewer: &Viewer, draft: Draft, plugin: &str) -> Result<Response, Trouble> {
    let plain = plugin.split('@').next().unwrap_or_default();
    let plain = if plain.contains(':') { "rule" } else { plain };
    let taken = |name: &str| draft.document.rules.iter().any(|rule| rule.name == name);
    let mut names = std::iter::once(plain.to_owned()).chain((2..).map(|number| format!("{plain}-{number}")));
    let name = names.find(|name| !taken(name)).unwrap_or_default();
    let rule = Rule {
        name,
        plugin: plugin.to_owned(),
        mode: Mode::Shadow,
        when: When::default(),
        config: json!({}),
        limits: Limits::default(),
        on_failure: OnFailure::default(),
        quarantine: Quarantine::default(),
        grants: BTreeMap::new(),
    };
    page(site, viewer, &draft, None, rule, &Fields::default(), Mistakes::new()).await
}

/// A form that was sent: to be kept in the draft, or to be changed and shown again.
pub(super) async fn sent(
    site: &Site,
    viewer: &Viewer,
    mut draft: Draft,
    sent: &Fields,
    what: &str,
    about: &str,
) -> Result<Outcome, Trouble> {
    let index: Option<usize> = sent.text("index").and_then(|index| index.parse().ok());
    let old = index.and_then(|index| draft.document.rules.get(index)).cloned();
    // Until another one is chosen, a form is read as it was made.
    let shown_plugin = sent.get("shown_plugin").unwrap_or_default();
    let held = old.as_ref().filter(|old| old.plugin == shown_plugin).and_then(|old| draft.digest(&old.name));
    let schema = schema(site, shown_plugin, held).await?.map(|(schema, _)| schema);
    let mut mistakes = Mistakes::new();
    let mut rule = read(sent, schema.as_ref(), old.as_ref(), &mut mistakes);
    match what {
        "more" => settings::grow(&mut rule.config, about),
        "less" => settings::shrink(&mut rule.config, about),
        _ => {}
    }
    let typed = if matches!(what, "more" | "less") { Fields::default() } else { sent.clone() };
    let name = |reference: &str| reference.split('@').next().unwrap_or_default().to_owned();
    if name(&rule.plugin) != name(shown_plugin) {
        // What one plugin is configured with means nothing to another; to another version it does.
        rule.config = json!({});
    }
    if what != "keep" || rule.plugin != shown_plugin {
        let typed = if rule.plugin == shown_plugin { typed } else { Fields::default() };
        let page = page(site, viewer, &draft, index, rule, &typed, Mistakes::new()).await?;
        return Ok(Outcome::Page(page));
    }
    let held = held.map(str::to_owned);
    let clash = draft.document.rules.iter().enumerate();
    if clash.filter(|(at, _)| Some(*at) != index).any(|(_, other)| other.name == rule.name) {
        mistakes.entry("name".to_owned()).or_default().push("another rule has this name".to_owned());
    }
    if mistakes.is_empty() {
        for mistake in site.policy.check_rule(&rule, held.as_deref()).await {
            let place = place(&mistake).to_owned();
            mistakes.entry(place).or_default().push(mistake);
        }
    }
    if !mistakes.is_empty() {
        let page = page(site, viewer, &draft, index, rule, &typed, mistakes).await?;
        return Ok(Outcome::Page(page));
    }
    if let Some(old) = &old {
        draft.document.digests.remove(&old.name);
    }
    if let Some(digest) = held {
        draft.document.digests.insert(rule.name.clone(), digest);
    }
    match index.filter(|_| old.is_some()) {
        Some(index) => draft.document.rules[index] = rule,
        None => draft.document.rules.push(rule),
    }
    Ok(Outcome::Kept(draft))
}

/// What a mistake is about: its beginning, where that is the name of a field.
fn place(mistake: &str) -> &str {
    let place = mistake.split([':', ' ']).next().unwrap_or_default();
    if mistake.contains("has no name") { "name" } else { place }
}

/// A plugin's schema of its configuration, and what it does; none where there is no such plugin.
async fn schema(site: &Site, reference: &str, held: Option<&str>) -> Result<Option<(Value, String)>, Trouble> {
    if reference.is_empty() {
        return Ok(None);
    }
    let found = site.policy.registry().find(held.unwrap_or(reference)).await?;
    Ok(found.map(|info| (info.config_schema, info.summary)))
}

async fn page(
    site: &Site,
    viewer: &Viewer,
    draft: &Draft,
    index: Option<usize>,
    rule: Rule,
    typed: &Fields,
    mut mistakes: Mistakes,
) -> Result<Response, Trouble> {
    let old = index.and_then(|index| draft.document.rules.get(index));
    let held = old.filter(|old| old.plugin == rule.plugin).and_then(|old| draft.digest(&old.name));
    let found = schema(site, &rule.plugin, held).await?;
    let settings = found.as_ref().map(|(schema, _)| settings::form(schema, &rule.config, typed, &mut mistakes));
    let mut take = |place: &str| mistakes.remove(place).unwrap_or_default();
    let mut side = |path, label, globs: &[String]| Side { path, label, globs: globs.join("\n"), mistakes: take(path) };
    let when = &rule.when;
    let sides = vec![
        side("when.projects", "Projects", &when.projects),
        side("when.instruments", "Instruments", &when.instruments),
        side("when.submitters", "Submitters", &when.submitters),
        side("when.users", "Users", &when.users),
    ];
    let mut number = |path, label, unit, value: u64| Number {
        path,
        label,
        unit,
        value: typed.text(path).map_or_else(|| value.to_string(), str::to_owned),
        mistakes: take(path),
    };
    let (limits, quarantine) = (rule.limits, rule.quarantine);
    let numbers = vec![
        number("limits.time_ms", "Processor time", "ms", limits.time_ms),
        number("limits.memory_mib", "Memory", "MiB", limits.memory_mib),
        number("limits.read_mib", "Bytes read from files", "MiB", limits.read_mib),
        number("quarantine.failures", "Taken for broken after", "failures in a row", quarantine.failures.into()),
        number("quarantine.within_s", "All of them within", "s", quarantine.within_s),
    ];
    let granted: Vec<&str> =
        rule.grants.get("tables").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut tables: Vec<TableChoice> = site
        .policy
        .tables()
        .list()
        .await?
        .into_iter()
        .map(|table| {
            let name = table.name.to_string();
            TableChoice { granted: granted.contains(&name.as_str()), name }
        })
        .collect();
    // One that is gone is still shown, so that it can be taken away.
    let gone = granted.iter().filter(|name| tables.iter().all(|table| table.name != **name));
    let gone: Vec<_> = gone.map(|name| TableChoice { name: (*name).to_owned(), granted: true }).collect();
    tables.extend(gone);
    let others: BTreeMap<&String, &Value> = rule.grants.iter().filter(|(name, _)| *name != "tables").collect();
    let grants = match typed.get("grants") {
        Some(typed) => typed.to_owned(),
        None if others.is_empty() => String::new(),
        None => serde_json::to_string_pretty(&others).unwrap_or_default(),
    };
    let mut by_place = Mistakes::new();
    for place in ["name", "plugin", "mode", "grants", "grants.tables"] {
        by_place.extend(mistakes.remove(place).map(|found| (place.to_owned(), found)));
    }
    let title = if old.is_some() { format!("Rule {}", rule.name) } else { "A new rule".to_owned() };
    shown(&RulePage {
        page: Page::new(title, "policy", viewer),
        base: draft.base.to_string(),
        carried: draft.carried()?,
        index: index.filter(|_| old.is_some()).map_or_else(String::new, |index| index.to_string()),
        summary: found.map(|(_, summary)| summary).unwrap_or_default(),
        plugins: choices(&site.policy.registry().list().await?, &rule.plugin),
        settings,
        sides,
        numbers,
        tables,
        grants,
        mistakes: mistakes.into_values().flatten().collect(),
        by_place,
        rule,
    })
}
