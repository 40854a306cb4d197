//! `/api/tokens`

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Site;
use super::super::access::Who;
use super::super::problem::Problem;
use super::policy::body;
use crate::access;
use crate::model::{Role, Timestamp};

/// `GET /api/tokens`: all of them, without their secrets.
pub(in crate::http) async fn list(State(site): State<Site>, who: Who) -> Result<Json<Value>, Problem> {
    who.must(Role::Admin)?;
    Ok(Json(json!({ "tokens": site.db.tokens().await? })))
}

/// A token to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewToken {
    name: String,
    role: Role,
}

/// `POST /api/tokens`: the answer is the only one that shows the token.
pub(in crate::http) async fn create(
    State(site): State<Site>,
    who: Who,
    asked: Result<Json<NewToken>, JsonRejection>,
) -> Result<Response, Problem> {
    let bearer = who.must(Role::Admin)?;
    let NewToken { name, role } = body(asked)?;
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(Problem::bad_request("name: give the token the name of a person or a program"));
    }
    let (record, token) = access::new_token(name.trim(), role, &bearer.name, Timestamp::now());
    site.db.put_token(&record).await?;
    tracing::info!(token = record.id, name = record.name, %role, by = bearer.name, "a token was made");
    let view = json!({ "id": record.id, "name": record.name, "role": role, "token": token });
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// `DELETE /api/tokens/{id}`: it is good for nothing any more.
pub(in crate::http) async fn revoke(
    State(site): State<Site>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let bearer = who.must(Role::Admin)?;
    if !site.db.revoke_token(&id, Timestamp::now()).await? {
        return Err(Problem::not_found(format!("there is no token {id:?} that is good")));
    }
    tracing::info!(token = id, by = bearer.name, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}
