//! `/api/policy`

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::Site;
use super::super::access::Who;
use super::super::caller::Peer;
use super::super::problem::Problem;
use super::id;
use crate::db::StoredRevision;
use crate::model::{Revision, Role, Timestamp};
use crate::policy::{Origin, PolicyDiff, PolicyDocument};

/// Revisions on a page, where nothing else is asked for, and at most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1_000;

/// `GET /api/policy`: the newest revision.
pub(in crate::http) async fn show(State(site): State<Site>) -> Result<Response, Problem> {
    let Some(latest) = site.db.latest_revision().await? else {
        return Err(Problem::not_found("there is no policy yet: no worker has started"));
    };
    tagged(&latest)
}

/// A revision as the API shows it, with its number as the entity tag.
fn tagged(stored: &StoredRevision) -> Result<Response, Problem> {
    Ok(([(ETAG, format!("\"{}\"", stored.revision))], Json(whole(stored)?)).into_response())
}

fn whole(stored: &StoredRevision) -> Result<Value, Problem> {
    let mut rules: Vec<Value> = serde_json::from_str(&stored.rules).map_err(anyhow::Error::from)?;
    // What a name stood for when the revision was made is no part of a rule as an admin writes it.
    let mut digests = Map::new();
    for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
        if let (Some(digest), Some(Value::String(name))) = (rule.remove("digest"), rule.get("name")) {
            digests.insert(name.clone(), digest);
        }
    }
    Ok(json!({
        "revision": stored.revision, "rules": rules, "digests": digests, "message": stored.message,
        "author": stored.author, "origin": stored.origin, "created": stored.created,
    }))
}

/// `PUT /api/policy`: the policy, whole, in the place of the revision that `If-Match` names.
pub(in crate::http) async fn replace(
    State(site): State<Site>,
    who: Who,
    peer: Peer,
    headers: HeaderMap,
    document: Result<Json<PolicyDocument>, JsonRejection>,
) -> Result<Response, Problem> {
    let bearer = who.must(Role::Admin)?;
    let base = base(&headers)?.ok_or_else(|| {
        let why = "say which revision this is to replace: If-Match: \"N\", with the N that GET /api/policy answers";
        Problem::new(StatusCode::PRECONDITION_REQUIRED, why)
    })?;
    let document = body(document)?;
    let origin = origin(&bearer.name, "PUT /api/policy", &peer);
    let snapshot = site.policy.apply(Some(base), &document, &origin).await?;
    stored(&site, snapshot.revision).await
}

/// `POST /api/policy/check`: what `PUT` would say to this, and what it would change.
pub(in crate::http) async fn check(
    State(site): State<Site>,
    who: Who,
    document: Result<Json<PolicyDocument>, JsonRejection>,
) -> Result<Json<PolicyDiff>, Problem> {
    who.must(Role::Operator)?;
    Ok(Json(site.policy.check(&body(document)?).await?))
}

/// What to go back to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Rollback {
    to: Revision,
    message: Option<String>,
}

/// `POST /api/policy/rollback`: an old revision becomes the next one.
pub(in crate::http) async fn roll_back(
    State(site): State<Site>,
    who: Who,
    peer: Peer,
    headers: HeaderMap,
    asked: Result<Json<Rollback>, JsonRejection>,
) -> Result<Response, Problem> {
    let bearer = who.must(Role::Admin)?;
    let Rollback { to, message } = body(asked)?;
    let origin = origin(&bearer.name, "POST /api/policy/rollback", &peer);
    let snapshot = site.policy.roll_back(base(&headers)?, to, message.as_deref(), &origin).await?;
    stored(&site, snapshot.revision).await
}

async fn stored(site: &Site, revision: Option<Revision>) -> Result<Response, Problem> {
    let stored = match revision {
        Some(revision) => site.db.revision(revision).await?,
        None => None,
    };
    tagged(&stored.ok_or_else(|| Problem::not_found("the revision is gone"))?)
}

/// Which revisions to list. `before` is the `next` of the page before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Paging {
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(in crate::http) struct Revisions {
    revisions: Vec<RevisionView>,
    /// What to give as `before` for the next page; null on the last.
    next: Option<Revision>,
}

/// A revision without its rules.
#[derive(Serialize)]
struct RevisionView {
    revision: Revision,
    message: String,
    author: String,
    origin: String,
    created: Timestamp,
}

/// `GET /api/policy/revisions`: newest first.
pub(in crate::http) async fn revisions(
    State(site): State<Site>,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<Revisions>, Problem> {
    let Query(paging) = paging.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = paging.limit.unwrap_or(PAGE);
    if limit == 0 || limit > LARGEST_PAGE {
        return Err(Problem::bad_request(format!("limit must be from 1 to {LARGEST_PAGE}")));
    }
    let stored = site.db.revisions(paging.before.map(Revision::new), limit).await?;
    let next = stored.last().map(|last| last.revision).filter(|last| stored.len() == limit as usize && last.get() > 1);
    let view = |stored: StoredRevision| {
        let StoredRevision { revision, message, author, origin, created, .. } = stored;
        RevisionView { revision, message, author, origin, created }
    };
    Ok(Json(Revisions { revisions: stored.into_iter().map(view).collect(), next }))
}

/// `GET /api/policy/revisions/{n}`
pub(in crate::http) async fn revision(State(site): State<Site>, Path(n): Path<String>) -> Result<Response, Problem> {
    let n: Revision = id(&n, "revision")?;
    let stored = site.db.revision(n).await?.ok_or_else(|| Problem::not_found(format!("there is no revision {n}")))?;
    tagged(&stored)
}

/// `GET /api/policy/revisions/{n}/diff/{m}`: what `m` says that `n` does not.
pub(in crate::http) async fn diff(
    State(site): State<Site>,
    Path((n, m)): Path<(String, String)>,
) -> Result<Json<PolicyDiff>, Problem> {
    Ok(Json(site.policy.diff(id(&n, "revision")?, id(&m, "revision")?).await?))
}

/// `GET /api/policy/marks`: rules that failed too often in a row.
pub(in crate::http) async fn marks(State(site): State<Site>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "marks": site.policy.unhealthy().await? })))
}

/// `DELETE /api/policy/marks/{rule}`: an admin takes a rule for mended.
pub(in crate::http) async fn lift(
    State(site): State<Site>,
    who: Who,
    Path(rule): Path<String>,
) -> Result<StatusCode, Problem> {
    let bearer = who.must(Role::Operator)?;
    if !site.policy.lift(&rule).await? {
        return Err(Problem::not_found(format!("there is no mark on a rule {rule:?}")));
    }
    tracing::info!(rule, by = bearer.name, "the mark on a rule was lifted");
    Ok(StatusCode::NO_CONTENT)
}

/// The revision that `If-Match` names.
fn base(headers: &HeaderMap) -> Result<Option<Revision>, Problem> {
    let Some(tag) = headers.get(IF_MATCH) else { return Ok(None) };
    let number = tag.to_str().ok().and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    let number: Revision = number
        .ok_or_else(|| Problem::bad_request("If-Match must be the revision's number in quotes, such as \"3\""))?;
    Ok(Some(number))
}

fn origin(author: &str, call: &str, Peer(peer): &Peer) -> Origin {
    Origin { author: author.to_owned(), origin: format!("{call} from {peer}") }
}

/// The JSON of a body; what is wrong with it, in the words of who could not read it.
pub(super) fn body<T>(given: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    match given {
        Ok(Json(value)) => Ok(value),
        Err(error) => Err(Problem::new(error.status(), error.body_text())),
    }
}
