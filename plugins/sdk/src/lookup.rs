//! What HTTP servers answer, asked by the gate on the rule's behalf. It asks for URLs below the prefixes that the policy
//! grants the rule: `grants = { lookup = { prefixes = ["https://proposals.example.org/api/"] } }`. Validators only.
//!
//! ```
//! use sluice_sdk::{lookup, testing};
//!
//! let url = "https://proposals.example.org/api/1234a";
//! testing::answer(url, Ok(lookup::Response::of(200, "application/json", r#"{"open": true}"#)));
//! let answer = lookup::get(url)?;
//! assert!(answer.is_success() && answer.json::<serde_json::Value>()?["open"] == true);
//! # Ok::<(), sluice_sdk::Failure>(())
//! ```

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;

use crate::Failure;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// The gate did not ask: the rule is not granted the URL, or not what it leads to.
    Denied(String),
    /// No whole answer came in time.
    Timeout,
    /// The answer is larger than the grant allows.
    TooLarge,
    /// No such server, no connection, a broken answer.
    Unavailable(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer came in time"),
            Self::TooLarge => f.write_str("the answer is larger than the rule is granted"),
            Self::Denied(why) | Self::Unavailable(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for LookupError {}

/// The rule cannot judge without the answer: the facility has to grant it, or the server to come back.
impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        let why = error.to_string();
        match error {
            LookupError::Denied(_) => Self::BadConfig(why),
            LookupError::Timeout | LookupError::Unavailable(_) => Self::Unavailable(why),
            LookupError::TooLarge | LookupError::Other(_) => Self::Other(why),
        }
    }
}

/// An answer, of whatever status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200 or 404.
    pub status: u16,
    /// The `Content-Type`, as the server gave it.
    pub content_type: Option<String>,
    /// The contents.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer, for tests.
    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: Some(content_type.to_owned()), body: body.into() }
    }

    /// Whether the status is one of the 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The contents as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The contents as JSON.
    ///
    /// # Errors
    ///
    /// They are no JSON, or not that of a `T`: the server did not say what the rule depends on.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let parsed = serde_json::from_slice(&self.body);
        parsed.map_err(|error| Failure::Unavailable(format!("an answer cannot be read: {error}")))
    }
}

/// Asks for a URL, and waits for the answer. The same URL has the same answer throughout a job.
///
/// # Errors
///
/// There is no answer. A status of 404 or 500 is one.
pub fn get(url: &str) -> Result<Response, LookupError> {
    source::get(url)
}

#[cfg(target_family = "wasm")]
mod source {
    use super::{LookupError, Response};
    use crate::bindings::plugin::sluice::plugin::lookup;

    pub(super) fn get(url: &str) -> Result<Response, LookupError> {
        match lookup::get(url) {
            Ok(answer) => Ok(Response { status: answer.status, content_type: answer.content_type, body: answer.body }),
            Err(lookup::LookupError::Denied(why)) => Err(LookupError::Denied(why)),
            Err(lookup::LookupError::Timeout) => Err(LookupError::Timeout),
            Err(lookup::LookupError::TooLarge) => Err(LookupError::TooLarge),
            Err(lookup::LookupError::Unavailable(why)) => Err(LookupError::Unavailable(why)),
            Err(lookup::LookupError::Other(why)) => Err(LookupError::Other(why)),
        }
    }
}

/// Answers of tests: those that were given to [`testing::answer`](crate::testing::answer) on the same thread.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod source {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use super::{LookupError, Response};

    thread_local! {
        pub(crate) static ANSWERS: RefCell<HashMap<String, Result<Response, LookupError>>> = RefCell::default();
    }

    pub(super) fn get(url: &str) -> Result<Response, LookupError> {
        let denied = || {
            Err(LookupError::Denied(format!("the rule is not granted {url}; in a test, give it to testing::answer")))
        };
        ANSWERS.with_borrow(|answers| answers.get(url).cloned().unwrap_or_else(denied))
    }
}
