//! The HTTP side: which call is answered where, and nothing else on this page.

mod access;
mod api;
mod body;
mod caller;
mod legacy;
mod legacy_error;
mod linger;
mod live;
mod metrics;
mod openapi;
mod path;
mod problem;
mod reader;
mod ready;
mod serve;
mod ui;

use std::sync::Arc;

use axum::response::Redirect;
use axum::routing::{delete, get, head, post};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

pub use live::Live;
pub use openapi::document_text;
pub use serve::serve;

use crate::config::{HttpSettings, Settings};
use crate::db::Db;
use crate::ingest::{Intake, Replay, Uploads};
use crate::measures::Measures;
use crate::policy::PolicyBook;
use crate::seams::archive::Archive;

/// What handlers need.
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
    /// Tells what happens to jobs.
    pub live: Live,
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

/// Paths, and the methods that are for each.
#[cfg(test)]
type Routes = &'static [(&'static str, &'static [&'static str])];

/// Defines the calls of one part of the gate twice, so that both are the same: as routes, and as a list.
macro_rules! routes {
    ($list:ident, $routes:ident: $($path:literal => $method:ident($handler:expr) $(, $more:ident($other:expr))*;)*) => {
        /// Paths, with the methods that are for them.
        #[cfg(test)]
        const $list: Routes = &[$(($path, &[stringify!($method) $(, stringify!($more))*])),*];

        fn $routes() -> Router<Arc<Site>> {
            Router::new()$(.route($path, $method($handler)$(.$more($other))*))*
        }
    };
}

routes! { LEGACY, legacy_routes:
    "/" => get(legacy::root);
    "/upload" => post(legacy::upload);
    "/upload/" => post(legacy::upload);
    "/ingest" => post(legacy::upload);
    "/ingest/" => post(legacy::upload);
    "/move" => post(legacy::relocate);
    "/move/" => post(legacy::relocate);
    "/get_state" => get(legacy::get_state);
    "/get_state/" => get(legacy::get_state);
}

// What tells how a process is.
routes! { OPERATIONS, operations_routes:
    "/healthz" => get(ready::healthy);
    "/readyz" => get(ready::ready);
    "/metrics" => get(metrics::show);
}

routes! { UPLOADS, upload_routes:
    "/uploads" => post(api::uploads::create), options(api::uploads::options);
    "/uploads/" => post(api::uploads::create), options(api::uploads::options);
    "/uploads/{id}" => head(api::uploads::show), patch(api::uploads::patch), delete(api::uploads::delete),
        post(api::uploads::overridden), options(api::uploads::options_of_one);
}

routes! { API, api_routes:
    "/jobs" => get(api::jobs::list);
    "/jobs/{id}" => get(api::jobs::show);
    "/jobs/{id}/events" => get(api::events::of_job);
    "/jobs/{id}/report" => get(api::jobs::report);
    "/jobs/{id}/files" => get(api::jobs::files);
    "/events" => get(api::events::all);
    "/files/{id}" => get(api::files::contents);
    "/jobs/{id}/retry" => post(api::jobs::retry);
    "/jobs/{id}/cancel" => post(api::jobs::cancel);
    "/jobs/{id}/revalidate" => post(api::replay::revalidate);
    "/policy" => get(api::policy::show), put(api::policy::replace);
    "/policy/check" => post(api::policy::check);
    "/policy/rollback" => post(api::policy::roll_back);
    "/policy/replay" => post(api::replay::replay);
    "/policy/revisions" => get(api::policy::revisions);
    "/policy/revisions/{n}" => get(api::policy::revision);
    "/policy/revisions/{n}/diff/{m}" => get(api::policy::diff);
    "/policy/marks" => get(api::policy::marks);
    "/policy/marks/{rule}" => delete(api::policy::lift);
    "/plugins" => get(api::plugins::list), post(api::plugins::add);
    "/plugins/{plugin}" => get(api::plugins::show), delete(api::plugins::remove);
    "/plugins/{plugin}/wasm" => get(api::plugins::wasm);
    "/tables" => get(api::tables::list);
    "/tables/{name}" => get(api::tables::show), put(api::tables::put), delete(api::tables::remove);
    "/tables/{name}/csv" => get(api::tables::csv);
    "/tokens" => get(api::tokens::list), post(api::tokens::create);
    "/tokens/{id}" => delete(api::tokens::revoke);
    "/validate" => post(api::validate::validate);
    "/openapi.json" => get(openapi::show);
    "/docs" => get(reader::page);
    "/docs/style.css" => get(reader::style);
}

/// All calls, by what their paths begin with.
#[cfg(test)]
const ROUTES: [(&str, Routes); 4] = [("", LEGACY), ("", OPERATIONS), ("/api", UPLOADS), ("/api", API)];

/// What tells how a process is, and nothing else: for a port of its own, which a worker has no other.
pub fn operations(site: Arc<Site>) -> Router {
    operations_routes().with_state(site)
}

/// All calls.
pub fn router(site: Arc<Site>) -> Router {
    let legacy = legacy_routes().method_not_allowed_fallback(legacy::method_not_allowed).fallback(legacy::not_found);
    let uploads = upload_routes().route_layer(middleware::from_fn_with_state(site.clone(), access::uploaders));
    let api = api_routes()
        .merge(uploads)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .fallback(problem::not_found);
    Router::new()
        .merge(legacy)
        .nest("/api", api)
        .merge(operations_routes())
        .layer(middleware::from_fn_with_state(site.clone(), access::identify))
        // After the layer above: the console knows people by their sessions, not by tokens.
        .nest("/ui", ui::router(site.clone()))
        .route("/ui/", get(|| async { Redirect::to("/ui/jobs") }))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(linger::hear_out))
        .layer(middleware::from_fn(metrics::count))
        .with_state(site)
}
