//! `/ui/policy`: the rules, and how they are changed.
//!
//! A change is made in a draft: the whole policy, as the forms carry it from page to page, with the revision that it began
//! from. Nothing of it is kept anywhere until it is applied, in the place of that revision and no other.

pub(super) mod apply;
pub(super) mod draft;
pub(super) mod history;
pub(super) mod rule;
pub(super) mod shadow;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::Site;
use super::super::problem::Problem;
use super::words::{self, Moment};
use super::{Page, Trouble, Viewer, shown};
use crate::db::RuleMark;
use crate::model::{Mode, Revision};
use crate::plugin::PluginInfo;
use crate::policy::{OnFailure, PolicyDocument, Rule, ShadowTally};
use draft::Draft;

/// The judged jobs that a tally looks back at.
const LOOK_BACK: u32 = 200;

/// A rule as the list shows it.
struct RuleLine {
    name: String,
    plugin: String,
    /// Of the plugin that it runs; empty where that is still to be found.
    digest: String,
    /// The version of that plugin, where the name of it does not say it.
    version: String,
    mode: &'static str,
    scope: Vec<(&'static str, String)>,
    on_failure: &'static str,
    limits: String,
    /// Its configuration as JSON, indented.
    config: String,
    grants: String,
    /// What it would have done, where it is in shadow.
    shadow: String,
    mark: String,
}

/// The bundles that a rule is for, in words; none for all of them.
fn scope(rule: &Rule) -> Vec<(&'static str, String)> {
    let when = &rule.when;
    let kinds: Vec<String> = when.kinds.iter().map(|kind| format!("{kind}s")).collect();
    let sides = [
        ("kinds", kinds.join(", ")),
        ("projects", when.projects.join(", ")),
        ("instruments", when.instruments.join(", ")),
        ("submitters", when.submitters.join(", ")),
        ("users", when.users.join(", ")),
    ];
    sides.into_iter().filter(|(_, globs)| !globs.is_empty()).collect()
}

fn tally(tally: &ShadowTally) -> String {
    match (tally.judged, tally.differ.len()) {
        (0, _) => "no job judged yet".to_owned(),
        (judged, 0) => format!("{} judged, no verdict would differ", words::count(judged, "job")),
        (judged, 1) => format!("{} judged, 1 verdict would differ", words::count(judged, "job")),
        (judged, differ) => format!("{} judged, {differ} verdicts would differ", words::count(judged, "job")),
    }
}

/// The rules of a document, as the list shows them.
fn lines(
    document: &PolicyDocument,
    marks: &[RuleMark],
    shadows: &BTreeMap<String, ShadowTally>,
    plugins: &[PluginInfo],
) -> Vec<RuleLine> {
    let version = |rule: &Rule| {
        let digest = document.digests.get(&rule.name).filter(|_| !rule.plugin.contains(['@', ':']))?;
        plugins.iter().find(|info| info.digest == *digest).map(|info| info.version.clone())
    };
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let one = |rule: &Rule| RuleLine {
        name: rule.name.clone(),
        plugin: rule.plugin.clone(),
        digest: document.digests.get(&rule.name).cloned().unwrap_or_default(),
        version: version(rule).unwrap_or_default(),
        mode: rule.mode.name(),
        scope: scope(rule),
        on_failure: match rule.on_failure {
            OnFailure::Reject => "reject",
            OnFailure::Accept => "accept",
        },
        limits: format!(
            "{} ms, {} MiB of memory, {} MiB read",
            rule.limits.time_ms, rule.limits.memory_mib, rule.limits.read_mib
        ),
        config: pretty(&rule.config),
        grants: if rule.grants.is_empty() {
            String::new()
        } else {
            serde_json::to_string_pretty(&rule.grants).unwrap_or_default()
        },
        shadow: match shadows.get(&rule.name) {
            Some(found) if rule.mode == Mode::Shadow => tally(found),
            _ => String::new(),
        },
        mark: marks
            .iter()
            .find(|mark| mark.rule == rule.name)
            .map_or_else(String::new, |mark| format!("failed {} times in a row: {}", mark.failures, mark.message)),
    };
    document.rules.iter().map(one).collect()
}

/// A plugin to be chosen.
struct PluginChoice {
    reference: String,
    label: String,
    selected: bool,
}

/// All plugins; the one that is meant by `chosen` is selected, and offered even if it is none of them.
fn choices(plugins: &[PluginInfo], chosen: &str) -> Vec<PluginChoice> {
    let named = |info: &PluginInfo| format!("{}@{}", info.name, info.version);
    let unique = |name: &str| plugins.iter().filter(|other| named(other) == name).count() == 1;
    let mut choices: Vec<PluginChoice> = plugins
        .iter()
        .map(|info| {
            let name = named(info);
            let label = match unique(&name) {
                true => format!("{name} ({})", info.kind.name()),
                false => format!("{name} ({}, {})", info.kind.name(), words::short(&info.digest)),
            };
            let reference = if unique(&name) { name } else { info.digest.clone() };
            PluginChoice { selected: reference == chosen, reference, label }
        })
        .collect();
    if !chosen.is_empty() && choices.iter().all(|choice| !choice.selected) {
        let label = match chosen.contains(['@', ':']) {
            true => chosen.to_owned(),
            false => format!("{chosen} (its newest version)"),
        };
        choices.insert(0, PluginChoice { reference: chosen.to_owned(), label, selected: true });
    }
    choices
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    page: Page,
    draft: Draft,
    /// The draft, as the forms carry it.
    carried: String,
    /// Whether it is another policy than the one in force.
    changed: bool,
    rules: Vec<RuleLine>,
    plugins: Vec<PluginChoice>,
    /// Who made the revision in force, when, and why.
    made: Option<(String, Moment, String)>,
    /// Whether the revision in force has just been made here.
    applied: bool,
}

/// Whether the policy has just been changed.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    applied: Option<String>,
}

/// `GET /ui/policy`: the rules in force.
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let draft = Draft::of_the_active(&site)?;
    page(&site, &viewer, draft, asked.applied.is_some()).await
}

/// The list of a draft's rules, or of those in force.
async fn page(site: &Site, viewer: &Viewer, draft: Draft, applied: bool) -> Result<Response, Trouble> {
    let active = Draft::of_the_active(site)?;
    let changed = active.document != draft.document;
    let stored = site.db.revision(active.base).await?;
    let (marks, shadows) = (site.policy.unhealthy().await?, site.policy.shadows(LOOK_BACK).await?);
    let plugins = site.policy.registry().list().await?;
    let title = if changed { "Draft of a policy" } else { "Policy" };
    shown(&PolicyPage {
        page: Page::new(title, "policy", viewer),
        carried: draft.carried()?,
        changed,
        rules: lines(&draft.document, &marks, &shadows, &plugins),
        plugins: choices(&plugins, ""),
        made: stored.map(|stored| (stored.author, stored.created.into(), stored.message)),
        draft,
        applied,
    })
}

/// The number in a path or a form.
fn revision(text: &str) -> Result<Revision, Trouble> {
    let number = text.parse();
    number.map_err(|_| Problem::not_found(format!("{text:?} is no revision's number")).into())
}
