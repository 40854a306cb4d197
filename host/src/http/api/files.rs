//! `/api/files/{id}`: the contents of an archived file, whole or a range of them (RFC 9110, section 14).

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio_util::io::ReaderStream;

use super::super::Site;
use super::super::path::Named;
use super::super::problem::Problem;
use super::id;
use crate::model::FileId;
use crate::seams::archive::Location;

/// Read at once.
const BUFFER: usize = 256 << 10;

/// `GET /api/files/{id}`
#[utoipa::path(
    get,
    path = "/api/files/{id}",
    tag = "jobs",
    operation_id = "getFile",
    summary = "The contents of an archived file",
    params(
        ("id" = FileId, Path, description = "The file"),
        ("range" = Option<String>, Header, description = "One range of bytes, such as bytes=0-99 (RFC 9110)"),
        ("if-range" = Option<String>, Header, description = "The entity tag that the range is meant for"),
        ("if-none-match" = Option<String>, Header, description = "An entity tag whose file is at hand"),
    ),
    responses(
        (status = 200, description = "The whole file, of the type that its uploader gave it", body = String, content_type = "*/*",
            headers(("etag" = String, description = "Its hash, in quotes"))),
        (status = 206, description = "The range", body = String, content_type = "*/*", headers(("content-range" = String))),
        (status = 304, description = "It is at hand"),
        (status = 400, description = "The id is none"),
        (status = 404, description = "There is no such file in the archive"),
        (status = 416, description = "The file has no such range", headers(("content-range" = String))),
    ),
)]
pub(in crate::http) async fn contents(
    State(site): State<Arc<Site>>,
    Named(text): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: FileId = id(&text, "file")?;
    let unknown = || Problem::not_found(format!("there is no file {id} in the archive"));
    let file = site.db.archived_file(id).await?.filter(|file| file.archived_at.is_some()).ok_or_else(unknown)?;
    let (name, mimetype) = match site.db.file(id).await? {
        Some(file) => (Some(file.name), file.mimetype),
        None => (None, None),
    };
    let size = file.size;
    let etag = format!("\"{}\"", file.hash);
    if headers.get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    // A range of a file that is no longer what the caller thinks it is would be of no use to it.
    let still = headers.get(IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok()).filter(|_| still);
    let range = match asked.map_or(Asked::Whole, |text| parse_range(text, size)) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Nothing => {
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("the file has {size} bytes"));
            return Ok(([(CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response());
        }
    };

    let location = Location::new(&file.location).map_err(|_| unknown())?;
    let sent = range.clone().unwrap_or(0..size);
    let length = sent.end - sent.start;
    let open = site.archive.open(&location, size, sent).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(open, BUFFER));
    // An archive may keep files under ids, which say nothing to whoever gets them.
    let name = name.unwrap_or_else(|| file.location.rsplit('/').next().unwrap_or_default().to_owned());
    let mimetype = mimetype.and_then(|mimetype| HeaderValue::from_str(&mimetype).ok());
    let mut response = (
        [
            (ACCEPT_RANGES, "bytes".to_owned()),
            (CONTENT_LENGTH, length.to_string()),
            (ETAG, etag),
            // Whatever an uploader calls its file, a browser is to save it, not to run it.
            (CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{}", percent_encoded(&name))),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ],
        body,
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, mimetype.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Some(Range { start, end }) = range {
        let shown = format!("bytes {start}-{}/{size}", end - 1);
        headers.extend(HeaderValue::from_str(&shown).ok().map(|value| (CONTENT_RANGE, value)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Nothing,
}

/// One range of bytes. What is no such range, or asks for several, means the whole, as the RFC allows.
fn parse_range(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Asked::Whole;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Asked::Whole,
    };
    if range.is_empty() { Asked::Nothing } else { Asked::Part(range) }
}

fn percent_encoded(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        assert_eq!(parse_range("bytes=0-0", 10), Asked::Part(0..1));
        assert_eq!(parse_range("bytes=5-", 10), Asked::Part(5..10));
        assert_eq!(parse_range("bytes=-3", 10), Asked::Part(7..10));
        assert_eq!(parse_range("bytes=-30", 10), Asked::Part(0..10));
        assert_eq!(parse_range("bytes=8-99", 10), Asked::Part(8..10));
        assert_eq!(parse_range("bytes=10-", 10), Asked::Nothing);
        assert_eq!(parse_range("bytes=-0", 10), Asked::Nothing);
        for whole in ["bytes=3-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-y"] {
            assert_eq!(parse_range(whole, 10), Asked::Whole, "{whole}");
        }
    }
}
