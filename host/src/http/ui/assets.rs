//! Scripts and styles, which are part of the program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::super::problem::Problem;
use super::Trouble;
use crate::model::{Digest, HashKind};

const ALL: [(&str, &str, &str); 4] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../../../assets/console.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../../assets/live.js")),
    ("forms.js", "text/javascript; charset=utf-8", include_str!("../../../assets/forms.js")),
    ("sluice.svg", "image/svg+xml", include_str!("../../../assets/sluice.svg")),
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = ALL.iter().map(|(_, _, text)| *text).collect();
    Digest::of(HashKind::Sha256, all.as_bytes()).hex[..12].to_owned()
});

/// What pages add to the addresses, so that a browser asks for those of this version.
pub(super) fn version() -> &'static str {
    &VERSION
}

/// `GET /ui/assets/{name}`
pub(super) async fn show(Path(name): Path<String>) -> Result<Response, Trouble> {
    let found = ALL.iter().find(|(known, _, _)| *known == name);
    let (_, kind, text) = found.ok_or_else(|| Problem::not_found(format!("there is no {name:?} here")))?;
    Ok(([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], *text).into_response())
}
