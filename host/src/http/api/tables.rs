//! `/api/tables`: what admins load for rules to read.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderMap};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::Site;
use super::super::access::Who;
use super::super::body::whole;
use super::super::problem::Problem;
use crate::db::{TableRecord, TableUse};
use crate::model::{LARGEST_TABLE, Role, Table, TableFormat, TableName};

/// How a table is to be read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Reading {
    /// The column that holds the keys; the first one where it is not given.
    key: Option<String>,
}

/// A table's newest version, and the ones before.
#[derive(Serialize)]
pub(in crate::http) struct TableView {
    #[serde(flatten)]
    newest: TableRecord,
    /// All of them, newest first.
    versions: Vec<TableRecord>,
}

/// `GET /api/tables`
pub(in crate::http) async fn list(State(site): State<Site>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "tables": site.policy.tables().list().await? })))
}

/// `GET /api/tables/{name}`
pub(in crate::http) async fn show(
    State(site): State<Site>,
    Path(name): Path<String>,
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// The newest where none is given.
    digest: Option<String>,
}

/// `GET /api/tables/{name}/csv?digest=`: a version as it is kept. Tables may name people, so not everybody reads them.
pub(in crate::http) async fn csv(
    State(site): State<Site>,
    who: Who,
    Path(name): Path<String>,
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
pub(in crate::http) async fn put(
    State(site): State<Site>,
    who: Who,
    Path(name): Path<String>,
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
    let read = read.map_err(|_| Problem::unavailable("the gate is stopping; send it again"))?;
    let table = read.map_err(|mistakes| {
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
pub(in crate::http) async fn remove(
    State(site): State<Site>,
    who: Who,
    Path(name): Path<String>,
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
