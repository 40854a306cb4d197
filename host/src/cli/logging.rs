//! Logging, to standard error: standard output belongs to what was asked for. And traces, where a collector is set.

use std::io;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::{Exit, Failure};
use crate::config::Loaded;
use crate::traces::Traces;

/// Turns logging on, and logs what the configuration warns of where a server starts. A command that ends at once logs
/// warnings only, unless more was asked for, and sends no traces. What is answered sends the traces, and must outlive
/// the runtime.
pub(super) fn start(loaded: &Loaded, role: Option<&'static str>) -> Result<Option<Traces>, Failure> {
    let settings = &loaded.settings.log;
    let asked = loaded.origins.iter().any(|origin| origin.key == "log.filter");
    let filter = if role.is_some() || asked { settings.filter.as_str() } else { "warn" };
    let traces = role.map(|role| Traces::start(&loaded.settings.traces, role)).transpose();
    let traces =
        traces.map_err(|error| Failure::new(Exit::Failed, format!("traces cannot be sent: {error:#}")))?.flatten();
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let lines = if settings.json { lines.json().boxed() } else { lines.boxed() };
    let spans = traces.as_ref().map(|traces| traces.layer().with_filter(EnvFilter::new("sluice=info")));
    // A second call in one process leaves the first in place.
    let started = tracing_subscriber::registry().with(lines.with_filter(EnvFilter::new(filter))).with(spans).try_init();
    if started.is_ok() && role.is_some() {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
    }
    Ok(traces)
}
