//! Who looks at a page, and what holds for all of them: where a change may come from, and what browsers are told.

use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::Site;
use super::super::caller::is_believed;
use super::super::problem::Problem;
use super::Trouble;
use super::pages::trouble;
use crate::access::{self, Bearer};
use crate::model::{Role, Timestamp};

/// The cookie that holds a session's secret.
pub(super) const COOKIE_NAME: &str = "sluice_session";

/// Nothing but our own: no inline script or style either.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who looks at a page. Not to be logged: it holds what a session lives by.
#[derive(Clone, Default)]
pub(super) struct Viewer {
    /// Whose token the session was opened with; none for who has not signed in.
    pub(super) bearer: Option<Arc<Bearer>>,
    /// What the forms of this session carry; empty without one.
    pub(super) form_token: String,
    /// The session's secret; empty without one.
    pub(super) secret: String,
}

impl Viewer {
    pub(super) fn has(&self, role: Role) -> bool {
        self.bearer.as_ref().is_some_and(|bearer| bearer.role >= role)
    }

    /// The bearer, if the role allows what is asked.
    pub(super) fn must(&self, role: Role) -> Result<&Bearer, Problem> {
        match &self.bearer {
            Some(bearer) if bearer.role >= role => Ok(bearer),
            Some(bearer) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!("this needs the role {role}; the token {} has the role {}", bearer.name, bearer.role),
            )),
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                format!("sign in with a token of the role {role} or above, and do it again"),
            )),
        }
    }
}

impl FromRequestParts<Arc<Site>> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Site>) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Stands before all pages.
pub(super) async fn guard(
    State(site): State<Arc<Site>>,
    uri: OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = uri.path();
    let open = path == "/ui/sign-in" || path.starts_with("/ui/assets/");
    let viewer = match viewer(&site, request.headers()).await {
        Ok(viewer) => viewer,
        Err(problem) => return told(trouble(&problem, &Viewer::default()), open),
    };
    let refused = if !reads && !from_here(&site, &request) {
        let why = "this was sent from another site, so nothing was done; open the console itself and do it there";
        Some(Problem::new(StatusCode::FORBIDDEN, why))
    } else if site.settings.require_token && viewer.bearer.is_none() && !open {
        Some(Problem::new(StatusCode::UNAUTHORIZED, "sign in with a token to see this"))
    } else {
        None
    };
    let mut response = match refused {
        Some(problem) => Trouble(problem).into_response(),
        None => {
            request.extensions_mut().insert(viewer.clone());
            next.run(request).await
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        // Who only wanted to look comes back here after signing in.
        response = if problem.status() == StatusCode::UNAUTHORIZED && reads {
            let after: String = form_urlencoded::byte_serialize(uri.to_string().as_bytes()).collect();
            Redirect::to(&format!("/ui/sign-in?after={after}")).into_response()
        } else {
            trouble(&problem, &viewer)
        };
    }
    told(response, path.starts_with("/ui/assets/"))
}

/// What browsers are told of every page.
fn told(mut response: Response, kept: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: forms would then not say where they come from either.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if !kept {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("cookie"));
    }
    response
}

async fn viewer(site: &Site, headers: &HeaderMap) -> Result<Viewer, Problem> {
    let Some(secret) = secret(headers) else { return Ok(Viewer::default()) };
    let bearer = access::session(&site.db, secret, Timestamp::now()).await?;
    Ok(bearer.map_or_else(Viewer::default, |bearer| Viewer {
        bearer: Some(Arc::new(bearer)),
        form_token: access::form_token(secret),
        secret: secret.to_owned(),
    }))
}

fn secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value).next()
}

/// Whether a change comes from a page of this very site, as far as the browser says where it comes from. Beside this,
/// every form of a session carries its token.
fn from_here(site: &Site, request: &Request) -> bool {
    let headers = request.headers();
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(from) = text(&FETCH_SITE) {
        return from == "same-origin";
    }
    let Some(origin) = text(&ORIGIN) else { return true };
    let host = forwarded(site, request, "x-forwarded-host").or(text(&HOST));
    let said = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    said.zip(host).is_some_and(|(said, host)| said.eq_ignore_ascii_case(host))
}

/// Whether the browser speaks TLS to the proxy in front.
pub(super) fn by_https(site: &Site, request: &Request) -> bool {
    forwarded(site, request, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// What a proxy that is believed says of the request as it was made.
fn forwarded<'a>(site: &Site, request: &'a Request, name: &str) -> Option<&'a str> {
    let peer = request.extensions().get::<ConnectInfo<std::net::SocketAddr>>()?.0.ip();
    let said = request.headers().get(name)?.to_str().ok()?;
    is_believed(site, peer).then(|| said.rsplit(',').next().unwrap_or(said).trim())
}
