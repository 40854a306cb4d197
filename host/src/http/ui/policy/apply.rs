//! What a draft would change, and its becoming the policy.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use super::super::super::Site;
use super::super::job::{RuleAgain, differences};
use super::super::sent::Fields;
use super::super::{Page, Trouble, Viewer, shown};
use super::draft::{Draft, plain};
use crate::ingest::Summary;
use crate::model::{JobId, Role};
use crate::policy::{Origin, PolicyDiff, PolicyError};

/// Stored bundles that are judged again, where nothing else is asked for, and at most.
const LAST: u32 = 50;
const MOST: u32 = 500;

/// A rule that would be another one.
pub(super) struct Changed {
    pub(super) rule: String,
    /// Its plugin before and after, and the interfaces that only the second imports; none where it stays.
    pub(super) plugin: Option<(String, String, Vec<String>)>,
    /// Where, from what, to what.
    pub(super) fields: Vec<(String, String, String)>,
}

/// Differences between two revisions, as pages show them.
pub(super) struct Differences {
    /// Rules that only the second has, and what they are, as JSON.
    pub(super) added: Vec<(String, String)>,
    pub(super) removed: Vec<String>,
    pub(super) changed: Vec<Changed>,
    pub(super) reordered: bool,
    pub(super) new_imports: Vec<String>,
    pub(super) none: bool,
}

impl Differences {
    /// `rules` are those of the second.
    pub(super) fn new(diff: PolicyDiff, rules: &Value) -> Self {
        let written = |name: String| {
            let rule = rules.as_array().into_iter().flatten().find(|rule| rule["name"] == name.as_str());
            let text = rule.and_then(|rule| serde_json::to_string_pretty(rule).ok()).unwrap_or_default();
            (name, text)
        };
        let none = diff.is_empty();
        let changed = diff.changed.into_iter().map(|change| Changed {
            rule: change.rule,
            plugin: change.plugin.map(|plugin| {
                let name = |name: &crate::policy::PluginName| {
                    format!("{}@{} ({})", name.name, name.version, super::super::words::short(&name.digest))
                };
                (name(&plugin.from), name(&plugin.to), plugin.imports_added)
            }),
            fields: change
                .fields
                .iter()
                .map(|field| (field.at.clone(), plain(&field.from), plain(&field.to)))
                .collect(),
        });
        Self {
            changed: changed.collect(),
            added: diff.added.into_iter().map(written).collect(),
            removed: diff.removed,
            reordered: diff.reordered,
            new_imports: diff.new_imports,
            none,
        }
    }
}

/// A job whose verdict would be another one, or a rule of which would say something else.
struct JobAgain {
    job: JobId,
    then: &'static str,
    now: &'static str,
    changed: bool,
    /// Why it is not accepted now; empty where it is.
    reasons: String,
    rules: Vec<RuleAgain>,
}

struct Replayed {
    summary: Summary,
    jobs: Vec<JobAgain>,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage {
    page: Page,
    base: String,
    carried: String,
    /// The revision in force, where the draft began from another one.
    meanwhile: Option<String>,
    /// Why it cannot be applied.
    mistakes: Vec<String>,
    differences: Option<Differences>,
    replayed: Option<Replayed>,
    last: u32,
    most: u32,
    message: String,
}

/// What a draft would change; with `replay`, what it would say to stored bundles.
pub(super) async fn preview(
    site: &Site,
    viewer: &Viewer,
    draft: Draft,
    sent: &Fields,
    replay: bool,
) -> Result<Response, Trouble> {
    let latest = site.db.latest_revision_number().await?;
    let meanwhile = latest.filter(|latest| *latest != draft.base);
    let (mistakes, differences) = match site.policy.check(&draft.document).await {
        Ok(diff) => {
            let rules = serde_json::to_value(&draft.document.rules).map_err(anyhow::Error::from)?;
            (Vec::new(), Some(Differences::new(diff, &rules)))
        }
        Err(PolicyError::Mistakes(mistakes)) => (mistakes, None),
        Err(error) => return Err(error.into()),
    };
    let last = sent.text("last").and_then(|last| last.parse().ok()).unwrap_or(LAST).clamp(1, MOST);
    let replayed = if replay && mistakes.is_empty() { Some(replayed(site, &draft, last).await?) } else { None };
    shown(&PreviewPage {
        page: Page::new("What would change", "policy", viewer),
        base: meanwhile.unwrap_or(draft.base).to_string(),
        carried: draft.carried()?,
        meanwhile: meanwhile.map(|latest| latest.to_string()),
        mistakes,
        differences,
        replayed,
        last,
        most: MOST,
        message: sent.get("message").unwrap_or_default().to_owned(),
    })
}

async fn replayed(site: &Site, draft: &Draft, last: u32) -> Result<Replayed, Trouble> {
    let candidate = site.policy.candidate(&draft.document).await?;
    let jobs = site.replay.last(last).await?;
    let again = site.replay.jobs(&candidate, &jobs).await?;
    let word = |accepted: bool| if accepted { "accepted" } else { "rejected" };
    let different = again.jobs.iter().filter(|job| !job.rules.is_empty() || job.changed);
    let mut jobs: Vec<JobAgain> = different
        .map(|job| JobAgain {
            job: job.job_id,
            then: job.accepted_then.map_or("never judged", word),
            now: word(job.accepted_now),
            changed: job.changed,
            reasons: job.reasons.clone(),
            rules: differences(job),
        })
        .collect();
    jobs.sort_by_key(|job| !job.changed);
    Ok(Replayed { summary: again.summary, jobs })
}

/// Makes a draft the policy, if the revision that it is to replace is still the newest.
pub(super) async fn apply(
    site: &Site,
    viewer: &Viewer,
    mut draft: Draft,
    sent: &Fields,
    peer: &str,
) -> Result<Response, Trouble> {
    let bearer = viewer.must(Role::Admin)?;
    draft.document.message = sent.text("message").map(str::to_owned);
    let origin = Origin { author: bearer.name.clone(), origin: format!("the console from {peer}") };
    match site.policy.apply(Some(draft.base), &draft.document, &origin).await {
        Ok(_) => Ok(Redirect::to("/ui/policy?applied=1").into_response()),
        // Shown beside what would change, where it can be dealt with.
        Err(PolicyError::Conflict { .. }) => {
            draft.document.message = None;
            Ok((StatusCode::CONFLICT, preview(site, viewer, draft, sent, false).await?).into_response())
        }
        Err(PolicyError::Mistakes(_)) => {
            draft.document.message = None;
            let page = preview(site, viewer, draft, sent, false).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
