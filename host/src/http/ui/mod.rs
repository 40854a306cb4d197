//! The console: pages for people, at `/ui`.
//!
//! Every page is made here, whole, and works without a script; the scripts in `host/assets` keep open pages up to date. Who
//! may read through the API may read here; what changes something needs a session whose token has the role for it, and a
//! form of this session's. What bundles and plugins say is text, wherever it appears: templates escape it, and the
//! content security policy lets no script run but ours.

mod assets;
mod evidence;
mod guard;
mod job;
mod jobs;
mod multipart;
mod pages;
mod plugins;
mod policy;
mod sent;
mod session;
mod settings;
mod system;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::Site;
use super::api;
use guard::Viewer;
use pages::{Page, Trouble, shown};

/// All pages.
pub(super) fn router(site: Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/ui/jobs") }))
        .route("/assets/{name}", get(assets::show))
        .route("/sign-in", get(session::form).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/{id}/events", get(api::events::of_job))
        .route("/events", get(api::events::all))
        .route("/jobs/{id}/retry", post(job::retry))
        .route("/jobs/{id}/cancel", post(job::cancel))
        .route("/jobs/{id}/revalidate", post(job::revalidate))
        .route("/files/{id}", get(api::files::contents))
        .route("/plugins", get(plugins::list).post(plugins::add))
        .route("/plugins/{plugin}", get(plugins::show))
        .route("/plugins/{plugin}/remove", post(plugins::remove))
        .route("/marks/{rule}/lift", post(plugins::lift))
        .route("/policy", get(policy::show))
        .route("/policy/draft", post(policy::draft::step))
        .route("/policy/shadow/{rule}", get(policy::shadow::show))
        .route("/policy/revisions", get(policy::history::list))
        .route("/policy/revisions/{n}", get(policy::history::show))
        .route("/policy/diff", get(policy::history::diff))
        .route("/policy/rollback", post(policy::history::roll_back))
        .route("/system", get(system::show))
        .method_not_allowed_fallback(pages::method_not_allowed)
        .fallback(pages::not_found)
        .layer(middleware::from_fn_with_state(site, guard::guard))
}
