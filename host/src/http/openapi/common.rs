//! What all calls have in common, so that their handlers need not say it.

use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response};
use utoipa::{Modify, openapi};

/// The name of the way to show who calls.
const TOKEN: &str = "token";

/// In whose words a call tells what is wrong.
#[derive(Clone, Copy)]
enum Words {
    /// A problem document.
    Problem,
    /// As Pacifica's calls do.
    Legacy,
    /// Not at all: an answer to HEAD has no body.
    None,
}

impl Words {
    fn put(self, response: &mut Response) {
        let (kind, schema) = match self {
            Self::Problem => ("application/problem+json", "Problem"),
            Self::Legacy => ("application/json", "LegacyError"),
            Self::None => return,
        };
        if response.content.is_empty() {
            let content = Content::new(Some(Ref::from_schema_name(schema)));
            response.content.insert(kind.to_owned(), RefOr::T(content));
        }
    }
}

/// Completes every call of the document.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        let about = "A token, as `sluice token create` makes it, in one of the roles reader, uploader, operator and admin. \
                     Each may do what those before it may.";
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
        }
        if let Some(mut item) = document.paths.paths.get("/upload").cloned() {
            if let Some(operation) = &mut item.post {
                operation.operation_id = Some("ingest".to_owned());
                operation.description = Some("`POST /ingest`: the same, by another name.".to_owned());
            }
            document.paths.paths.insert("/ingest".to_owned(), item);
        }
        for (path, item) in &mut document.paths.paths {
            let words = if path.starts_with("/api") { Words::Problem } else { Words::Legacy };
            // Who calls is found out before any handler; what the database does to this one is told as the API does.
            let failing = if path == "/metrics" { Words::Problem } else { words };
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.options, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                complete(operation, words, failing);
            }
            if let Some(operation) = &mut item.head {
                complete(operation, Words::None, Words::None);
            }
        }
    }
}

fn complete(operation: &mut Operation, words: Words, failing: Words) {
    let role = operation.security.as_deref().and_then(role);
    let missing = match &role {
        Some(role) => {
            let about = format!("Needs a token of the role {role}.");
            let said = operation.description.take().map(|said| format!("{said}\n\n"));
            operation.description = Some(said.unwrap_or_default() + &about);
            add(operation, "403", "The role of the token does not allow it");
            "The token is missing, or none of this gate's"
        }
        None => {
            let open = SecurityRequirement::default();
            operation.security = Some(vec![open, SecurityRequirement::new(TOKEN, ["reader"])]);
            "The token is none of this gate's; or there is none, and the site requires one"
        }
    };
    add(operation, "401", missing);
    add(operation, "500", "The gate failed; its log says how");
    add(operation, "503", "The gate cannot do it just now; `retry-after` says when to ask again");
    for (status, response) in &mut operation.responses.responses {
        let words = if matches!(status.as_str(), "500" | "503") { failing } else { words };
        if let (RefOr::T(response), true) = (response, status.as_str() >= "400") {
            words.put(response);
        }
    }
}

fn add(operation: &mut Operation, status: &str, about: &str) {
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_owned()).or_insert_with(|| openapi::Response::new(about).into());
}

/// The role that a call needs, where it needs one.
fn role(security: &[SecurityRequirement]) -> Option<String> {
    let [needed] = security else { return None };
    let needed: Value = serde_json::to_value(needed).ok()?;
    needed[TOKEN][0].as_str().map(str::to_owned)
}
