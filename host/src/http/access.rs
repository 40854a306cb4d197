//! Who is calling, by the token that they show, and what that allows.
//!
//! Every call passes [`identify`] before its handler: a token that is none of ours ends it there, and where the site
//! requires tokens, so does a missing one. What a call needs beyond that, its handler says with [`Who::must`].

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::legacy_error::LegacyError;
use super::problem::Problem;
use crate::access::{self, Bearer};
use crate::db::DbError;
use crate::model::Role;

/// Paths that answer whoever asks: monitoring has no token.
const OPEN: [&str; 3] = ["/", "/healthz", "/readyz"];

/// Who is calling: the bearer of a token, or nobody in particular.
#[derive(Clone, Debug, Default)]
pub(super) struct Who(Option<Arc<Bearer>>);

impl Who {
    /// The bearer, if the role allows what is asked.
    pub(super) fn must(&self, role: Role) -> Result<&Bearer, Problem> {
        match &self.0 {
            Some(bearer) if bearer.role >= role => Ok(bearer),
            Some(bearer) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!("this needs the role {role}; the token {} has the role {}", bearer.name, bearer.role),
            )),
            None => Err(Problem::new(StatusCode::UNAUTHORIZED, needs_token(role))),
        }
    }

    /// Whether bundles are taken from this caller; why not, where they are not. Without a token they are, unless the site
    /// requires one, which [`identify`] sees to.
    pub(super) fn may_upload(&self) -> Result<(), String> {
        match &self.0 {
            Some(bearer) if bearer.role < Role::Uploader => Err(format!(
                "sending bundles needs the role uploader; the token {} has the role {}",
                bearer.name, bearer.role
            )),
            _ => Ok(()),
        }
    }

    /// The name that the token was given to.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_deref().map(|bearer| bearer.name.as_str())
    }
}

impl FromRequestParts<Arc<Site>> for Who {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Site>) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Finds out who is calling.
pub(super) async fn identify(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let api = path.starts_with("/api");
    let who = match shown(request.headers()) {
        Some(token) => match access::recognise(&site.db, token).await {
            Ok(Some(bearer)) => Who(Some(Arc::new(bearer))),
            Ok(None) => return refused(api, "the token is none of this gate's, or was revoked".to_owned()),
            Err(error) => return failed(api, error),
        },
        None if site.settings.require_token && !OPEN.contains(&path) => {
            return refused(api, needs_token(Role::Reader));
        }
        None => Who(None),
    };
    request.extensions_mut().insert(who);
    next.run(request).await
}

/// Lets only those through who may send bundles.
pub(super) async fn uploaders(who: Who, request: Request, next: Next) -> Response {
    match who.may_upload() {
        Ok(()) => next.run(request).await,
        Err(why) => Problem::new(StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1). Other schemes are the site's proxy's.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    // The scheme alone is a token that is none, not a call without one.
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn needs_token(role: Role) -> String {
    format!(
        "this needs a token of the role {role} or above: send it as Authorization: Bearer TOKEN \
         (`sluice token create` makes one)"
    )
}

fn refused(api: bool, why: String) -> Response {
    let mut response = match api {
        true => Problem::new(StatusCode::UNAUTHORIZED, why).into_response(),
        false => LegacyError::new(StatusCode::UNAUTHORIZED, why).into_response(),
    };
    response.headers_mut().insert(WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
    response
}

fn failed(api: bool, error: DbError) -> Response {
    if api { Problem::from(error).into_response() } else { LegacyError::from(error).into_response() }
}
