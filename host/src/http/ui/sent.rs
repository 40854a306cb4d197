//! What forms send.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;

use super::super::Site;
use super::super::body::whole;
use super::super::problem::Problem;
use super::{Trouble, Viewer};

/// A policy is the largest thing that a form holds.
const LARGEST_FORM: u64 = 16 << 20;

/// The field that carries the session's token.
const TOKEN: &str = "form_token";

/// The fields of a form that is one of this viewer's session.
#[derive(Debug, Default)]
pub(super) struct Sent(Fields);

/// Names and values, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// The first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value of this name that is more than blanks.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The value of this name, which the form always sends.
    pub(super) fn must(&self, name: &str) -> Result<&str, Trouble> {
        self.get(name).ok_or_else(|| Problem::bad_request(format!("the form lacks its field {name}")).into())
    }

    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Refuses a form that is not one of this session.
    pub(super) fn check(&self, viewer: &Viewer) -> Result<(), Problem> {
        if viewer.bearer.is_none() {
            let why = "nobody is signed in, or not any more; sign in and do it again";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, why));
        }
        match self.get(TOKEN) == Some(viewer.form_token.as_str()) {
            true => Ok(()),
            false => {
                let why = "the form is not one of this session, so nothing was done; load its page again";
                Err(Problem::new(StatusCode::FORBIDDEN, why))
            }
        }
    }
}

impl std::ops::Deref for Sent {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

/// The fields of a form, whoever has sent it.
pub(super) async fn fields(site: &Site, request: Request) -> Result<Fields, Problem> {
    Ok(Fields::parse(&whole(request.into_body(), LARGEST_FORM, site.settings.idle_timeout).await?))
}

impl FromRequest<Arc<Site>> for Sent {
    type Rejection = Trouble;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let Ok(viewer) = Viewer::from_request_parts(&mut parts, site).await;
        let fields = fields(site, Request::from_parts(parts, body)).await?;
        fields.check(&viewer)?;
        Ok(Self(fields))
    }
}
