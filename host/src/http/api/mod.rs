//! The API, one noun a file.

pub(super) mod events;
pub(super) mod files;
pub(super) mod jobs;
pub(super) mod plugins;
pub(super) mod policy;
pub(super) mod replay;
pub(super) mod tables;
pub(super) mod tokens;
pub(super) mod uploads;
pub(super) mod validate;

use std::str::FromStr;

use super::problem::Problem;

/// The number in a path.
fn id<T: FromStr>(text: &str, what: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::bad_request(format!("{text:?} is no {what} id: it must be an integer")))
}
