//! Prefixes of URLs, and which URLs are below one.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The beginning of the URLs that a rule may look up: scheme, host and port the same, and the path at a boundary between
/// segments. `https://h/api` and `https://h/api/` both admit `https://h/api/x`, neither admits `https://h/apix`, and only
/// the first admits `https://h/api` itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Url);

/// The longest URL that is asked.
const LONGEST: usize = 4_096;

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = plain(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{text} has a query or a fragment; a prefix ends with its path"));
        }
        // A host with a star is one to the parser, and to whoever writes it a pattern.
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(format!("{text} has a pattern as its host; name each host"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Prefix {
    /// Whether a URL of [`parse`] is below it.
    pub(super) fn admits(&self, url: &Url) -> bool {
        let (own, path) = (self.0.path(), url.path());
        let below = |rest: &str| own.ends_with('/') || rest.is_empty() || rest.starts_with('/');
        self.0.scheme() == url.scheme()
            && self.0.host() == url.host()
            && self.0.port_or_known_default() == url.port_or_known_default()
            && path.strip_prefix(own).is_some_and(below)
    }
}

/// A URL that a guest gives or a server redirects to, in the form in which it is asked: dot segments resolved, the host
/// in lower case, no fragment. The error says why it cannot be asked, whatever is granted.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    let mut url = plain(text)?;
    url.set_fragment(None);
    Ok(url)
}

fn plain(text: &str) -> Result<Url, String> {
    let shown = || super::super::store::shortened(text, 200).to_owned();
    if text.len() > LONGEST {
        return Err(format!("a URL has {} bytes; at most {LONGEST} are taken", text.len()));
    }
    // Parsers differ over these: one drops them, the next takes them for a slash.
    if text.contains(|c: char| c == '\\' || c.is_whitespace() || c.is_control()) {
        return Err(format!("{:?} has a backslash, a blank or a control character; encode it", shown()));
    }
    let url = Url::parse(text).map_err(|error| format!("{:?} is no URL: {error}", shown()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{:?} is neither http nor https", shown()));
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err(format!("{:?} has a user in it; leave it out", shown()));
    }
    if climbs(url.path()) {
        return Err(format!("{:?} has an encoded `.` or `..` as a part of its path", shown()));
    }
    Ok(url)
}

/// What stands between `://` and the path. The parser forgets an empty user.
fn authority(text: &str) -> &str {
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest).trim_start_matches('/');
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

/// Whether a server that decodes more than it should would find a dot segment in a path that has none to the parser:
/// `..%2fx`, `%252e%252e`, `..;/x`.
fn climbs(path: &str) -> bool {
    let mut path = path.to_owned();
    loop {
        let parts = path.split(['/', '\\']).map(|part| part.split(';').next().unwrap_or_default());
        if parts.into_iter().any(|part| matches!(part, "." | "..")) {
            return true;
        }
        let decoded = decoded(&path);
        // Each round makes it shorter, until there is nothing to decode.
        if decoded == path {
            return false;
        }
        path = decoded;
    }
}

/// With what is encoded of the characters that matter decoded once.
fn decoded(path: &str) -> String {
    let mut path = path.to_owned();
    for (encoded, plain) in [
        ("%2e", "."),
        ("%2E", "."),
        ("%2f", "/"),
        ("%2F", "/"),
        ("%5c", "\\"),
        ("%5C", "\\"),
        ("%3b", ";"),
        ("%3B", ";"),
        ("%25", "%"),
    ] {
        path = path.replace(encoded, plain);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(prefix: &str, url: &str) -> bool {
        parse(url).is_ok_and(|url| prefix.parse::<Prefix>().unwrap().admits(&url))
    }

    #[test]
    fn what_is_below_a_prefix_is_admitted() {
        for (prefix, url) in [
            ("https://h.example/api/", "https://h.example/api/"),
            ("https://h.example/api/", "https://h.example/api/x?q=1#f"),
            ("https://h.example/api/", "HTTPS://H.Example:443/api/x"),
            ("https://h.example/api/", "https://h.example/api/./x/../y"),
            ("https://h.example/api/", "https://h.example/api/10.1000%2Fxyz"),
            ("https://h.example/api", "https://h.example/api"),
            ("https://h.example/api", "https://h.example/api?q"),
            ("https://h.example/api", "https://h.example/api/x"),
            ("https://h.example", "https://h.example/anything"),
            ("http://127.0.0.1:8080/", "http://0x7f.1:8080/x"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/x"),
        ] {
            assert!(admits(prefix, url), "{prefix} {url}");
        }
    }

    #[test]
    fn what_only_looks_so_is_not() {
        let prefix = "https://h.example/api/";
        for url in [
            "http://h.example/api/x",
            "https://h.example:8443/api/x",
            "https://h.example./api/x",
            "https://h.example/api",
            "https://h.example/apix",
            "https://h.example/API/x",
            "https://h.example/%61pi/x",
            "https://h.example/api/../x",
            "https://h.example/api/%2e%2e/x",
            "https://h.example/api/.%2E/x",
            "https://h.example/api/..%2fx",
            "https://h.example/api/%252e%252e/x",
            "https://h.example/api/%2e%2e%2fx",
            "https://h.example/api/..%5cx",
            "https://h.example/api/..;/x",
            "https://h.example/api/..%3bv=1/x",
            "https://h.example/api\\..\\x",
            "https://h.example/api/\\x",
            "https:\\\\h.example\\api\\x",
            "https://h.example/api/x\t",
            "https://h.example@evil.example/api/x",
            "https://@h.example/api/x",
            "https://me:secret@h.example/api/x",
            "https://h.example/api/../../@h.example/api",
            "https://evil.example/https://h.example/api/x",
            "https://evil.example#https://h.example/api/x",
            "//h.example/api/x",
            "/api/x",
            "ftp://h.example/api/x",
            "file:///api/x",
            "",
        ] {
            assert!(!admits(prefix, url), "{url}");
        }
        assert!(!admits("https://h.example/api", "https://h.example/apix"));
        assert!(parse(&format!("https://h.example/{}", "x".repeat(LONGEST))).is_err());
    }

    #[test]
    fn what_is_no_prefix_is_named() {
        for (text, words) in [
            ("proposals", "is no URL"),
            ("ftp://h/", "neither http nor https"),
            ("https://u:p@h/", "has a user"),
            ("https://h/?q", "a query"),
            ("https://h/#f", "a query or a fragment"),
            ("https://*.example/", "a pattern"),
            ("https://h\\api", "backslash"),
        ] {
            let mistake = text.parse::<Prefix>().unwrap_err();
            assert!(mistake.contains(words), "{mistake}");
        }
    }
}
