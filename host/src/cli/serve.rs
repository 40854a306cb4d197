//! `sluice serve` and `sluice worker`.

use std::path::PathBuf;

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
    /// While rules are written: run what is saved here as NAME.wasm on the next job [env: SLUICE_WATCH]
    #[arg(long, value_name = "DIR")]
    watch: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, mut loaded: Loaded) -> Result<Exit, Failure> {
        if let Some(folder) = self.watch {
            let absolute = std::path::absolute(&folder);
            let absolute = absolute.map_err(|error| Failure::file(format!("--watch {}", folder.display()), &error))?;
            loaded.settings.policy.watch = Some(absolute);
        }
        app::serve(loaded.settings, Roles { http: true, worker: !self.no_worker }).await?;
        Ok(Exit::Done)
    }
}

/// Works off what other processes receive.
pub(super) async fn worker(loaded: Loaded) -> Result<Exit, Failure> {
    app::serve(loaded.settings, Roles { http: false, worker: true }).await?;
    Ok(Exit::Done)
}
