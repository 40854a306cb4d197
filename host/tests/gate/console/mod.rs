//! The console, as people use it: in a browser, and what it refuses.

mod browser;
mod forms;
mod hostile;
mod jobs;
mod pictures;
mod policy;
mod signing_in;

use crate::site::Site;

/// The first token of a site.
fn admin_token(site: &Site) -> String {
    std::fs::read_to_string(site.data().join("admin-token")).expect("a token").trim().to_owned()
}
