//! The headers of tus.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::problem::Problem;
use crate::ingest::UploadState;
use crate::model::{Digest, HashKind};
use crate::spool::{Purpose, UploadId};

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const JOB: HeaderName = HeaderName::from_static("sluice-job");

const EXTENSIONS: &str = "creation,creation-with-upload,checksum,termination,expiration,concatenation";
/// The functions that a part may be checked with.
const HASHES: [HashKind; 5] = [HashKind::Sha1, HashKind::Md5, HashKind::Sha256, HashKind::Sha512, HashKind::Blake2b];
/// More of an upload's own metadata is not kept.
const LONGEST_METADATA: usize = 4 << 10;

/// What an upload is to other uploads.
pub(super) enum Concat {
    /// A part.
    Partial,
    /// What these parts make.
    Final(Vec<UploadId>),
}

/// A method by another one's name.
pub(super) enum Wanted {
    Head,
    Patch,
    Delete,
}

/// What is spoken here.
pub(super) fn capabilities(most: Option<u64>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    version(&mut headers, true);
    let hashes: Vec<_> = HASHES.iter().map(|kind| kind.name()).collect();
    put(&mut headers, HeaderName::from_static("tus-extension"), EXTENSIONS);
    put(&mut headers, HeaderName::from_static("tus-checksum-algorithm"), &hashes.join(","));
    if let Some(most) = most {
        put(&mut headers, HeaderName::from_static("tus-max-size"), &most.to_string());
    }
    headers
}

/// Which version an answer speaks, and which are spoken, where that was the question.
pub(super) fn version(headers: &mut HeaderMap, all: bool) {
    headers.insert(RESUMABLE, VERSION);
    if all {
        headers.insert(VERSIONS, VERSION);
    }
}

/// Where an upload stands.
pub(super) fn of_state(state: &UploadState) -> HeaderMap {
    let UploadState { record, offset, expires } = state;
    let mut headers = HeaderMap::new();
    put(&mut headers, OFFSET, &offset.to_string());
    put(&mut headers, LENGTH, &record.length.to_string());
    if let Some(metadata) = &record.metadata {
        put(&mut headers, METADATA, metadata);
    }
    match &record.purpose {
        Purpose::Job => {}
        Purpose::Part => put(&mut headers, CONCAT, "partial"),
        Purpose::Parts(parts) => {
            let urls: Vec<_> = parts.iter().map(|part| format!("/api/uploads/{part}")).collect();
            put(&mut headers, CONCAT, &format!("final;{}", urls.join(" ")));
        }
    }
    match record.job {
        Some(job) => put(&mut headers, JOB, &job.to_string()),
        None => put(&mut headers, EXPIRES, &expires.http_date()),
    }
    headers
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let bad = |_| Problem::bad_request(format!("{name} is no text of ASCII"));
    headers.get(name).map(|value| value.to_str().map(str::trim).map_err(bad)).transpose()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    let given = text(headers, name)?.unwrap_or_default();
    // A sign is no digit, whatever a parser makes of it.
    let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
    let number = given.parse().ok().filter(|_| digits);
    number.ok_or_else(|| Problem::bad_request(format!("{name} must be a number of bytes; given is {given:?}")))
}

/// A client that speaks another version, or none, is told which one is spoken.
pub(super) fn speaks_tus(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(RESUMABLE) == Some(&VERSION) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "tus 1.0.0 is spoken here: send Tus-Resumable: 1.0.0"))
}

/// The length of an upload that is to be.
pub(super) fn length(headers: &HeaderMap) -> Result<u64, Problem> {
    number(headers, &LENGTH)
}

/// Where a part begins.
pub(super) fn offset(headers: &HeaderMap) -> Result<u64, Problem> {
    number(headers, &OFFSET)
}

/// Whether the body is a part.
pub(super) fn has_part(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/offset+octet-stream")
}

/// What a client says of its upload: keys with values in base64, kept as they were sent.
pub(super) fn metadata(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = text(headers, &METADATA)? else { return Ok(None) };
    if given.len() > LONGEST_METADATA {
        return Err(Problem::bad_request(format!("{METADATA} is longer than {LONGEST_METADATA} bytes")));
    }
    for pair in given.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let value = pair.split_once(' ').map_or("", |(_, value)| value);
        if STANDARD.decode(value).is_err() {
            let what = format!("{METADATA} is a list of keys, each with a value in base64: {pair:?} is none");
            return Err(Problem::bad_request(what));
        }
    }
    Ok(Some(given.to_owned()))
}

/// The checksum of a part.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Digest>, Problem> {
    let Some(given) = text(headers, &CHECKSUM)? else { return Ok(None) };
    let bad = |what: String| Problem::bad_request(format!("{CHECKSUM}: {what}"));
    let (name, sum) = given.split_once(' ').ok_or_else(|| bad("give the name of a hash and its base64".to_owned()))?;
    let kind = name.parse::<HashKind>().ok().filter(|kind| HASHES.contains(kind));
    let kind = kind.ok_or_else(|| bad(format!("{name:?} is not among {}", HASHES.map(HashKind::name).join(", "))))?;
    let bytes = STANDARD.decode(sum.trim()).ok().filter(|bytes| bytes.len() == kind.bytes());
    let bytes = bytes.ok_or_else(|| bad(format!("{sum:?} is no base64 of a {kind}")))?;
    Ok(Some(Digest { kind, hex: hex::encode(bytes) }))
}

/// What an upload is to others. Parts are named by their addresses, of which the last segment counts: a proxy may show
/// the gate under another path.
pub(super) fn concat(headers: &HeaderMap) -> Result<Option<Concat>, Problem> {
    let Some(given) = text(headers, &CONCAT)? else { return Ok(None) };
    if given == "partial" {
        return Ok(Some(Concat::Partial));
    }
    let Some(urls) = given.strip_prefix("final;") else {
        return Err(Problem::bad_request(format!("{CONCAT} is partial, or final; and the addresses of the parts")));
    };
    let parts = urls.split_whitespace().map(|url| url.rsplit('/').next().unwrap_or_default().parse::<UploadId>());
    let parts = parts.collect::<Result<_, _>>().map_err(|error| Problem::bad_request(format!("{CONCAT}: {error}")))?;
    Ok(Some(Concat::Final(parts)))
}

/// The method that a client means.
pub(super) fn wanted(headers: &HeaderMap) -> Option<Wanted> {
    match headers.get(OVERRIDE)?.to_str().ok()? {
        "HEAD" => Some(Wanted::Head),
        "PATCH" => Some(Wanted::Patch),
        "DELETE" => Some(Wanted::Delete),
        _ => None,
    }
}
