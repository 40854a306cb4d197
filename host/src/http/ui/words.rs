//! Numbers and moments, as people read them.

use std::time::Duration;

use crate::model::Timestamp;

/// A moment, for people and for programs.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// RFC 3339.
    pub(super) iso: String,
    /// Without the parts of a second, UTC.
    pub(super) text: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let text = at.pacifica();
        Self { iso: at.to_string(), text: text.split('.').next().unwrap_or(&text).to_owned() }
    }
}

/// A size in bytes.
pub(super) fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, "KiB");
    for larger in ["MiB", "GiB", "TiB", "PiB", "EiB"] {
        // What would be rounded to 1024 is 1 of the next.
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    format!("{value:.1} {unit}")
}

/// A span of time.
pub(super) fn duration(span: Duration) -> String {
    match span.as_secs() {
        0 if span.as_micros() < 1_000 => format!("{} µs", span.as_micros()),
        0 => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        seconds if seconds < 60 => format!("{:.1} s", span.as_secs_f64()),
        seconds if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds if seconds < 172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// A number and what it counts: `1 file`, `2 files`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// The first characters of a digest: enough to tell it from others by eye.
pub(super) fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    &hex[..hex.floor_char_boundary(12)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_read_at_a_glance() {
        assert_eq!([bytes(0), bytes(1_023), bytes(1_536), bytes(1 << 30)], ["0 B", "1023 B", "1.5 KiB", "1.0 GiB"]);
        let spans = [40, 2_500, 61_000_000, 7_260_000_000].map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(spans, ["40 µs", "2.5 ms", "1 min 1 s", "2 h 1 min"]);
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
    }
}
