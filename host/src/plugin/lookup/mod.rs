//! HTTP on behalf of rules: what a grant admits, and how the gate asks.
//!
//! What this promises:
//! - Nothing is asked that a rule's grant does not admit, neither by the URL that the guest gives nor by a redirect. What
//!   is compared is the URL in the form in which it is sent ([`Prefix`]).
//! - A server with an address of the site's own network is not connected to, unless the grant says `private`. Names are
//!   resolved once: the addresses that were checked are those that are connected to ([`fetch`]).
//! - Every lookup ends: by its time, its size, a number of redirects. So does the waiting of a whole call ([`Asking`]).
//! - Within a job, one grant and URL have one answer ([`JobLookups`]).

mod address;
mod asking;
mod cache;
mod fetch;
mod grant;
mod prefix;
mod recorded;

use bytes::Bytes;

pub(super) use asking::Asking;
pub use asking::JobLookups;
pub(super) use fetch::Lookups;
pub use grant::LookupGrant;
pub use prefix::Prefix;
pub use recorded::RecordedAnswers;

/// What a server answered, of whatever status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The body, whole.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The grant does not admit it.
    #[error("denied: {0}")]
    Denied(String),
    /// It took too long.
    #[error("timeout")]
    Timeout,
    /// It is too large.
    #[error("too-large")]
    TooLarge,
    /// No server, no connection, a broken answer.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// How a lookup ended.
pub type Answered = Result<Answer, LookupError>;
