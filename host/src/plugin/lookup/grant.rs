//! `grants.lookup`: what a rule may look up, and what that may cost.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::prefix::{self, Prefix};
use crate::model::shortened;

/// Prefixes of one grant.
const MOST_PREFIXES: usize = 32;

/// What a rule may look up, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupGrant {
    prefixes: Vec<Prefix>,
    time: Duration,
    /// Bytes of one answer.
    pub(super) most: usize,
    pub(super) cached: Duration,
    /// Whether servers of the site's own networks may be asked.
    pub(super) private: bool,
    /// All of it in one text, which is the same for the same grant.
    pub(super) key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    prefixes: Vec<String>,
    #[serde(default = "two_seconds")]
    time_ms: u64,
    #[serde(default = "one_mib")]
    max_kib: u64,
    #[serde(default = "one_minute")]
    cache_s: u64,
    #[serde(default)]
    private: bool,
}

fn two_seconds() -> u64 {
    2_000
}

fn one_mib() -> u64 {
    1_024
}

fn one_minute() -> u64 {
    60
}

impl LookupGrant {
    /// How many times its `time_ms` a call may wait in all.
    const WAITS: u32 = 4;

    /// Reads the grant of a rule. The error names every mistake.
    pub fn parse(value: &Value) -> Result<Self, Vec<String>> {
        let wire: Wire = Deserialize::deserialize(value).map_err(|error| {
            let such = "give a table such as { prefixes = [\"https://proposals.example.org/api/\"] }";
            vec![format!("grants.lookup: {}; {such}", shortened(error))]
        })?;
        let mut mistakes = Vec::new();
        for (name, value, least, most) in [
            ("time_ms", wire.time_ms, 1, 30_000),
            ("max_kib", wire.max_kib, 1, 4_096),
            ("cache_s", wire.cache_s, 0, 86_400),
        ] {
            if !(least..=most).contains(&value) {
                mistakes.push(format!("grants.lookup.{name} is {value}; it must be from {least} to {most}"));
            }
        }
        let count = wire.prefixes.len();
        if !(1..=MOST_PREFIXES).contains(&count) {
            mistakes.push(format!("grants.lookup.prefixes has {count} entries; give from 1 to {MOST_PREFIXES}"));
        }
        let mut prefixes = Vec::new();
        for text in &wire.prefixes {
            match text.parse::<Prefix>() {
                Ok(prefix) => prefixes.push(prefix),
                Err(mistake) => mistakes.push(format!("grants.lookup.prefixes: {mistake}")),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut names: Vec<String> = prefixes.iter().map(Prefix::to_string).collect();
        names.sort_unstable();
        let key = format!("{} {} {} {} {names:?}", wire.time_ms, wire.max_kib, wire.cache_s, wire.private);
        Ok(Self {
            prefixes,
            time: Duration::from_millis(wire.time_ms),
            most: usize::try_from(wire.max_kib << 10).unwrap_or(usize::MAX),
            cached: Duration::from_secs(wire.cache_s),
            private: wire.private,
            key,
        })
    }

    /// The URL as it is asked, or why it is not.
    pub(super) fn admit(&self, text: &str) -> Result<Url, String> {
        let url = prefix::parse(text)?;
        if self.prefixes.iter().any(|prefix| prefix.admits(&url)) {
            return Ok(url);
        }
        let (shown, known) = (&url[..url::Position::AfterPath], &self.prefixes);
        let known: Vec<String> = known.iter().map(Prefix::to_string).collect();
        Err(format!("{shown} is below no prefix of the rule's grants.lookup, which are: {}", known.join(", ")))
    }

    /// How long one lookup may take, with all redirects.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// A call that has waited so long in all is given no further answers.
    pub(super) fn patience(&self) -> Duration {
        self.time * Self::WAITS
    }

    /// How long one answer is waited for: another rule of the job may be asking already, and where that one is ended, this
    /// one asks itself.
    pub(super) fn longest_answer(&self) -> Duration {
        self.time * 2
    }

    /// The longest that a call waits in all: its patience, and one answer that it began to wait for just before.
    pub(in crate::plugin) fn longest_wait(&self) -> Duration {
        self.patience() + self.longest_answer()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_grant_needs_prefixes_and_nothing_else() {
        let grant = LookupGrant::parse(&json!({"prefixes": ["https://h.example/api/"]})).unwrap();
        assert_eq!((grant.time, grant.most, grant.cached), (Duration::from_secs(2), 1 << 20, Duration::from_secs(60)));
        assert!(!grant.private);
        assert_eq!(grant.admit("https://h.example/api/x").unwrap().as_str(), "https://h.example/api/x");
        let denied = grant.admit("https://h.example/x?token=secret").unwrap_err();
        assert!(denied.contains("https://h.example/api/") && !denied.contains("secret"), "{denied}");
    }

    #[test]
    fn every_mistake_is_named() {
        let prefixes = ["https://h.example/"];
        for (grant, words) in [
            (json!(true), "give a table such as"),
            (json!({}), "missing field `prefixes`"),
            (json!({"prefixes": []}), "from 1 to 32"),
            (json!({"prefixes": ["x"]}), "grants.lookup.prefixes: \"x\" is no URL"),
            (json!({"prefixes": prefixes, "time_ms": 0}), "grants.lookup.time_ms is 0"),
            (json!({"prefixes": prefixes, "time_ms": 30_001}), "from 1 to 30000"),
            (json!({"prefixes": prefixes, "max_kib": 4_097}), "grants.lookup.max_kib is 4097"),
            (json!({"prefixes": prefixes, "cache_s": 86_401}), "grants.lookup.cache_s"),
            (json!({"prefixes": prefixes, "privat": true}), "unknown field `privat`"),
        ] {
            let mistakes = LookupGrant::parse(&grant).unwrap_err();
            assert!(mistakes.iter().any(|mistake| mistake.contains(words)), "{words} in {mistakes:?}");
        }
    }
}
