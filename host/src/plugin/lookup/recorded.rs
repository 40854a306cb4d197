//! Answers from a file, so that a rule is tested without a network.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Answered, LookupError, prefix};

/// Answers by URL: `lookups.json`.
#[derive(Clone, Debug, Default)]
pub struct RecordedAnswers(BTreeMap<String, Answered>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    status: Option<u16>,
    content_type: Option<String>,
    /// A text as it is, anything else as JSON.
    #[serde(default)]
    body: Value,
    error: Option<ErrorName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ErrorName {
    Denied,
    Timeout,
    TooLarge,
    Unavailable,
}

impl RecordedAnswers {
    /// Reads a JSON object of URLs, each with `{"status", "content_type", "body"}` or `{"error"}`. The error says what is
    /// wrong and with which URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wires: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("give an object of URLs: {error}"))?;
        let mut answers = BTreeMap::new();
        for (url, wire) in wires {
            let parsed = prefix::parse(&url)?;
            let wire: Wire = serde_json::from_value(wire).map_err(|error| format!("{url}: {error}"))?;
            let answer = wire.answer().map_err(|why| format!("{url}: {why}"))?;
            answers.insert(parsed.into(), answer);
        }
        Ok(Self(answers))
    }

    /// The answer to a URL; one that is not there is denied, as it is by a gate that does not grant it.
    pub(super) fn answer(&self, url: &str) -> Answered {
        let parsed = prefix::parse(url).map_err(LookupError::Denied)?;
        let missing = || Err(LookupError::Denied(format!("lookups.json has no answer to {parsed}; add one")));
        self.0.get(parsed.as_str()).cloned().unwrap_or_else(missing)
    }
}

impl Wire {
    fn answer(self) -> Result<Answered, String> {
        if let Some(error) = self.error {
            if self.status.is_some() || self.content_type.is_some() || !self.body.is_null() {
                return Err("give an error or an answer, not both".to_owned());
            }
            let why = "as lookups.json says".to_owned();
            return Ok(Err(match error {
                ErrorName::Denied => LookupError::Denied(why),
                ErrorName::Timeout => LookupError::Timeout,
                ErrorName::TooLarge => LookupError::TooLarge,
                ErrorName::Unavailable => LookupError::Unavailable(why),
            }));
        }
        let status = self.status.unwrap_or(200);
        if !(100..=599).contains(&status) {
            return Err(format!("the status is {status}; it must be from 100 to 599"));
        }
        let (body, kind) = match self.body {
            Value::Null => (String::new(), None),
            Value::String(text) => (text, Some("text/plain")),
            other => (other.to_string(), Some("application/json")),
        };
        let content_type = self.content_type.or(kind.map(str::to_owned));
        Ok(Ok(Answer { status, content_type, body: body.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_by_the_url_that_would_be_asked() {
        let recorded = RecordedAnswers::parse(
            r#"{"https://h.example/api/1": {"body": {"open": true}},
                "https://h.example/api/2": {"status": 404, "body": "gone", "content_type": "text/html"},
                "https://h.example/api/3": {"error": "too-large"}}"#,
        )
        .unwrap();
        let one = recorded.answer("https://H.example:443/api/x/../1").unwrap();
        assert_eq!(
            (one.status, one.content_type.as_deref(), &one.body[..]),
            (200, Some("application/json"), &b"{\"open\":true}"[..])
        );
        let two = recorded.answer("https://h.example/api/2").unwrap();
        assert_eq!((two.status, two.content_type.as_deref(), &two.body[..]), (404, Some("text/html"), &b"gone"[..]));
        assert_eq!(recorded.answer("https://h.example/api/3"), Err(LookupError::TooLarge));
        let why = recorded.answer("https://h.example/api/4").unwrap_err().to_string();
        assert!(why.contains("no answer to https://h.example/api/4"), "{why}");
    }

    #[test]
    fn a_mistake_is_named_with_its_url() {
        for (text, words) in [
            ("[]", "an object of URLs"),
            (r#"{"x": {}}"#, "\"x\" is no URL"),
            (r#"{"https://h/": {"statu": 1}}"#, "https://h/: unknown field"),
            (r#"{"https://h/": {"error": "timeout", "body": "x"}}"#, "not both"),
            (r#"{"https://h/": {"status": 7}}"#, "from 100 to 599"),
        ] {
            let why = RecordedAnswers::parse(text).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
