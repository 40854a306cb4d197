//! Addresses of what lies behind the gate: services over HTTP, and stores of objects.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;

use url::Url;

use super::parse::{Wrong, shown};
use super::redact::without_password;

/// What a setting says that has a service's place taken by the gate itself.
const OWN: &str = "own";

/// The address of a service over HTTP. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// `http://HOST:PORT/PATH`, or `own` for the gate's own.
    pub(super) fn parse_or_own(text: &OsStr) -> Result<Option<Self>, Wrong> {
        if text == OWN { Ok(None) } else { Self::parse(text).map(Some) }
    }

    /// `http://HOST:PORT/PATH`.
    pub(super) fn parse(text: &OsStr) -> Result<Self, Wrong> {
        let url = text.to_str().and_then(|text| Url::parse(text).ok());
        match url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            Some(url) => Ok(Self(url)),
            None => Err(Wrong::new(
                format!("{} is no address of a service", shown(text)),
                "give one such as http://service.example:8051, or `own` for the gate's own",
            )),
        }
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
impl ServiceUrl {
    /// For tests of rooms above.
    pub(crate) fn of(text: &str) -> Self {
        Self::parse(OsStr::new(text)).expect("an address")
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(without_password(self.0.as_str()).trim_end_matches('/'))
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({self})")
    }
}

/// A store of objects: a bucket of S3, of Google Cloud Storage or of Azure, and a prefix in it.
///
/// Its options are what the environment says of such stores, and above that what stands behind the `?`. Neither `Debug`
/// nor `Display` shows any but those behind the `?` that are no secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    url: Url,
    options: BTreeMap<String, String>,
    surroundings: BTreeMap<String, String>,
}

/// Schemes, and the beginnings of the variables that speak of such a store.
const STORES: &[(&str, &[&str])] = &[("s3", &["AWS_"]), ("gs", &["GOOGLE_"]), ("az", &["AZURE_"])];

impl StoreUrl {
    /// `s3://BUCKET/PREFIX?endpoint=…`, `gs://…`, `az://…`; none where the scheme is of no store.
    pub(super) fn parse(text: &str) -> Option<Result<Self, Wrong>> {
        let (scheme, _) = text.split_once("://")?;
        STORES.iter().find(|(known, _)| *known == scheme)?;
        let read = || {
            let mut url = Url::parse(text).ok().filter(Url::has_host)?;
            let options = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            url.set_query(None);
            url.set_fragment(None);
            Some(Self { url, options, surroundings: BTreeMap::new() })
        };
        Some(read().ok_or_else(|| {
            Wrong::new(format!("{} names no bucket", shown(OsStr::new(text))), "give s3://BUCKET/PREFIX")
        }))
    }

    /// Adds what the environment says of such stores; what was given with the address goes before.
    pub(super) fn surrounded<'a>(mut self, variables: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let prefixes =
            STORES.iter().find(|(scheme, _)| *scheme == self.url.scheme()).map_or(&[][..], |(_, known)| known);
        let given: Vec<_> = self.options.keys().map(|name| without_prefix(name, prefixes)).collect();
        for (name, value) in variables {
            let ours = prefixes.iter().any(|prefix| name.starts_with(prefix));
            if ours && !value.is_empty() && !given.contains(&without_prefix(name, prefixes)) {
                self.surroundings.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        self
    }

    /// The address, without options.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The options that were given with it, in the words of `object_store`.
    pub fn options(&self) -> &BTreeMap<String, String> {
        &self.options
    }

    /// The variables that speak of stores of its kind, in lower case.
    pub fn surroundings(&self) -> &BTreeMap<String, String> {
        &self.surroundings
    }

    /// Whether it is reached without TLS: its endpoint says so.
    pub fn is_plain(&self) -> bool {
        let all = self.options.iter().chain(&self.surroundings);
        let endpoints = all.filter(|(name, _)| name.contains("endpoint") || name.ends_with("base_url"));
        endpoints.into_iter().any(|(_, value)| value.starts_with("http://"))
    }
}

#[cfg(test)]
impl StoreUrl {
    /// For tests of rooms above.
    pub(crate) fn of(text: &str, variables: &[(&str, &str)]) -> Self {
        Self::parse(text).expect("a store").expect("an address").surrounded(variables.iter().copied())
    }
}

/// An option's name as it is the same with and without its store's prefix.
fn without_prefix(name: &str, prefixes: &[&str]) -> String {
    let name = name.to_ascii_lowercase();
    let plain = prefixes.iter().find_map(|prefix| name.strip_prefix(&prefix.to_ascii_lowercase()));
    plain.unwrap_or(&name).to_owned()
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(without_password(self.url.as_str()).trim_end_matches('/'))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_an_address_over_http_or_the_gates_own() {
        let parse = |text: &str| ServiceUrl::parse_or_own(OsStr::new(text));
        assert_eq!(parse("http://ids:8051/").unwrap().unwrap().to_string(), "http://ids:8051");
        assert_eq!(parse("own"), Ok(None));
        for text in ["ids:8051", "ftp://ids", "http://", "", "/ids"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let secret = parse("https://u:s3cret@h/ingest").unwrap();
        assert!(!format!("{secret:?} {}", secret.as_ref().unwrap()).contains("s3cret"));
    }

    #[test]
    fn a_store_takes_options_from_its_address_before_the_environment() {
        let store = StoreUrl::parse("s3://bucket/a/b?endpoint=http://h:9000&region=x").unwrap().unwrap();
        let variables = [
            ("AWS_ENDPOINT", "http://other"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("GOOGLE_BUCKET", "z"),
            ("AWS_SESSION_TOKEN", ""),
        ];
        let store = store.surrounded(variables.into_iter());
        let options: Vec<_> = store.options().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(options, [("endpoint", "http://h:9000"), ("region", "x")]);
        assert!(store.surroundings().keys().eq(["aws_secret_access_key"]) && store.is_plain());
        assert_eq!(store.to_string(), "s3://bucket/a/b");
        assert!(!format!("{store:?}").contains("s3cret"));
        assert!(StoreUrl::parse("s3:///x").unwrap().is_err());
        assert!(StoreUrl::parse("ftp://bucket/x").is_none());
    }
}
