//! What a receiver answered, and what follows from it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::config::without_password;
use crate::model::Timestamp;

/// Of what a receiver says, so much is read and no more: then its connection can be used again.
const READ: usize = 64 << 10;

/// What came of sending an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 2xx: the receiver has it.
    Taken,
    /// 410: it wants no event any more.
    Gone,
    /// 429 and 503: not now, and not before so long.
    Busy(StatusCode, Option<Duration>),
    /// Any other answer.
    Refused(String),
    /// None within the time.
    Silent(String),
    /// It could not be sent, for a reason of our own.
    Own(String),
}

impl Answer {
    pub(super) async fn of(answer: Result<Response, reqwest::Error>, now: Timestamp) -> Self {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::Silent(innermost(&error)),
        };
        let status = answer.status();
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let told = match status {
            StatusCode::GONE => Self::Gone,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Self::Busy(status, header(RETRY_AFTER).and_then(|text| rest(text, now)))
            }
            _ if status.is_success() => Self::Taken,
            _ if status.is_redirection() => {
                let to = header(LOCATION).map_or("elsewhere".to_owned(), without_password);
                Self::Refused(format!("it answered {status}, and redirects are not followed; events.url may be {to}"))
            }
            _ => Self::Refused(format!("it answered {status}")),
        };
        let mut read = 0;
        while read < READ
            && let Ok(Some(piece)) = answer.chunk().await
        {
            read += piece.len();
        }
        told
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("delivered"),
            Self::Gone => f.write_str("it answered 410 Gone: it wants no event any more"),
            Self::Busy(status, None) => write!(f, "it answered {status}"),
            Self::Busy(status, Some(rest)) => write!(f, "it answered {status} and asked for {rest:?} of rest"),
            Self::Refused(why) | Self::Own(why) => f.write_str(why),
            Self::Silent(why) => write!(f, "it does not answer: {why}"),
        }
    }
}

/// How long a `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3).
fn rest(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(Timestamp::from_micros(date.timestamp().as_microsecond()).since(now))
}

/// The innermost cause, which says what happened; the outer ones say that something did.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing within events.timeout".to_owned();
    }
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_asked_for_in_seconds_or_until_a_date() {
        let now = Timestamp::from_micros(1_516_899_290_000_000);
        assert_eq!(rest("120", now), Some(Duration::from_secs(120)));
        assert_eq!(rest("Thu, 25 Jan 2018 16:55:00 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(rest("Thu, 25 Jan 2018 16:54:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(rest("soon", now), None);
    }
}
