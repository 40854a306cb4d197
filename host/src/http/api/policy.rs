//! `/api/policy`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::super::Site;
use super::super::access::Who;
use super::super::caller::Peer;
use super::super::path::Named;
use super::super::problem::Problem;
use super::id;
use crate::db::{RuleMark, StoredRevision};
use crate::model::{Revision, Role, Timestamp};
use crate::policy::{Origin, PolicyDiff, PolicyDocument, Rule};

/// Revisions on a page, where nothing else is asked for, and at most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1_000;

/// `GET /api/policy`: the newest revision.
#[utoipa::path(
    get,
    path = "/api/policy",
    tag = "policy",
    operation_id = "getPolicy",
    summary = "The policy in force",
    responses(
        (status = 200, description = "The newest revision", body = PolicyView, headers(("etag" = String, description = "The number of the revision, in quotes"))),
        (status = 404, description = "There is none yet"),
    ),
)]
pub(in crate::http) async fn show(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    let Some(latest) = site.db.latest_revision().await? else {
        return Err(Problem::not_found("there is no policy yet: no worker has started"));
    };
    tagged(&latest)
}

/// A revision as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyRevision)]
struct PolicyView {
    revision: Revision,
    /// The rules, as an admin wrote them.
    #[schema(value_type = Vec<Rule>)]
    rules: Vec<Value>,
    /// By the names of rules, the digests of the plugins that they run.
    digests: BTreeMap<String, String>,
    message: String,
    author: String,
    /// Which call or file it came from.
    origin: String,
    created: Timestamp,
}

/// The same, with its number as the entity tag.
fn tagged(stored: &StoredRevision) -> Result<Response, Problem> {
    Ok(([(ETAG, format!("\"{}\"", stored.revision))], Json(whole(stored)?)).into_response())
}

fn whole(stored: &StoredRevision) -> Result<PolicyView, Problem> {
    let mut rules: Vec<Value> = serde_json::from_str(&stored.rules).map_err(anyhow::Error::from)?;
    // What a name stood for when the revision was made is no part of a rule as an admin writes it.
    let mut digests = BTreeMap::new();
    for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
        if let (Some(Value::String(digest)), Some(Value::String(name))) = (rule.remove("digest"), rule.get("name")) {
            digests.insert(name.clone(), digest);
        }
    }
    let StoredRevision { revision, message, author, origin, created, .. } = stored.clone();
    Ok(PolicyView { revision, rules, digests, message, author, origin, created })
}

/// `PUT /api/policy`: the policy, whole, in the place of the revision that `If-Match` names.
#[utoipa::path(
    put,
    path = "/api/policy",
    tag = "policy",
    operation_id = "putPolicy",
    summary = "Replace the policy",
    params(("if-match" = String, Header, description = "The revision that this is to replace, in quotes, as `etag` shows it", example = "\"3\"")),
    security(("token" = ["admin"])),
    request_body(content = PolicyDocument, example = json!({"rules": [{"name": "keys", "plugin": "required-keys", "config": {"keys": [{"key": "Temp C"}]}}], "message": "why"})),
    responses(
        (status = 200, description = "The new revision", body = PolicyView, headers(("etag" = String, description = "The number of the revision, in quotes"))),
        (status = 412, description = "Another revision is in force"),
        (status = 428, description = "If-Match is missing"),
        (status = 400, description = "The body is no JSON"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "The policy cannot be used; `errors` has each mistake"),
    ),
)]
pub(in crate::http) async fn replace(
    State(site): State<Arc<Site>>,
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
#[utoipa::path(
    post,
    path = "/api/policy/check",
    tag = "policy",
    operation_id = "checkPolicy",
    summary = "What a policy would change, and whether it can be used",
    security(("token" = ["operator"])),
    request_body(content = PolicyDocument, example = json!({"rules": [{"name": "keys", "plugin": "required-keys", "config": {"keys": [{"key": "Temp C"}]}}], "message": "why"})),
    responses(
        (status = 200, description = "What it would change", body = PolicyDiff),
        (status = 400, description = "The body is no JSON"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "The policy cannot be used; `errors` has each mistake"),
    ),
)]
pub(in crate::http) async fn check(
    State(site): State<Arc<Site>>,
    who: Who,
    document: Result<Json<PolicyDocument>, JsonRejection>,
) -> Result<Json<PolicyDiff>, Problem> {
    who.must(Role::Operator)?;
    Ok(Json(site.policy.check(&body(document)?).await?))
}

/// What to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Rollback {
    to: Revision,
    message: Option<String>,
}

/// `POST /api/policy/rollback`: an old revision becomes the next one.
#[utoipa::path(
    post,
    path = "/api/policy/rollback",
    tag = "policy",
    operation_id = "rollBackPolicy",
    summary = "Make an old revision the next one",
    params(("if-match" = Option<String>, Header, description = "The revision that this is to replace, in quotes")),
    security(("token" = ["admin"])),
    request_body(content = Rollback, example = json!({"to": 1, "message": "as it was"})),
    responses(
        (status = 200, description = "The new revision", body = PolicyView, headers(("etag" = String, description = "The number of the revision, in quotes"))),
        (status = 404, description = "There is no such revision"),
        (status = 412, description = "Another revision is in force"),
        (status = 400, description = "The body is no JSON"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "The revision cannot be used any more"),
    ),
)]
pub(in crate::http) async fn roll_back(
    State(site): State<Arc<Site>>,
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
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Paging {
    /// The `next` of the page before.
    before: Option<i64>,
    /// How many at the most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Revisions {
    revisions: Vec<RevisionView>,
    /// What to give as `before` for the next page; null on the last.
    next: Option<Revision>,
}

/// A revision without its rules.
#[derive(Serialize, ToSchema)]
#[schema(as = RevisionHead)]
struct RevisionView {
    revision: Revision,
    message: String,
    author: String,
    origin: String,
    created: Timestamp,
}

/// `GET /api/policy/revisions`: newest first.
#[utoipa::path(
    get,
    path = "/api/policy/revisions",
    tag = "policy",
    operation_id = "listRevisions",
    summary = "Revisions, newest first",
    params(Paging),
    responses(
        (status = 200, description = "A page of revisions, without their rules", body = Revisions),
        (status = 400, description = "A parameter is none"),
    ),
)]
pub(in crate::http) async fn revisions(
    State(site): State<Arc<Site>>,
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
#[utoipa::path(
    get,
    path = "/api/policy/revisions/{n}",
    tag = "policy",
    operation_id = "getRevision",
    summary = "A revision",
    params(("n" = Revision, Path, description = "Its number")),
    responses(
        (status = 200, description = "The revision", body = PolicyView, headers(("etag" = String, description = "The number of the revision, in quotes"))),
        (status = 400, description = "The number is none"),
        (status = 404, description = "There is no such revision"),
    ),
)]
pub(in crate::http) async fn revision(
    State(site): State<Arc<Site>>,
    Named(n): Named<String>,
) -> Result<Response, Problem> {
    let n: Revision = id(&n, "revision")?;
    let stored = site.db.revision(n).await?.ok_or_else(|| Problem::not_found(format!("there is no revision {n}")))?;
    tagged(&stored)
}

/// `GET /api/policy/revisions/{n}/diff/{m}`: what `m` says that `n` does not.
#[utoipa::path(
    get,
    path = "/api/policy/revisions/{n}/diff/{m}",
    tag = "policy",
    operation_id = "diffRevisions",
    summary = "What one revision says that another does not",
    params(("n" = Revision, Path, description = "The first"), ("m" = Revision, Path, description = "The second")),
    responses(
        (status = 200, description = "The differences", body = PolicyDiff),
        (status = 400, description = "A number is none"),
        (status = 404, description = "There is no such revision"),
        (status = 422, description = "A revision cannot be read any more"),
    ),
)]
pub(in crate::http) async fn diff(
    State(site): State<Arc<Site>>,
    Named((n, m)): Named<(String, String)>,
) -> Result<Json<PolicyDiff>, Problem> {
    Ok(Json(site.policy.diff(id(&n, "revision")?, id(&m, "revision")?).await?))
}

/// Rules that failed too often in a row.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Marks {
    marks: Vec<RuleMark>,
}

/// `GET /api/policy/marks`: rules that failed too often in a row.
#[utoipa::path(
    get,
    path = "/api/policy/marks",
    tag = "policy",
    operation_id = "listMarks",
    summary = "Rules that failed too often in a row",
    responses((status = 200, description = "The marks", body = Marks)),
)]
pub(in crate::http) async fn marks(State(site): State<Arc<Site>>) -> Result<Json<Marks>, Problem> {
    Ok(Json(Marks { marks: site.policy.unhealthy().await? }))
}

/// `DELETE /api/policy/marks/{rule}`: an admin takes a rule for mended.
#[utoipa::path(
    delete,
    path = "/api/policy/marks/{rule}",
    tag = "policy",
    operation_id = "liftMark",
    summary = "Take a rule for mended",
    params(("rule" = String, Path, description = "The rule")),
    security(("token" = ["operator"])),
    responses(
        (status = 204, description = "The mark is gone"),
        (status = 400, description = "The name is no text"),
        (status = 404, description = "There is no mark on it"),
    ),
)]
pub(in crate::http) async fn lift(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(rule): Named<String>,
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
    let Json(value) = given?;
    Ok(value)
}
