//! A policy in the making, and the steps by which it is made.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::super::super::Site;
use super::super::super::caller::Peer;
use super::super::super::problem::Problem;
use super::super::sent::{Fields, Sent};
use super::super::{Trouble, Viewer};
use super::{apply, rule};
use crate::model::{Mode, Revision, Role};
use crate::policy::PolicyDocument;

/// A policy in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The revision that it began from, and in whose place it is to be applied.
    pub(super) base: Revision,
    pub(super) document: PolicyDocument,
}

impl Draft {
    /// The policy in force.
    pub(super) fn of_the_active(site: &Site) -> Result<Self, Trouble> {
        let active = site.policy.active();
        let base = active.revision.ok_or_else(|| Problem::not_found("there is no policy yet"))?;
        Ok(Self { base, document: active.document() })
    }

    /// What a form carries; the policy in force where it carries none.
    pub(super) fn of(site: &Site, sent: &Fields) -> Result<Self, Trouble> {
        let Some(text) = sent.get("draft") else { return Self::of_the_active(site) };
        let document = serde_json::from_str(text)
            .map_err(|error| Problem::bad_request(format!("the draft cannot be read: {error}")))?;
        let mut draft = Self { base: super::revision(sent.must("base")?)?, document };
        for (index, rule) in draft.document.rules.iter_mut().enumerate() {
            match sent.get(&format!("mode.{index}")) {
                Some("enforce") => rule.mode = Mode::Enforce,
                Some("shadow") => rule.mode = Mode::Shadow,
                Some("off") => rule.mode = Mode::Off,
                _ => {}
            }
        }
        Ok(draft)
    }

    /// As the next form carries it.
    pub(super) fn carried(&self) -> Result<String, Trouble> {
        Ok(serde_json::to_string(&self.document).map_err(anyhow::Error::from)?)
    }

    /// The digest that a rule is held to.
    pub(super) fn digest(&self, rule: &str) -> Option<&str> {
        self.document.digests.get(rule).map(String::as_str)
    }

    fn remove(&mut self, index: usize) {
        if index < self.document.rules.len() {
            let rule = self.document.rules.remove(index);
            self.document.digests.remove(&rule.name);
        }
    }
}

/// `POST /ui/policy/draft`: one step. Nothing of it is kept here.
pub(in crate::http::ui) async fn step(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Peer(peer): Peer,
    sent: Sent,
) -> Result<Response, Trouble> {
    viewer.must(Role::Operator)?;
    let mut draft = Draft::of(&site, &sent)?;
    let action = sent.get("action").unwrap_or_default();
    let (what, about) = action.split_once(':').unwrap_or((action, ""));
    let index: Option<usize> = about.parse().ok();
    let count = draft.document.rules.len();
    match (what, index) {
        ("up", Some(at)) if (1..count).contains(&at) => draft.document.rules.swap(at, at - 1),
        ("down", Some(at)) if at + 1 < count => draft.document.rules.swap(at, at + 1),
        ("remove", Some(at)) => draft.remove(at),
        ("edit", Some(at)) => return rule::edit(&site, &viewer, draft, at).await,
        ("add", _) => return rule::add(&site, &viewer, draft, sent.text("plugin").unwrap_or_default()).await,
        ("plugin" | "more" | "less" | "keep", _) => {
            return match rule::sent(&site, &viewer, draft, &sent, what, about).await? {
                rule::Outcome::Page(page) => Ok(page),
                rule::Outcome::Kept(draft) => super::page(&site, &viewer, draft, false).await,
            };
        }
        ("preview" | "replay", _) => return apply::preview(&site, &viewer, draft, &sent, what == "replay").await,
        ("apply", _) => return apply::apply(&site, &viewer, draft, &sent, &peer).await,
        _ => {}
    }
    super::page(&site, &viewer, draft, false).await
}

/// A value of a rule as people read it in a difference.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}
