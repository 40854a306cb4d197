//! `sluice serve` and `sluice worker`.

use clap::Args;

use super::{Exit, Failure};
use crate::app::{self, Roles};
use crate::config::Loaded;

/// Receive bundles, and work them off.
#[derive(Args)]
pub(super) struct Serve {
    /// Only receive; `sluice worker` works off, in other processes
    #[arg(long)]
    no_worker: bool,
}

impl Serve {
    pub(super) async fn run(self, loaded: Loaded) -> Result<Exit, Failure> {
        app::serve(loaded.settings, Roles { http: true, worker: !self.no_worker }).await?;
        Ok(Exit::Done)
    }
}

/// Works off what other processes receive.
pub(super) async fn worker(loaded: Loaded) -> Result<Exit, Failure> {
    app::serve(loaded.settings, Roles { http: false, worker: true }).await?;
    Ok(Exit::Done)
}
