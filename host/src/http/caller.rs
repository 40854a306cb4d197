//! The acting user.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use super::Site;
use super::access::Who;

/// The acting user: what the site's proxy says, where the call comes from one that is believed; else whose token it is;
/// else the default.
pub(super) struct Caller(pub(super) String);

impl FromRequestParts<Arc<Site>> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let named = parts.headers.get(site.settings.user_header.as_str());
        let named = named.and_then(|value| value.to_str().ok()).map(str::trim).filter(|name| !name.is_empty());
        let user = named.filter(|_| peer.is_some_and(|peer| is_believed(site, peer)));
        let who = parts.extensions.get::<Who>().and_then(Who::name);
        Ok(Self(user.or(who).unwrap_or(&site.settings.default_user).to_owned()))
    }
}

/// Where a call comes from, for the record.
pub(super) struct Peer(pub(super) String);

impl FromRequestParts<Arc<Site>> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        // What a proxy says of the address behind it is worth as much as what it says of the user.
        let behind = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        let behind = behind.filter(|_| peer.is_some_and(|peer| is_believed(site, peer)));
        let behind = behind.and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        let address = behind.or(peer).map(|address| address.to_canonical().to_string());
        Ok(Self(address.unwrap_or_else(|| "an unknown address".to_owned())))
    }
}

pub(super) fn is_believed(site: &Site, peer: IpAddr) -> bool {
    // A socket for both protocols shows callers of the older one by mapped addresses.
    let peer = peer.to_canonical();
    let proxies = &site.settings.trusted_proxies;
    // With none configured the program listens on a loopback address only: its configuration sees to that.
    if proxies.is_empty() { peer.is_loopback() } else { proxies.iter().any(|proxy| proxy.contains(&peer)) }
}
