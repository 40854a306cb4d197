//! Texts of flags, variables and files, read as what they stand for.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::PluginKey;
use super::redact::without_password;

/// Why a text cannot be used, and what could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) wrong: String,
    pub(super) right: String,
}

impl Wrong {
    pub(super) fn new(wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), right: right.into() }
    }
}

/// A value as a mistake shows it: quoted, and without a password.
pub(super) fn shown(text: &OsStr) -> String {
    format!("{:?}", without_password(&text.to_string_lossy()))
}

/// A path, made absolute against a folder.
pub(super) fn absolute(text: &OsStr, folder: &Path) -> Result<PathBuf, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("the path is empty", "give a path"));
    }
    // Taken apart and put together again, which drops what means nothing: `a/./b/` is `a/b`.
    Ok(folder.join(text).components().collect())
}

/// An address and a port.
pub(super) fn address(text: &OsStr) -> Result<SocketAddr, Wrong> {
    let read = |text: &str| match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
        None => text.parse().ok(),
    };
    text.to_str().and_then(read).ok_or_else(|| {
        let wrong = format!("{} is no address and port", shown(text));
        Wrong::new(wrong, "give ADDR:PORT, such as 127.0.0.1:8066 or [::1]:8066")
    })
}

/// A network, or a single address.
pub(super) fn network(text: &OsStr) -> Result<IpNet, Wrong> {
    let read = |text: &str| IpNet::from_str(text).ok().or_else(|| IpAddr::from_str(text).ok().map(IpNet::from));
    text.to_str().and_then(read).ok_or_else(|| {
        let wrong = format!("{} is neither an address nor a network", shown(text));
        Wrong::new(wrong, "give an address, such as 10.0.0.5, or a network, such as 10.0.0.0/24")
    })
}

/// A minisign public key: the second line of a .pub file.
pub(super) fn plugin_key(text: &OsStr) -> Result<PluginKey, Wrong> {
    let key = text.to_str().and_then(|text| minisign_verify::PublicKey::from_base64(text.trim()).ok());
    key.map(PluginKey).ok_or_else(|| {
        let wrong = format!("{} is no minisign public key", shown(text));
        Wrong::new(wrong, "give the second line of a .pub file, which begins with RW")
    })
}

/// The name of a header.
pub(super) fn header(text: &OsStr) -> Result<String, Wrong> {
    match text.to_str().filter(|text| http::HeaderName::from_str(text).is_ok()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Wrong::new(
            format!("{} is no name of a header", shown(text)),
            "give letters, digits and hyphens, such as X-Http-Authed-User",
        )),
    }
}

/// The name of a user.
pub(super) fn user(text: &OsStr) -> Result<String, Wrong> {
    match text.to_str().map(str::trim) {
        Some(text) if !text.is_empty() && !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(Wrong::new(format!("{} is no name of a user", shown(text)), "give a name, such as root")),
    }
}

/// A count of at least 1.
pub(super) fn count<T: FromStr + PartialOrd + From<u8>>(text: &OsStr) -> Result<T, Wrong> {
    let number = text.to_str().and_then(|text| text.parse::<T>().ok());
    number
        .filter(|number| *number >= T::from(1))
        .ok_or_else(|| Wrong::new(format!("{} is no count", shown(text)), "give a whole number of at least 1"))
}

/// A size in bytes, or `none` for no limit.
pub(super) fn limit(text: &OsStr) -> Result<Option<u64>, Wrong> {
    if text == "none" { Ok(None) } else { size(text).map(Some) }
}

/// A size in bytes, of at least 1.
pub(super) fn size(text: &OsStr) -> Result<u64, Wrong> {
    let read = |text: &str| {
        let unit = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit);
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return None,
        };
        number.trim().parse::<u64>().ok()?.checked_mul(factor).filter(|size| *size > 0)
    };
    text.to_str().and_then(|text| read(text.trim())).ok_or_else(|| {
        Wrong::new(format!("{} is no size", shown(text)), "give a size with its unit, such as 64MiB or 2GB")
    })
}

/// A span of time, longer than nothing and at most a year.
pub(super) fn duration(text: &OsStr) -> Result<Duration, Wrong> {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let read = |text: &str| Duration::try_from(text.trim().parse::<jiff::SignedDuration>().ok()?).ok();
    text.to_str().and_then(read).filter(|span| !span.is_zero() && *span <= YEAR).ok_or_else(|| {
        let wrong = format!("{} is no span of time", shown(text));
        Wrong::new(wrong, "give a time with its unit, such as 10s, 500ms or 2m")
    })
}

/// How long something is kept, or `none` for good. Days may be given as such; beyond a century it is a mistake.
pub(super) fn retention(text: &OsStr) -> Result<Option<Duration>, Wrong> {
    const DAY: u64 = 86_400;
    const CENTURY: Duration = Duration::from_secs(36_525 * DAY);
    if text == "none" {
        return Ok(None);
    }
    let days = |text: &str| {
        let number = ["days", "day", "d"].iter().find_map(|unit| text.strip_suffix(unit))?;
        number.trim_end().parse::<u64>().ok()?.checked_mul(DAY).map(Duration::from_secs)
    };
    let span = |text: &str| Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok();
    let read = |text: &str| days(text).or_else(|| span(text));
    let span = text.to_str().and_then(|text| read(text.trim()));
    span.filter(|span| !span.is_zero() && *span <= CENTURY).map(Some).ok_or_else(|| {
        let wrong = format!("{} is no time to keep something for", shown(text));
        Wrong::new(wrong, "give a time with its unit, such as 365d or 12h, or none to keep it for good")
    })
}

/// Yes or no.
pub(super) fn truth(text: &OsStr) -> Result<bool, Wrong> {
    match text.to_str() {
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        _ => Err(Wrong::new(format!("{} is no yes or no", shown(text)), "give true or false")),
    }
}

/// The address of an OpenTelemetry collector. One without a path gets that of OTLP/HTTP.
pub(super) fn collector(text: &OsStr) -> Result<Url, Wrong> {
    let right = "give the address of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318";
    let wrong = || Wrong::new(format!("{} is no address over HTTP", shown(text)), right);
    let mut url: Url = text.to_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

/// A part of the whole.
pub(super) fn ratio(text: &OsStr) -> Result<f64, Wrong> {
    let ratio = text.to_str().and_then(|text| text.trim().parse().ok()).filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| {
        Wrong::new(format!("{} is no part of a whole", shown(text)), "give a number from 0 to 1, such as 0.1")
    })
}

/// What to log.
pub(super) fn log_filter(text: &OsStr) -> Result<String, Wrong> {
    let right = "give a level (error, warn, info, debug, trace) or filters, such as info,sluice=debug";
    let Some(filter) = text.to_str().filter(|text| !text.trim().is_empty()) else {
        return Err(Wrong::new(format!("{} is no filter", shown(text)), right));
    };
    match tracing_subscriber::EnvFilter::builder().parse(filter) {
        Ok(_) => Ok(filter.to_owned()),
        Err(error) => Err(Wrong::new(format!("{} is no filter: {error}", shown(text)), right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_have_units() {
        for (text, millis) in [("10s", 10_000), ("500ms", 500), ("2m", 120_000), ("1m 30s", 90_000), ("0.5s", 500)] {
            assert_eq!(duration(OsStr::new(text)).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["10", "", "0s", "-5s", "soon", "10 parsecs", "4000000h"] {
            assert!(duration(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_kept_for_good_or_for_days() {
        let kept = |text| retention(OsStr::new(text)).ok();
        assert_eq!(kept("none"), Some(None));
        for (text, hours) in [("365d", 8_760), ("1 day", 24), ("3650 days", 87_600), ("12h", 12), ("90m", 1)] {
            let span = kept(text).flatten().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(span.as_secs() / 3_600, hours, "{text}");
        }
        for text in ["", "0d", "-1d", "d", "forever", "40000d", "99999999999999999999d", "365"] {
            assert_eq!(kept(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_units() {
        for (text, bytes) in [("64MiB", 64 << 20), ("100 MB", 100_000_000), ("4096", 4096), ("1gib", 1 << 30)] {
            assert_eq!(size(OsStr::new(text)).unwrap(), bytes, "{text}");
        }
        for text in ["", "64M", "-1", "0", "1.5GB", "99999999TiB", "MiB"] {
            assert!(size(OsStr::new(text)).is_err(), "{text}");
        }
        assert_eq!(limit(OsStr::new("none")), Ok(None));
    }

    #[test]
    fn an_address_needs_its_port() {
        assert_eq!(address(OsStr::new("localhost:0")).unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(address(OsStr::new("[::1]:80")).unwrap().to_string(), "[::1]:80");
        for text in ["8066", ":8066", "127.0.0.1", "host.example:80"] {
            assert!(address(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert_eq!(network(OsStr::new("10.0.0.5")).unwrap().to_string(), "10.0.0.5/32");
        assert_eq!(network(OsStr::new("fd00::/8")).unwrap().to_string(), "fd00::/8");
        assert!(network(OsStr::new("proxy")).is_err());
    }
}
