//! `/ui/policy/revisions`: who changed what, when and why; and the way back.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::super::Site;
use super::super::super::caller::Peer;
use super::super::super::problem::Problem;
use super::super::sent::Sent;
use super::super::words::Moment;
use super::super::{Page, Trouble, Viewer, shown};
use super::apply::Differences;
use super::revision;
use crate::db::StoredRevision;
use crate::model::{Revision, Role};
use crate::policy::Origin;

/// Revisions on a page.
const PAGE: u32 = 50;

struct RevisionLine {
    number: Revision,
    message: String,
    author: String,
    origin: String,
    created: Moment,
}

impl From<&StoredRevision> for RevisionLine {
    fn from(stored: &StoredRevision) -> Self {
        Self {
            number: stored.revision,
            message: stored.message.clone(),
            author: stored.author.clone(),
            origin: stored.origin.clone(),
            created: stored.created.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "revisions.html")]
struct RevisionsPage {
    page: Page,
    revisions: Vec<RevisionLine>,
    active: Option<Revision>,
    /// The last of this page, where there are older ones.
    older: Option<Revision>,
}

impl RevisionsPage {
    fn is_active(&self, number: &Revision) -> bool {
        self.active == Some(*number)
    }
}

/// Where in the history.
#[derive(Debug, Deserialize)]
pub(in crate::http::ui) struct Paging {
    before: Option<i64>,
}

/// `GET /ui/policy/revisions`: newest first.
pub(in crate::http::ui) async fn list(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Query(paging): Query<Paging>,
) -> Result<Response, Trouble> {
    let stored = site.db.revisions(paging.before.map(Revision::new), PAGE).await?;
    shown(&RevisionsPage {
        page: Page::new("Revisions of the policy", "policy", &viewer),
        older: stored.last().map(|last| last.revision).filter(|last| last.get() > 1),
        revisions: stored.iter().map(RevisionLine::from).collect(),
        active: site.policy.active().revision,
    })
}

#[derive(Template)]
#[template(path = "revision.html")]
struct RevisionPage {
    page: Page,
    revision: RevisionLine,
    /// Its rules as JSON, indented.
    rules: String,
    active: Option<Revision>,
    is_active: bool,
    /// What going back to it would change.
    differences: Option<Differences>,
}

/// `GET /ui/policy/revisions/{n}`
pub(in crate::http::ui) async fn show(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(n): Path<String>,
) -> Result<Response, Trouble> {
    let n = revision(&n)?;
    let stored = site.db.revision(n).await?;
    let stored = stored.ok_or_else(|| Problem::not_found(format!("there is no revision {n}")))?;
    let active = site.policy.active().revision;
    let rules: serde_json::Value = serde_json::from_str(&stored.rules).map_err(anyhow::Error::from)?;
    let differences = match active.filter(|active| *active != n) {
        Some(active) => Some(Differences::new(site.policy.diff(active, n).await?, &rules)),
        None => None,
    };
    shown(&RevisionPage {
        page: Page::new(format!("Revision {n}"), "policy", &viewer),
        revision: RevisionLine::from(&stored),
        rules: serde_json::to_string_pretty(&rules).map_err(anyhow::Error::from)?,
        is_active: active == Some(n),
        active,
        differences,
    })
}

#[derive(Template)]
#[template(path = "diff.html")]
struct DiffPage {
    page: Page,
    from: Revision,
    to: Revision,
    differences: Differences,
}

/// Which two revisions.
#[derive(Debug, Deserialize)]
pub(in crate::http::ui) struct Two {
    from: String,
    to: String,
}

/// `GET /ui/policy/diff?from=N&to=M`
pub(in crate::http::ui) async fn diff(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Query(two): Query<Two>,
) -> Result<Response, Trouble> {
    let (from, to) = (revision(&two.from)?, revision(&two.to)?);
    let differences = site.policy.diff(from, to).await?;
    let rules = site.db.revision(to).await?.map_or_else(String::new, |stored| stored.rules);
    let rules = serde_json::from_str(&rules).map_err(anyhow::Error::from)?;
    shown(&DiffPage {
        page: Page::new(format!("From revision {from} to {to}"), "policy", &viewer),
        from,
        to,
        differences: Differences::new(differences, &rules),
    })
}

/// `POST /ui/policy/rollback`: an old revision becomes the next one, in the place of the one that the page has shown.
pub(in crate::http::ui) async fn roll_back(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Peer(peer): Peer,
    sent: Sent,
) -> Result<Response, Trouble> {
    let bearer = viewer.must(Role::Admin)?;
    let (to, base) = (revision(sent.must("to")?)?, revision(sent.must("base")?)?);
    let origin = Origin { author: bearer.name.clone(), origin: format!("the console from {peer}") };
    site.policy.roll_back(Some(base), to, sent.text("message"), &origin).await?;
    Ok(Redirect::to("/ui/policy?applied=1").into_response())
}
