//! Moments, in microseconds since 1970-01-01T00:00:00Z, always UTC.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment with the precision that the database keeps: microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-01-25T16:54:50.012345Z"))]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The wall clock. Called at the edges only: everything below takes the moment as an argument.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch; 0 before it.
    pub const fn as_seconds(self) -> u64 {
        if self.0 < 0 { 0 } else { (self.0 / 1_000_000) as u64 }
    }

    /// This moment and `duration` on.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment less `duration`.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero where it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As HTTP spells it: `Thu, 25 Jan 2018 16:54:50 GMT` (RFC 9110, section 5.6.7).
    pub fn http_date(self) -> String {
        self.civil().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn civil(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// As Pacifica's job state spells it: `2018-01-25 16:54:50.000000`.
    pub fn pacifica(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
    }
}

/// RFC 3339, in UTC, as the API spells it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.civil())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let moment: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(moment.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_spelled_as_pacifica_clients_expect() {
        assert_eq!(Timestamp::from_micros(1_516_899_290_000_000).pacifica(), "2018-01-25 16:54:50.000000");
        assert_eq!(Timestamp::from_micros(1_516_899_290_012_345).pacifica(), "2018-01-25 16:54:50.012345");
        assert_eq!(Timestamp::from_micros(1_516_899_290_012_345).http_date(), "Thu, 25 Jan 2018 16:54:50 GMT");
    }

    #[test]
    fn a_moment_survives_json() {
        let moment = Timestamp::from_micros(1_516_899_290_012_345);
        let json = serde_json::to_string(&moment).unwrap();
        assert_eq!(json, "\"2018-01-25T16:54:50.012345Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment);
    }
}
