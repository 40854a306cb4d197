//! `/api/policy`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::super::Site;
use super::super::problem::Problem;

/// `GET /api/policy`: the newest revision.
pub(in crate::http) async fn show(State(site): State<Site>) -> Result<Response, Problem> {
    let Some(latest) = site.db.latest_revision().await? else {
        return Err(Problem::not_found("there is no policy yet: no worker has started"));
    };
    let mut rules: Vec<Value> = serde_json::from_str(&latest.rules)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    // What a name stood for when the revision was made is no part of a rule as an admin writes it.
    let mut digests = Map::new();
    for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
        if let (Some(digest), Some(Value::String(name))) = (rule.remove("digest"), rule.get("name")) {
            digests.insert(name.clone(), digest);
        }
    }
    let policy = json!({
        "revision": latest.revision, "rules": rules, "digests": digests, "message": latest.message,
    });
    Ok(([(ETAG, format!("\"{}\"", latest.revision))], Json(policy)).into_response())
}
