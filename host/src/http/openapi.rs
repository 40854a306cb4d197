//! The OpenAPI document: what each call takes and answers, written beside its handler and put together here.

mod common;
mod refusals;

use axum::Json;
use utoipa::{OpenApi, ToSchema};

use self::common::Common;
pub(super) use self::refusals::{NotTaken, PartNotTaken};
use super::{api, legacy, legacy_error, metrics, problem, reader, ready};
use crate::model::Change;

/// What every description of a call begins with.
const ABOUT: &str = "An ingest gate for scientific data. The calls below `/api` answer errors as problem documents \
(RFC 9457), Pacifica's calls in the words of Pacifica Ingest. Lists come in pages: give the `next` of a page as `before` of \
the next one. What changes the policy names the revision that it replaces by `If-Match`, and what answers a revision has \
its number as `ETag`. Reading and sending is open unless the site requires tokens; all else needs a token of a role.";

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Binary(#[allow(dead_code, reason = "it stands for a body")] Vec<u8>);

/// One of the Server-Sent Events.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it stands for what is written piece by piece")]
pub(super) struct LiveEvent {
    /// The number of the change, to go on from by `Last-Event-ID`. It is missing where that is not possible: the next one
    /// has it.
    id: Option<String>,
    /// `job`, or `end` at the end of a job's stream.
    #[schema(pattern = "^(job|end)$")]
    event: String,
    /// JSON: a job as `getJob` shows it; of `end`, its id and state.
    data: String,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Sluice", description = ABOUT, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        api::jobs::list, api::jobs::show, api::jobs::report, api::jobs::files, api::files::contents, api::jobs::retry,
        api::jobs::cancel, api::replay::revalidate, api::validate::validate, api::events::all, api::events::of_job,
        api::uploads::create, api::uploads::options, api::uploads::show, api::uploads::patch, api::uploads::delete,
        api::uploads::overridden, api::uploads::options_of_one,
        api::policy::show, api::policy::replace, api::policy::check, api::policy::roll_back, api::replay::replay,
        api::policy::revisions, api::policy::revision, api::policy::diff, api::policy::marks, api::policy::lift,
        api::plugins::list, api::plugins::add, api::plugins::show, api::plugins::remove, api::plugins::wasm,
        api::tables::list, api::tables::show, api::tables::put, api::tables::remove, api::tables::csv,
        api::tokens::list, api::tokens::create, api::tokens::revoke,
        legacy::root, legacy::upload, legacy::relocate, legacy::get_state,
        ready::healthy, ready::ready, metrics::show, show, reader::page, reader::style,
    ),
    components(schemas(problem::Problem, legacy_error::Wire, Change)),
    tags(
        (name = "jobs", description = "Bundles on their way, what the rules said of them, and the files they brought"),
        (name = "events", description = "What happens to jobs, as it happens"),
        (name = "uploads", description = "Bundles that arrive in parts: tus 1.0"),
        (name = "policy", description = "The rules in force, and what a change of them would do"),
        (name = "plugins", description = "The components that rules run"),
        (name = "tables", description = "What rules look things up in"),
        (name = "tokens", description = "Who may do what"),
        (name = "pacifica", description = "The calls of Pacifica Ingest, as its clients know them"),
        (name = "operations", description = "How a process is, and what may be asked of it"),
    ),
    modifiers(&Common),
)]
struct Described;

/// The document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

/// The document as it is committed and printed.
pub fn document_text() -> String {
    let text = serde_json::to_string_pretty(&document()).expect("a document is always JSON");
    text + "\n"
}

/// `GET /api/openapi.json`
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "operations",
    operation_id = "getOpenApi",
    summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)),
)]
pub(super) async fn show() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::ROUTES;

    /// Each operation of the document, by path and method.
    fn described() -> BTreeSet<(String, String)> {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap().clone();
        let calls = paths.into_iter().flat_map(|(path, item)| {
            let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
            methods.into_iter().map(move |method| (path.clone(), method))
        });
        calls.collect()
    }

    #[test]
    fn every_route_is_in_the_document_and_the_other_way_round() {
        let routes = ROUTES.iter().flat_map(|(prefix, routes)| {
            routes.iter().flat_map(move |(path, methods)| {
                // With a slash at its end it is the same call.
                let path = format!("{prefix}{path}");
                let path = if path == "/" { path } else { path.trim_end_matches('/').to_owned() };
                methods.iter().map(move |method| (path.clone(), (*method).to_owned()))
            })
        });
        assert_eq!(routes.collect::<BTreeSet<_>>(), described());
    }

    #[test]
    fn every_call_has_a_name_of_its_own_and_says_what_may_go_wrong() {
        let document = serde_json::to_value(document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, method) in described() {
            let call = &document["paths"][&path][&method];
            assert!(names.insert(call["operationId"].as_str().unwrap().to_owned()), "{path} {method}");
            assert!(call["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{path} {method}");
            assert!(call["responses"]["401"].is_object() && call["security"].is_array(), "{path} {method}");
        }
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }

    #[test]
    fn the_committed_document_is_that_of_this_program() {
        let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let committed = std::fs::read_to_string(committed).unwrap_or_default();
        assert!(
            committed == document_text(),
            "docs/openapi.json is not that of this program; renew it: cargo run --locked -- openapi > docs/openapi.json"
        );
    }
}
