//! `/ui/policy/shadow/{rule}`: what a rule in shadow would have done.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::super::Site;
use super::super::super::problem::Problem;
use super::super::evidence::FindingView;
use super::super::{Page, Trouble, Viewer, shown};
use super::LOOK_BACK;
use crate::model::JobId;

/// A job whose verdict would have been another one.
struct Differing {
    job: JobId,
    failure: String,
    findings: Vec<FindingView>,
}

#[derive(Template)]
#[template(path = "shadow.html")]
struct ShadowPage {
    page: Page,
    rule: String,
    index: usize,
    look_back: u32,
    judged: usize,
    passed: usize,
    rejected: usize,
    failed: usize,
    differ: Vec<Differing>,
    /// For the form that makes it decide.
    base: String,
    carried: String,
}

/// `GET /ui/policy/shadow/{rule}`
pub(in crate::http::ui) async fn show(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    Path(rule): Path<String>,
) -> Result<Response, Trouble> {
    let draft = super::Draft::of_the_active(&site)?;
    let mut tallies = site.policy.shadows(LOOK_BACK).await?;
    let found = tallies.remove(&rule).zip(draft.document.rules.iter().position(|known| known.name == rule));
    let (tally, index) =
        found.ok_or_else(|| Problem::not_found(format!("the active policy has no rule {rule:?} in shadow")))?;
    let differing = |(job, entry): &(JobId, crate::model::RuleReport)| Differing {
        job: *job,
        failure: entry
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| format!("{}: {}", failure.kind.name(), failure.message)),
        findings: entry.findings.iter().map(|finding| FindingView::new(&entry.rule, entry.mode, finding)).collect(),
    };
    shown(&ShadowPage {
        page: Page::new(format!("{rule} in shadow"), "policy", &viewer),
        index,
        look_back: LOOK_BACK,
        judged: tally.judged,
        passed: tally.passed,
        rejected: tally.rejected,
        failed: tally.failed,
        differ: tally.differ.iter().map(differing).collect(),
        base: draft.base.to_string(),
        carried: draft.carried()?,
        rule,
    })
}
