//! `/ui/plugins`: the plugins that there are, and new ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::Site;
use super::super::api::plugins::{add_component, remove_plugin};
use super::super::body::whole;
use super::super::problem::Problem;
use super::guard::Viewer;
use super::multipart::{boundary, parts};
use super::sent::{Fields, Sent};
use super::words;
use super::{Page, Trouble, shown};
use crate::db::RuleMark;
use crate::model::Role;
use crate::plugin::{LARGEST_COMPONENT, PluginInfo};
use crate::policy::Snapshot;

/// A plugin as the list shows it.
struct PluginLine {
    name: String,
    version: String,
    digest: String,
    short: String,
    kind: &'static str,
    summary: String,
    size: String,
    /// The rules of the active policy that run it.
    rules: Vec<String>,
    /// Whether one of them is marked.
    marked: bool,
}

impl PluginLine {
    fn new(info: &PluginInfo, active: &Snapshot, marks: &[RuleMark]) -> Self {
        Self {
            name: info.name.clone(),
            version: info.version.clone(),
            short: words::short(&info.digest).to_owned(),
            kind: info.kind.name(),
            summary: info.summary.clone(),
            size: words::bytes(info.size as u64),
            rules: rules_of(active, &info.digest),
            marked: marks.iter().any(|mark| mark.digest == info.digest),
            digest: info.digest.clone(),
        }
    }
}

fn rules_of(active: &Snapshot, digest: &str) -> Vec<String> {
    let run = active.rules.iter().filter(|rule| rule.plugin.info().digest == digest);
    run.map(|rule| rule.rule.name.clone()).collect()
}

#[derive(Template)]
#[template(path = "plugins.html")]
struct PluginsPage {
    page: Page,
    plugins: Vec<PluginLine>,
    /// Whether plugins must be signed here.
    signed: bool,
    largest: String,
}

/// `GET /ui/plugins`
pub(super) async fn list(State(site): State<Arc<Site>>, viewer: Viewer) -> Result<Response, Trouble> {
    let (active, marks) = (site.policy.active(), site.policy.unhealthy().await?);
    let plugins = site.policy.registry().list().await?;
    shown(&PluginsPage {
        page: Page::new("Plugins", "plugins", &viewer),
        plugins: plugins.iter().map(|info| PluginLine::new(info, &active, &marks)).collect(),
        signed: !site.settings.plugin_keys.is_empty(),
        largest: words::bytes(LARGEST_COMPONENT as u64),
    })
}

/// Whether the plugin has just been added.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    added: Option<String>,
}

#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    page: Page,
    plugin: PluginLine,
    imports: Vec<String>,
    /// The JSON Schema of its configuration, indented.
    schema: String,
    marks: Vec<RuleMark>,
    /// Other versions of the same name.
    others: Vec<PluginLine>,
    added: bool,
}

/// `GET /ui/plugins/{plugin}`
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let found = site.policy.registry().find(&reference).await?;
    let info = found.ok_or_else(|| Problem::not_found(format!("there is no plugin {reference:?}")))?;
    let active = site.policy.active();
    let mut marks = site.policy.unhealthy().await?;
    let all = site.policy.registry().list().await?;
    let others = all.iter().filter(|other| other.name == info.name && other.digest != info.digest);
    let others = others.map(|other| PluginLine::new(other, &active, &marks)).collect();
    let plugin = PluginLine::new(&info, &active, &marks);
    marks.retain(|mark| mark.digest == info.digest);
    shown(&PluginPage {
        page: Page::new(format!("{} {}", info.name, info.version), "plugins", &viewer),
        plugin,
        imports: info.imports.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        schema: serde_json::to_string_pretty(&info.config_schema).map_err(anyhow::Error::from)?,
        marks,
        others,
        added: asked.added.is_some(),
    })
}

/// `POST /ui/plugins`: a component from a form.
pub(super) async fn add(State(site): State<Arc<Site>>, viewer: Viewer, request: Request) -> Result<Response, Trouble> {
    let bearer = viewer.must(Role::Admin)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = boundary(kind).map(str::to_owned);
    let boundary = boundary.ok_or_else(|| Problem::bad_request("this is no form with a file"))?;
    // The form's own fields are small.
    let most = LARGEST_COMPONENT as u64 + (64 << 10);
    let body = whole(request.into_body(), most, site.settings.idle_timeout * 4).await?;
    let broken = || Problem::bad_request("the form did not arrive whole; send it again");
    let parts = parts(&body, &boundary).ok_or_else(broken)?;
    let part = |name: &str| parts.iter().find(|part| part.name == name).map(|part| &body[part.contents.clone()]);
    let text = |name: &str| part(name).map(|text| String::from_utf8_lossy(text).into_owned());
    let token = text("form_token").unwrap_or_default();
    Fields(vec![("form_token".to_owned(), token)]).check(&viewer)?;
    let wasm = part("component").filter(|wasm| !wasm.is_empty());
    let wasm = wasm.ok_or_else(|| Problem::bad_request("choose a component: a file that ends in .wasm"))?;
    let signature = text("signature").filter(|text| !text.trim().is_empty());
    let added = add_component(&site, bearer, wasm.to_vec(), signature).await?;
    Ok(Redirect::to(&format!("/ui/plugins/{}?added=1", added.plugin.digest)).into_response())
}

/// `POST /ui/plugins/{plugin}/remove`
pub(super) async fn remove(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(reference): Path<String>,
    _: Sent,
) -> Result<Response, Trouble> {
    remove_plugin(&site, viewer.must(Role::Admin)?, &reference).await?;
    Ok(Redirect::to("/ui/plugins").into_response())
}

/// `POST /ui/marks/{rule}/lift`: an operator takes a rule for mended.
pub(super) async fn lift(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(rule): Path<String>,
    _: Sent,
) -> Result<Response, Trouble> {
    let bearer = viewer.must(Role::Operator)?;
    if !site.policy.lift(&rule).await? {
        return Err(Problem::not_found(format!("there is no mark on a rule {rule:?}")).into());
    }
    tracing::info!(rule, by = bearer.name, "the mark on a rule was lifted");
    Ok(Redirect::to("/ui/policy").into_response())
}
