//! Logging, to standard error: standard output belongs to what was asked for.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::Loaded;

/// Turns logging on, and logs what the configuration warns of where a server starts. A command that ends at once logs
/// warnings only, unless more was asked for.
pub(super) fn start(loaded: &Loaded, serves: bool) {
    let settings = &loaded.settings.log;
    let asked = loaded.origins.iter().any(|origin| origin.key == "log.filter");
    let filter = if serves || asked { settings.filter.as_str() } else { "warn" };
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr).with_ansi(false);
    // A second call in one process leaves the first in place.
    let started = if settings.json { subscriber.json().try_init() } else { subscriber.try_init() };
    if started.is_ok() && serves {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
    }
}
