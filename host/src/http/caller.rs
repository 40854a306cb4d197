//! Who is calling.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use super::Site;

/// The acting user: what the site's proxy says, where the call comes from one that is believed; the default otherwise.
pub(super) struct Caller(pub(super) String);

impl FromRequestParts<Site> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let named = parts.headers.get(site.settings.user_header.as_str());
        let named = named.and_then(|value| value.to_str().ok()).map(str::trim).filter(|name| !name.is_empty());
        let user = named.filter(|_| peer.is_some_and(|peer| is_believed(site, peer)));
        Ok(Self(user.unwrap_or(&site.settings.default_user).to_owned()))
    }
}

fn is_believed(site: &Site, peer: IpAddr) -> bool {
    // A socket for both protocols shows callers of the older one by mapped addresses.
    let peer = peer.to_canonical();
    let proxies = &site.settings.trusted_proxies;
    // With none configured the program listens on a loopback address only: its configuration sees to that.
    if proxies.is_empty() { peer.is_loopback() } else { proxies.iter().any(|proxy| proxy.contains(&peer)) }
}
