//! A running gate, as the command line speaks to it: over HTTP, like everybody else.
//!
//! [`walk`] finds files, [`Rows`] describes them, a [`Parcel`] is the bundle of both, made while it is sent.

mod events;
mod fetch;
mod jobs;
mod member;
mod parcel;
mod rows;
mod send;
mod tus;
mod walk;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use fetch::{FetchError, RemoteFile, fetch, remote_files};
pub use jobs::JobState;
pub use parcel::{Parcel, ParcelError};
pub use rows::{Facts, FactsError, Rows};
pub use send::{SendError, Sent, Watcher, move_files, send, validate};
pub use walk::{Found, LocalFile, WalkError, walk};

/// How long to wait for a connection. What comes after it may take its time: bundles are large.
const CONNECT: Duration = Duration::from_secs(10);

/// Why a gate did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The address is none.
    #[error("{0:?} is no address of a gate; give one such as http://127.0.0.1:8066")]
    Address(String),
    /// There was no answer, or it broke off.
    #[error("{url} does not answer: {why}; check that the gate runs and that --url is right")]
    Unreachable {
        /// Where it was sought.
        url: Url,
        /// What happened.
        why: String,
    },
    /// It answered with an error of its own.
    #[error("{message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Its own words.
        message: String,
    },
    /// Its answer is not one of a gate.
    #[error("{url} gave an answer that is none of a gate's: {why}")]
    Strange {
        /// Where it came from.
        url: Url,
        /// What is strange.
        why: String,
    },
}

/// A gate at an address, with the token to show it.
#[derive(Clone)]
pub struct Gate {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is a secret.
        f.debug_struct("Gate").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// The words of an error: those of a problem document, or of a legacy call.
#[derive(Deserialize)]
struct Words {
    detail: Option<String>,
    message: Option<String>,
}

impl GateError {
    /// Whether the same request may have another answer a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            // 408, 423, 425 and 429 say so themselves; what fails on the way, such as a proxy's 502, may be mended.
            Self::Refused { status, .. } => {
                matches!(status.as_u16(), 408 | 409 | 423 | 425 | 429) || status.is_server_error()
            }
            Self::Address(_) | Self::Strange { .. } => false,
        }
    }
}

impl Gate {
    /// The gate at this address.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, GateError> {
        let base: Option<Url> = url.parse().ok();
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
        let Some(mut base) = base else { return Err(GateError::Address(url.to_owned())) };
        // Paths are put behind it, wherever below its host a proxy shows the gate.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        // Set once in a process; the second gate finds it done.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().connect_timeout(CONNECT).build();
        let http = http.map_err(|error| GateError::Unreachable { url: base.clone(), why: cause(&error) })?;
        Ok(Self { http, base, token })
    }

    /// Its address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// A request to a path of the gate, such as `/api/jobs`, with the token where there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.authorized(self.http.request(method, format!("{}{}", self.base, path.trim_start_matches('/'))))
    }

    /// A request to an address that the gate has named as its own.
    fn request_to(&self, method: Method, url: Url) -> RequestBuilder {
        self.authorized(self.http.request(method, url))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request. An answer whose status is an error's is one.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, GateError> {
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        let words: Option<Words> = serde_json::from_str(&text).ok();
        let message = words.and_then(|words| words.detail.or(words.message)).filter(|message| !message.is_empty());
        Err(GateError::Refused { status, message: message.unwrap_or_else(|| format!("the gate answered {status}")) })
    }

    /// Sends a request and reads the JSON of its answer.
    pub async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, GateError> {
        let answer = self.send(request).await?;
        let (url, bytes) = (answer.url().clone(), answer.bytes().await.map_err(|error| self.unreachable(&error))?);
        serde_json::from_slice(&bytes).map_err(|error| GateError::Strange { url, why: error.to_string() })
    }

    /// Asks for the JSON at a path; none where there is nothing.
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, GateError> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(GateError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for the JSON at a path.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GateError> {
        self.json(self.request(Method::GET, path)).await
    }

    /// The error of a request that got no answer.
    pub fn unreachable(&self, error: &reqwest::Error) -> GateError {
        GateError::Unreachable { url: self.base.clone(), why: cause(error) }
    }
}

/// The innermost reason: what lies around it only says that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_taken() {
        for url in ["127.0.0.1:8066", "ftp://x", "http://", "gate"] {
            assert!(matches!(Gate::new(url, None), Err(GateError::Address(_))), "{url}");
        }
    }

    #[test]
    fn a_gate_below_a_path_of_its_host_is_found() {
        let gate = Gate::new("https://site.example/ingest", None).unwrap();
        let request = gate.request(Method::GET, "/api/jobs").build().unwrap();
        assert_eq!(request.url().as_str(), "https://site.example/ingest/api/jobs");
    }

    #[test]
    fn the_token_is_sent_and_never_shown() {
        let gate = Gate::new("http://127.0.0.1:8066", Some("s3cret".to_owned())).unwrap();
        assert!(!format!("{gate:?}").contains("s3cret"));
        let request = gate.request(Method::GET, "/").build().unwrap();
        assert_eq!(request.headers()["authorization"], "Bearer s3cret");
    }
}
