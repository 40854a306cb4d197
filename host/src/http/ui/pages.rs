//! What every page has, and the page that says what went wrong.

use std::sync::Arc;

use askama::Template;
use axum::extract::OriginalUri;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::super::problem::Problem;
use super::guard::Viewer;
use crate::db::DbError;
use crate::ingest::OrderError;
use crate::model::Role;
use crate::policy::PolicyError;

/// What every page has.
pub(super) struct Page {
    /// Its title.
    pub(super) title: String,
    /// Which of the pages that the menu names it belongs to.
    pub(super) here: &'static str,
    /// Who looks at it.
    pub(super) viewer: Viewer,
    /// Told apart from those of other versions, so that browsers may keep them.
    pub(super) assets: &'static str,
    /// The program's version.
    pub(super) version: &'static str,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, here: &'static str, viewer: &Viewer) -> Self {
        Self {
            title: title.into(),
            here,
            viewer: viewer.clone(),
            assets: super::assets::version(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Whether who looks may change jobs.
    pub(super) fn operates(&self) -> bool {
        self.viewer.has(Role::Operator)
    }

    /// Whether who looks may change the policy and the plugins.
    pub(super) fn administers(&self) -> bool {
        self.viewer.has(Role::Admin)
    }

    /// What forms carry.
    pub(super) fn form_token(&self) -> &str {
        &self.viewer.form_token
    }
}

/// A page, as it is sent.
pub(super) fn shown(template: &impl Template) -> Result<Response, Trouble> {
    Ok(Html(template.render().map_err(anyhow::Error::from)?).into_response())
}

/// What went wrong with a page. The guard, which knows who is looking, makes a page of it.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) Problem);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}

macro_rules! trouble_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self(error.into())
            }
        })*
    };
}

trouble_from!(DbError, OrderError, PolicyError, anyhow::Error, super::super::body::DocumentBodyError);

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage<'a> {
    page: Page,
    status: StatusCode,
    detail: &'a str,
}

/// The page that says what went wrong.
pub(super) fn trouble(problem: &Problem, viewer: &Viewer) -> Response {
    let status = problem.status();
    let title = status.canonical_reason().unwrap_or("Error");
    let template = TroublePage { page: Page::new(title, "", viewer), status, detail: problem.detail() };
    match template.render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(_) => (status, problem.detail().to_owned()).into_response(),
    }
}

pub(super) async fn not_found(OriginalUri(uri): OriginalUri) -> Trouble {
    Trouble(Problem::not_found(format!("there is no page {}", uri.path())))
}

pub(super) async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Trouble {
    Trouble(Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for {}", uri.path())))
}
