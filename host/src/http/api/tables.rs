//! `/api/tables`: what admins load for rules to read.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderMap};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Site;
use super::super::access::Who;
use super::super::body::whole;
use super::super::path::Named;
use super::super::problem::Problem;
use crate::db::{TableRecord, TableUse};
use crate::model::{LARGEST_TABLE, Role, Table, TableFormat, TableName};

/// How a table is to be read.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Reading {
    /// The column that holds the keys; the first one where it is not given.
    key: Option<String>,
}

/// A table's newest version, and the ones before.
#[derive(Serialize, ToSchema)]
#[schema(as = TableVersions)]
pub(in crate::http) struct TableView {
    #[serde(flatten)]
    newest: TableRecord,
    /// All of them, newest first.
    versions: Vec<TableRecord>,
}

/// The newest version of each table.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Tables {
    tables: Vec<TableRecord>,
}

/// `GET /api/tables`
#[utoipa::path(
    get,
    path = "/api/tables",
    tag = "tables",
    operation_id = "listTables",
    summary = "Lookup tables",
    responses((status = 200, description = "The newest version of each", body = Tables)),
)]
pub(in crate::http) async fn list(State(site): State<Arc<Site>>) -> Result<Json<Tables>, Problem> {
    Ok(Json(Tables { tables: site.policy.tables().list().await? }))
}

/// `GET /api/tables/{name}`
#[utoipa::path(
    get,
    path = "/api/tables/{name}",
    tag = "tables",
    operation_id = "getTable",
    summary = "A table and its versions",
    params(("name" = TableName, Path, description = "The table")),
    responses(
        (status = 200, description = "Its newest version, and all of them", body = TableView),
        (status = 400, description = "The name is no text"),
        (status = 404, description = "There is no such table"),
    ),
)]
pub(in crate::http) async fn show(
    State(site): State<Arc<Site>>,
    Named(name): Named<String>,
) -> Result<Json<TableView>, Problem> {
    let versions = site.policy.tables().versions(&known(&name)?).await?;
    let newest = versions.first().ok_or_else(|| unknown(&name))?.clone();
    Ok(Json(TableView { newest, versions }))
}

/// A name that is none names nothing.
fn known(name: &str) -> Result<TableName, Problem> {
    name.parse().map_err(|_| unknown(name))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("there is no table {name:?}"))
}

/// Which version of a table.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Wanted {
    /// The newest where none is given.
    digest: Option<String>,
}

/// `GET /api/tables/{name}/csv?digest=`: a version as it is kept. Tables may name people, so not everybody reads them.
#[utoipa::path(
    get,
    path = "/api/tables/{name}/csv",
    tag = "tables",
    operation_id = "getTableContents",
    summary = "The contents of a table",
    params(("name" = TableName, Path, description = "The table"), Wanted),
    security(("token" = ["operator"])),
    responses(
        (status = 200, description = "A version as it is kept", body = String, content_type = "text/csv", headers(("etag" = String))),
        (status = 400, description = "A parameter is none"),
        (status = 404, description = "There is no such table or version"),
    ),
)]
pub(in crate::http) async fn csv(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(name): Named<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    who.must(Role::Operator)?;
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (table, tables) = (known(&name)?, site.policy.tables());
    let digest = match wanted.digest {
        Some(digest) => digest,
        None => tables.versions(&table).await?.first().ok_or_else(|| unknown(&name))?.digest.clone(),
    };
    let csv = tables.csv(&table, &digest).await?;
    let csv = csv.ok_or_else(|| Problem::not_found(format!("there is no version {digest} of a table {name:?}")))?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (ETAG, format!("\"{digest}\"")),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{table}.csv\"")),
    ];
    Ok((headers, csv).into_response())
}

/// `PUT /api/tables/{name}?key=COLUMN`: a table as CSV or JSON becomes the newest version of its name.
#[utoipa::path(
    put,
    path = "/api/tables/{name}",
    tag = "tables",
    operation_id = "putTable",
    summary = "Load a table",
    params(("name" = TableName, Path, description = "The table"), Reading),
    security(("token" = ["admin"])),
    request_body(content(
        (String = "text/csv", example = "project,pi\n1234a,Ada\n"),
        (Vec<std::collections::BTreeMap<String, String>> = "application/json"),
    )),
    responses(
        (status = 200, description = "It is the newest version already", body = TableRecord),
        (status = 201, description = "A new version", body = TableRecord),
        (status = 400, description = "The name or a parameter is none, or the table did not arrive whole"),
        (status = 408, description = "The table did not arrive in time"),
        (status = 413, description = "The table is too large"),
        (status = 415, description = "It is neither CSV nor JSON"),
        (status = 422, description = "The table cannot be used; `errors` has each mistake"),
    ),
)]
pub(in crate::http) async fn put(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(name): Named<String>,
    reading: Result<Query<Reading>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let bearer = who.must(Role::Admin)?;
    let Query(Reading { key }) = reading.map_err(|error| Problem::bad_request(error.body_text()))?;
    let name: TableName = name.parse().map_err(Problem::bad_request)?;
    let format = format(request.headers())?;
    let bytes = whole(request.into_body(), LARGEST_TABLE as u64, site.settings.idle_timeout).await?;
    // Large ones take their time, and other calls are not to wait for them.
    let read = tokio::task::spawn_blocking(move || Table::parse(&bytes, format, key.as_deref())).await;
    let table = read?.map_err(|mistakes| {
        let detail = format!("the table cannot be used; nothing was changed: {}", mistakes.join("; "));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).errors(mistakes)
    })?;
    let (record, fresh) = site.policy.tables().put(name, &table, &bearer.name).await?;
    if fresh {
        tracing::info!(table = %record.name, version = record.version, digest = record.digest, by = bearer.name, "loaded");
    }
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(record)).into_response())
}

fn format(headers: &HeaderMap) -> Result<TableFormat, Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/csv" => Ok(TableFormat::Csv),
        "application/json" => Ok(TableFormat::Json),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send a table as Content-Type: text/csv or application/json",
        )),
    }
}

/// `DELETE /api/tables/{name}`: with all its versions.
#[utoipa::path(
    delete,
    path = "/api/tables/{name}",
    tag = "tables",
    operation_id = "removeTable",
    summary = "Remove a table with all its versions",
    params(("name" = TableName, Path, description = "The table")),
    security(("token" = ["admin"])),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "The name is no text"),
        (status = 404, description = "There is no such table"),
        (status = 409, description = "A revision grants it to a rule"),
    ),
)]
pub(in crate::http) async fn remove(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    let bearer = who.must(Role::Admin)?;
    match site.policy.tables().remove(&known(&name)?).await? {
        TableUse::Removed => {
            tracing::info!(table = name, by = bearer.name, "removed");
            Ok(StatusCode::NO_CONTENT)
        }
        TableUse::NoSuchTable => Err(unknown(&name)),
        TableUse::Revision(revision) => {
            let why = format!(
                "revision {revision} of the policy grants {name} to a rule; revisions are kept so that a verdict can be run \
                 again, and their tables with them"
            );
            Err(Problem::new(StatusCode::CONFLICT, why))
        }
    }
}
