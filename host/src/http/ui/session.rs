//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::Site;
use super::guard::{COOKIE_NAME, by_https};
use super::sent::{Sent, fields};
use super::{Page, Trouble, Viewer, shown};
use crate::access;
use crate::model::Timestamp;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    page: Page,
    /// Where to go then.
    after: String,
    /// Why it did not work; empty at first.
    wrong: &'static str,
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: String,
}

/// `GET /ui/sign-in`
pub(super) async fn form(viewer: Viewer, Query(After { after }): Query<After>) -> Result<Response, Trouble> {
    shown(&SignIn { page: Page::new("Sign in", "", &viewer), after: own(&after).to_owned(), wrong: "" })
}

/// A page of the console; no address that leads out of it.
fn own(after: &str) -> &str {
    let plain = after.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && after.starts_with("/ui/") && !after.starts_with("/ui/sign") { after } else { "/ui/jobs" }
}

/// `POST /ui/sign-in`: a token is exchanged for a session.
pub(super) async fn sign_in(
    State(site): State<Arc<Site>>,
    viewer: Viewer,
    request: Request,
) -> Result<Response, Trouble> {
    let secure = if by_https(&site, &request) { "; Secure" } else { "" };
    let sent = fields(&site, request).await?;
    let after = own(sent.get("after").unwrap_or_default()).to_owned();
    let Some(bearer) = access::recognise(&site.db, sent.get("token").unwrap_or_default().trim()).await? else {
        let wrong = "This is no token of this gate, or it was revoked.";
        let page = shown(&SignIn { page: Page::new("Sign in", "", &viewer), after, wrong })?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    let (record, secret) = access::new_session(&bearer, Timestamp::now());
    site.db.put_session(&record).await?;
    if !viewer.secret.is_empty() {
        access::end_session(&site.db, &viewer.secret).await?;
    }
    tracing::info!(token = bearer.id, name = bearer.name, "signed in to the console");
    let seconds = access::SESSION.as_secs();
    let cookie = format!("{COOKIE_NAME}={secret}; HttpOnly; SameSite=Strict; Path=/ui; Max-Age={seconds}{secure}");
    Ok(([(SET_COOKIE, cookie)], Redirect::to(&after)).into_response())
}

/// `POST /ui/sign-out`: the session is over, wherever its cookie may be.
pub(super) async fn sign_out(State(site): State<Arc<Site>>, viewer: Viewer, _: Sent) -> Result<Response, Trouble> {
    access::end_session(&site.db, &viewer.secret).await?;
    let cookie = format!("{COOKIE_NAME}=; HttpOnly; SameSite=Strict; Path=/ui; Max-Age=0");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/ui/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn signing_in_leads_to_no_other_site() {
        for good in ["/ui/policy", "/ui/jobs?status=failed", "/ui/jobs/1"] {
            assert_eq!(own(good), good);
        }
        for bad in ["", "/", "//evil.example/ui/", "https://evil.example/ui/", "/ui/\\evil", "/ui/sign-in", "/ui/a b"] {
            assert_eq!(own(bad), "/ui/jobs", "{bad}");
        }
    }
}
