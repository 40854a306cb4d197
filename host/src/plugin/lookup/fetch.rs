//! One lookup: a GET, with the redirects that the grant admits.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, redirect};
use url::{Host, Url};

use super::address::is_admitted;
use super::cache::{Cache, Key};
use super::grant::LookupGrant;
use super::{Answer, Answered, LookupError};
use crate::seams::service::choose_cryptography;

/// Redirects of one lookup.
const HOPS: usize = 5;
/// How long a connection waits for the next lookup.
const IDLE: Duration = Duration::from_secs(10);
/// Bytes of a `Content-Type` that are taken.
const CONTENT_TYPE_BYTES: usize = 256;

/// Asks servers, and keeps what they answered for a while. One for the whole program.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Lookups {
    /// Made when the first rule asks: the certificates of the machine have to be read for it.
    clients: OnceLock<Result<Clients, String>>,
    cache: Mutex<Cache>,
}

/// One client for each answer to the question which addresses are admitted, so that no connection to a private address
/// is used for a rule that may have none.
#[derive(Debug)]
struct Clients {
    public: Client,
    private: Client,
}

impl Lookups {
    /// What the server answers, and whether it had answered before.
    pub(super) async fn ask(&self, grant: &LookupGrant, url: Url) -> (Answered, bool) {
        let key: Key = Arc::new((grant.key.clone(), url.to_string()));
        if let Some(answer) = self.cache().get(&key, Instant::now()) {
            return (Ok(answer), true);
        }
        let asked = match self.client(grant.private) {
            Ok(client) => tokio::time::timeout(grant.time(), fetch(&client, grant, url)).await,
            Err(why) => return (Err(LookupError::Unavailable(why)), false),
        };
        let answered = asked.unwrap_or(Err(LookupError::Timeout));
        // A server's own trouble is not to outlast it.
        if let Ok(answer) = &answered
            && answer.status < 500
            && !grant.cached.is_zero()
        {
            self.cache().put(key, answer.clone(), grant.cached, Instant::now());
        }
        (answered, false)
    }

    fn client(&self, private: bool) -> Result<Client, String> {
        let clients = self.clients.get_or_init(|| {
            choose_cryptography();
            let both = client(false).and_then(|public| Ok(Clients { public, private: client(true)? }));
            both.map_err(|error| format!("the gate has no client for lookups: {}", innermost(&error)))
        });
        let clients = clients.as_ref().map_err(Clone::clone)?;
        Ok(if private { clients.private.clone() } else { clients.public.clone() })
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plain client: no proxy, no cookies, no redirects that were not looked at.
fn client(private: bool) -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE)
        .dns_resolver(Arc::new(Checking { private }))
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION"), " (lookup)"))
        .build()
}

async fn fetch(client: &Client, grant: &LookupGrant, mut url: Url) -> Answered {
    for _ in 0..=HOPS {
        // An address in the URL is connected to without being resolved.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if literal.is_some_and(|address| !is_admitted(address, grant.private)) {
            return Err(LookupError::Denied(Refused { private: grant.private }.explain(&url)));
        }
        let response = client.get(url.clone()).send().await.map_err(|error| explain(&error, &url))?;
        match next(&response) {
            Some(to) => {
                let to = url.join(&to).map_err(|error| {
                    LookupError::Unavailable(format!("{} redirects to what is no URL: {error}", place(&url)))
                })?;
                url = grant
                    .admit(to.as_str())
                    .map_err(|why| LookupError::Denied(format!("{} is redirected: {why}", place(&url))))?;
            }
            None => return read(response, grant.most, &url).await,
        }
    }
    Err(LookupError::Unavailable(format!("{} is redirected more than {HOPS} times", place(&url))))
}

/// Where an answer says to ask instead. A redirect that does not say where to is an answer.
fn next(response: &Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.headers().get(LOCATION)?.to_str().ok().map(str::to_owned)
}

async fn read(mut response: Response, most: usize, url: &Url) -> Answered {
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(LookupError::TooLarge);
    }
    let status = response.status().as_u16();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let content_type = kind.filter(|kind| kind.len() <= CONTENT_TYPE_BYTES).map(str::to_owned);
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|error| explain(&error, url))? {
        if body.len() + piece.len() > most {
            return Err(LookupError::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, content_type, body: body.freeze() })
}

/// Resolves names, and passes on those addresses only that may be connected to. What it passes on is what the client
/// connects to, so a name that means another address a moment later gains nothing.
#[derive(Debug)]
struct Checking {
    private: bool,
}

impl Resolve for Checking {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_there = !found.is_empty();
            let admitted: Vec<_> = found.into_iter().filter(|address| is_admitted(address.ip(), private)).collect();
            if is_there && admitted.is_empty() {
                return Err(Refused { private }.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// The server has no address that may be connected to.
#[derive(Debug)]
struct Refused {
    private: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address that is not granted")
    }
}

impl Error for Refused {}

impl Refused {
    fn explain(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        match self.private {
            false => format!(
                "{host} has a private address, and the rule's grants.lookup does not say private = true, for servers of \
                 the site's own network"
            ),
            true => format!("{host} has an address that is no server's"),
        }
    }
}

fn explain(error: &reqwest::Error, url: &Url) -> LookupError {
    let mut inner: Option<&dyn Error> = Some(error);
    while let Some(cause) = inner {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return LookupError::Denied(refused.explain(url));
        }
        inner = cause.source();
    }
    if error.is_timeout() {
        return LookupError::Timeout;
    }
    LookupError::Unavailable(format!("{}: {}", place(url), innermost(error)))
}

/// The innermost cause, which says what happened.
fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// A URL as messages show it: without its query, where secrets may be.
fn place(url: &Url) -> &str {
    &url[..url::Position::AfterPath]
}
