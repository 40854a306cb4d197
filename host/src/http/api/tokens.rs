//! `/api/tokens`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Site;
use super::super::access::Who;
use super::super::path::Named;
use super::super::problem::Problem;
use super::policy::body;
use crate::access;
use crate::db::TokenRecord;
use crate::model::{Role, Timestamp};

/// All tokens.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Tokens {
    tokens: Vec<TokenRecord>,
}

/// `GET /api/tokens`: all of them, without their secrets.
#[utoipa::path(
    get,
    path = "/api/tokens",
    tag = "tokens",
    operation_id = "listTokens",
    summary = "Tokens, without their secrets",
    security(("token" = ["admin"])),
    responses((status = 200, description = "All of them", body = Tokens)),
)]
pub(in crate::http) async fn list(State(site): State<Arc<Site>>, who: Who) -> Result<Json<Tokens>, Problem> {
    who.must(Role::Admin)?;
    Ok(Json(Tokens { tokens: site.db.tokens().await? }))
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewToken {
    /// A person or a program.
    name: String,
    role: Role,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
struct MadeToken {
    /// The part of it that is shown later.
    id: String,
    name: String,
    role: Role,
    /// All of it.
    token: String,
}

/// `POST /api/tokens`: the answer is the only one that shows the token.
#[utoipa::path(
    post,
    path = "/api/tokens",
    tag = "tokens",
    operation_id = "createToken",
    summary = "Make a token",
    security(("token" = ["admin"])),
    request_body(content = NewToken, example = json!({"name": "beamline 7", "role": "uploader"})),
    responses(
        (status = 201, description = "The token. It is shown here and never again", body = MadeToken),
        (status = 400, description = "The body is no JSON"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "The body is not what is asked for"),
    ),
)]
pub(in crate::http) async fn create(
    State(site): State<Arc<Site>>,
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
    let view = MadeToken { id: record.id, name: record.name, role, token };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// `DELETE /api/tokens/{id}`: it is good for nothing any more.
#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    tag = "tokens",
    operation_id = "revokeToken",
    summary = "Revoke a token",
    params(("id" = String, Path, description = "The part of it that is shown")),
    security(("token" = ["admin"])),
    responses(
        (status = 204, description = "It is good for nothing any more"),
        (status = 400, description = "The id is no text"),
        (status = 404, description = "There is no such token that is good"),
    ),
)]
pub(in crate::http) async fn revoke(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(id): Named<String>,
) -> Result<StatusCode, Problem> {
    let bearer = who.must(Role::Admin)?;
    if !site.db.revoke_token(&id, Timestamp::now()).await? {
        return Err(Problem::not_found(format!("there is no token {id:?} that is good")));
    }
    tracing::info!(token = id, by = bearer.name, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}
