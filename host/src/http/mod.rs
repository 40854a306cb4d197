//! The HTTP side: which call is answered where, and nothing else on this page.

mod access;
mod api;
mod body;
mod caller;
mod legacy;
mod legacy_error;
mod metrics;
mod problem;
mod ready;
mod serve;
mod ui;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{MethodRouter, delete, get, head, post};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

pub use serve::serve;

use crate::config::{HttpSettings, Settings};
use crate::db::Db;
use crate::ingest::{Intake, Replay, Uploads};
use crate::measures::Measures;
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
    /// The rules.
    pub policy: Arc<PolicyBook>,
    /// Judges again what was judged.
    pub replay: Replay,
    /// What is counted.
    pub measures: Measures,
    /// What is set.
    pub settings: Arc<HttpSettings>,
    /// Everything that is set, to be shown.
    pub configured: Arc<Settings>,
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

/// What tells how a process is, and nothing else: for a port of its own, which a worker has no other.
pub fn operations(site: Site) -> Router {
    Router::new()
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(metrics::show))
        .with_state(site)
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
    let uploads = Router::new()
        .route("/uploads", post(api::uploads::create).options(api::uploads::options))
        .route("/uploads/", post(api::uploads::create).options(api::uploads::options))
        .route("/uploads/{id}", upload_in_parts())
        .route_layer(middleware::from_fn_with_state(site.clone(), access::uploaders));
    let api = Router::new()
        .route("/jobs", get(api::jobs::list))
        .route("/jobs/{id}", get(api::jobs::show))
        .route("/jobs/{id}/report", get(api::jobs::report))
        .route("/jobs/{id}/files", get(api::jobs::files))
        .route("/files/{id}", get(api::files::contents))
        .route("/jobs/{id}/retry", post(api::jobs::retry))
        .route("/jobs/{id}/cancel", post(api::jobs::cancel))
        .route("/jobs/{id}/revalidate", post(api::replay::revalidate))
        .route("/policy", get(api::policy::show).put(api::policy::replace))
        .route("/policy/check", post(api::policy::check))
        .route("/policy/rollback", post(api::policy::roll_back))
        .route("/policy/replay", post(api::replay::replay))
        .route("/policy/revisions", get(api::policy::revisions))
        .route("/policy/revisions/{n}", get(api::policy::revision))
        .route("/policy/revisions/{n}/diff/{m}", get(api::policy::diff))
        .route("/policy/marks", get(api::policy::marks))
        .route("/policy/marks/{rule}", delete(api::policy::lift))
        .route("/plugins", get(api::plugins::list).post(api::plugins::add))
        .route("/plugins/{plugin}", get(api::plugins::show).delete(api::plugins::remove))
        .route("/plugins/{plugin}/wasm", get(api::plugins::wasm))
        .route("/tables", get(api::tables::list))
        .route("/tables/{name}", get(api::tables::show).put(api::tables::put).delete(api::tables::remove))
        .route("/tables/{name}/csv", get(api::tables::csv))
        .route("/tokens", get(api::tokens::list).post(api::tokens::create))
        .route("/tokens/{id}", delete(api::tokens::revoke))
        .route("/validate", post(api::validate::validate))
        .merge(uploads)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .fallback(problem::not_found);
    Router::new()
        .merge(legacy)
        .nest("/api", api)
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(metrics::show))
        .layer(middleware::from_fn_with_state(site.clone(), access::identify))
        // After the layer above: the console knows people by their sessions, not by tokens.
        .nest("/ui", ui::router(site.clone()))
        .route("/ui/", get(|| async { Redirect::to("/ui/jobs") }))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(metrics::count))
        .with_state(site)
}
