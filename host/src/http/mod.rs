//! The HTTP side: which call is answered where, and nothing else on this page.

mod api;
mod body;
mod caller;
mod legacy;
mod legacy_error;
mod problem;
mod serve;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, head, post};
use tower_http::catch_panic::CatchPanicLayer;

pub use serve::serve;

use crate::config::HttpSettings;
use crate::db::Db;
use crate::ingest::{Intake, Uploads};
use crate::policy::PolicyBook;
use crate::seams::archive::Archive;

/// What handlers need.
#[derive(Clone)]
pub struct Site {
    /// Receives bundles.
    pub intake: Intake,
    /// Where jobs are kept.
    pub db: Db,
    /// Where files are.
    pub archive: Arc<dyn Archive>,
    /// The rules, for dry runs.
    pub policy: Arc<PolicyBook>,
    /// What is set.
    pub settings: Arc<HttpSettings>,
    /// The largest document of a move, in bytes.
    pub max_document: u64,
    /// Receives bundles in parts.
    pub in_parts: Uploads,
    /// A permit for each upload that is being received.
    pub uploads: Arc<tokio::sync::Semaphore>,
}

/// The calls of one upload that arrives in parts.
fn upload_in_parts() -> MethodRouter<Site> {
    use api::uploads::{delete, options, overridden, patch, show};
    head(show).patch(patch).delete(delete).post(overridden).options(options)
}

/// All calls.
pub fn router(site: Site) -> Router {
    let legacy = Router::new()
        .route("/", get(legacy::root))
        .route("/upload", post(legacy::upload))
        .route("/upload/", post(legacy::upload))
        .route("/ingest", post(legacy::upload))
        .route("/ingest/", post(legacy::upload))
        .route("/move", post(legacy::relocate))
        .route("/move/", post(legacy::relocate))
        .route("/get_state", get(legacy::get_state))
        .route("/get_state/", get(legacy::get_state))
        .method_not_allowed_fallback(legacy::method_not_allowed)
        .fallback(legacy::not_found);
    let api = Router::new()
        .route("/jobs", get(api::jobs::list))
        .route("/jobs/{id}", get(api::jobs::show))
        .route("/jobs/{id}/report", get(api::jobs::report))
        .route("/jobs/{id}/files", get(api::jobs::files))
        .route("/files/{id}", get(api::files::contents))
        .route("/policy", get(api::policy::show))
        .route("/validate", post(api::validate::validate))
        .route("/uploads", post(api::uploads::create).options(api::uploads::options))
        .route("/uploads/", post(api::uploads::create).options(api::uploads::options))
        .route("/uploads/{id}", upload_in_parts())
        .method_not_allowed_fallback(problem::method_not_allowed)
        .fallback(problem::not_found);
    Router::new()
        .merge(legacy)
        .nest("/api", api)
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .with_state(site)
}
