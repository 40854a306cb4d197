//! `/api/docs`: the OpenAPI document, for people. A page of the gate's own: it loads nothing from elsewhere and runs nothing.

mod call;
mod shape;

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use self::call::Call;
use self::shape::{Shape, schemas};
use super::openapi::document;
use super::problem::Problem;

/// Nothing but the style sheet beside the page.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "api.html")]
struct Page {
    title: String,
    version: String,
    about: Words,
    security: Words,
    groups: Vec<Group>,
    schemas: Vec<Shape>,
}

/// The calls of one tag.
struct Group {
    name: String,
    about: Words,
    calls: Vec<Call>,
}

/// A text of which every second part is code.
#[derive(Clone)]
struct Words(Vec<(bool, String)>);

impl Words {
    fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, part)| part.is_empty())
    }
}

/// `GET /api/docs`
#[utoipa::path(
    get,
    path = "/api/docs",
    tag = "operations",
    operation_id = "readDocs",
    summary = "This document, for people",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
pub(super) async fn page() -> Result<Response, Problem> {
    let document = serde_json::to_value(document()).map_err(anyhow::Error::from)?;
    let page = read(&document).render().map_err(anyhow::Error::from)?;
    Ok(answer("text/html; charset=utf-8", page))
}

/// `GET /api/docs/style.css`
#[utoipa::path(
    get,
    path = "/api/docs/style.css",
    tag = "operations",
    operation_id = "getDocsStyle",
    summary = "How that page looks",
    responses((status = 200, description = "A style sheet", body = String, content_type = "text/css")),
)]
pub(super) async fn style() -> Response {
    answer("text/css; charset=utf-8", include_str!("../../templates/api.css").to_owned())
}

fn answer(kind: &'static str, text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

fn read(document: &Value) -> Page {
    let info = &document["info"];
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let calls = call::calls(document);
    let group = |tag: &Value| {
        let name = text(&tag["name"]);
        let calls = calls.iter().filter(|call| call.tag == name).cloned().collect();
        Group { name, about: words(&tag["description"]), calls }
    };
    Page {
        title: text(&info["title"]),
        version: text(&info["version"]),
        about: words(&info["description"]),
        security: words(&document["components"]["securitySchemes"]["token"]["description"]),
        groups: tags.iter().map(group).collect(),
        schemas: schemas(document),
    }
}

fn words(value: &Value) -> Words {
    let parts = value.as_str().unwrap_or_default().split('`').enumerate();
    Words(parts.map(|(place, part)| (place % 2 == 1, part.to_owned())).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_call_and_every_schema_once() {
        let document = serde_json::to_value(document()).unwrap();
        let page = read(&document);
        let calls: usize = page.groups.iter().map(|group| group.calls.len()).sum();
        let paths = document["paths"].as_object().unwrap().values();
        assert_eq!(calls, paths.map(|item| item.as_object().unwrap().len()).sum::<usize>());
        assert_eq!(page.schemas.len(), document["components"]["schemas"].as_object().unwrap().len());
        let html = page.render().unwrap();
        assert!(html.contains("curl -X PUT "), "{html}");
        // Every link within the page leads somewhere.
        for link in html.split("href=\"#").skip(1) {
            let name = link.split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{name}\"")), "{name}");
        }
    }
}
