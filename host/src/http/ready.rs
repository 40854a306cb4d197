//! `/readyz`: whether this process can do its work, and what keeps it from it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use crate::db::RuleMark;
use crate::model::Revision;

#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    pub(super) checks: Vec<Check>,
    /// The revision that judges on this node.
    revision: Option<Revision>,
    /// Rules that failed too often in a row. They keep nobody from working.
    pub(super) unhealthy_rules: Vec<RuleMark>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) ok: bool,
    /// What is wrong; empty where nothing is.
    pub(super) detail: String,
}

/// 204: the process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    operation_id = "isHealthy",
    summary = "Whether this process answers",
    responses((status = 204, description = "It does")),
)]
pub(super) async fn healthy() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// 200 where everything that is needed answers, 503 where not.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    operation_id = "isReady",
    summary = "Whether this process can do its work",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot; `checks` says why", body = Readiness),
    ),
)]
pub(super) async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, Json<Readiness>) {
    let readiness = Readiness::of(&site).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

impl Readiness {
    /// How things stand at this moment.
    pub(super) async fn of(site: &Site) -> Self {
        let database = site.db.ping().await.err().map(|error| error.to_string());
        let marks = if database.is_none() { site.policy.unhealthy().await.unwrap_or_default() } else { Vec::new() };
        let spool = site.intake.spool.folder().to_owned();
        let spool = tokio::fs::metadata(&spool).await.err().map(|error| format!("{}: {error}", spool.display()));
        let check =
            |name, wrong: Option<String>| Check { name, ok: wrong.is_none(), detail: wrong.unwrap_or_default() };
        let checks = vec![check("database", database), check("spool", spool)];
        let ready = checks.iter().all(|check| check.ok);
        Self { ready, checks, revision: site.policy.active().revision, unhealthy_rules: marks }
    }
}
