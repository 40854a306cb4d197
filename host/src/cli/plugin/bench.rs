//! `sluice plugin bench`: what a call costs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::trial::{self, Sample, Verdict};
use crate::cli::print::{self, Cell, Printer, Table};
use crate::cli::{Exit, Failure};
use crate::config::Surroundings;
use crate::plugin::{Granted, Limits};

/// Calls before the counted ones, which find caches and pools as cold as a gate never does.
const WARM_UP: usize = 5;

#[derive(Args)]
pub(in crate::cli) struct Bench {
    /// The component
    #[arg(value_name = "X.wasm")]
    component: PathBuf,
    /// The bundle to call it with: a folder with metadata.txt and data/, or a tar
    #[arg(long, value_name = "PATH")]
    bundle: PathBuf,
    /// The configuration: a file, or JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    config: Option<OsString>,
    /// What servers answer to its lookups: a lookups.json
    #[arg(long, value_name = "FILE")]
    lookups: Option<PathBuf>,
    /// How many calls are measured
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
}

/// One quantity over all calls, sorted.
struct Spread(Vec<Duration>);

impl Spread {
    fn new(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        Self(values)
    }

    /// The value that this part of all calls stays below.
    fn quantile(&self, part: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        // Nearest rank: with 500 calls the 99th percentile is the 495th.
        let rank = (self.0.len() as f64 * part).ceil() as usize;
        self.0.get(rank.saturating_sub(1).min(last)).copied().unwrap_or_default()
    }

    fn json(&self) -> Value {
        let micros = |part| self.quantile(part).as_secs_f64() * 1e6;
        json!({ "median_us": micros(0.5), "p99_us": micros(0.99) })
    }

    fn row(&self, name: &str) -> [Cell; 3] {
        let shown = |part| Cell::number(print::duration(self.quantile(part)));
        [Cell::text(name), shown(0.5), shown(0.99)]
    }
}

impl Bench {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        trial::block_on(self.measure(printer, surroundings))
    }

    async fn measure(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let path = surroundings.folder.join(&self.component);
        let sample = Sample::open(&surroundings.folder.join(&self.bundle), surroundings)?;
        let config = match &self.config {
            Some(given) => trial::read_config(given, surroundings)?,
            None => json!({}),
        };
        let lookups = self.lookups.as_ref().map(|path| trial::read_lookups(&surroundings.folder.join(path)));
        let granted = Granted { lookup: lookups.transpose()?, ..Granted::default() };
        // The first load may compile; a second one, in a sandbox that knows nothing, is what a started gate does.
        let first = trial::load(&path, surroundings).await?.took;
        let loaded = trial::load(&path, surroundings).await?;
        let plugin = &loaded.plugin;
        let config = trial::check_config(plugin, &config).await?;

        let runs = self.runs as usize;
        let (mut instantiate, mut call, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        let mut memory = 0;
        for run in 0..WARM_UP + runs {
            let judged = trial::judge(plugin, &sample, config.clone(), granted.clone(), Limits::default()).await;
            if let Verdict { failure: Some(failure), .. } = judged.verdict {
                let message = format!("the plugin failed ({}): {}", failure.kind.name(), failure.message);
                return Err(Failure::new(Exit::Failed, message));
            }
            if run >= WARM_UP {
                instantiate.push(judged.instantiated);
                call.push(judged.duration.saturating_sub(judged.instantiated));
                whole.push(judged.duration);
                memory = memory.max(judged.memory);
            }
        }
        let [instantiate, call, whole] = [instantiate, call, whole].map(Spread::new);
        let info = plugin.info();
        if printer.json {
            printer.document(&json!({
                "plugin": info.name, "version": info.version, "digest": info.digest, "bytes": info.size, "runs": runs,
                "first_load_us": first.as_secs_f64() * 1e6, "cached_load_us": loaded.took.as_secs_f64() * 1e6,
                "instantiate": instantiate.json(), "call": call.json(), "total": whole.json(),
                "peak_memory_bytes": memory,
            }))?;
            return Ok(Exit::Done);
        }
        printer.text(&format!(
            "{} {}, {}: {runs} calls, each in a fresh instance",
            info.name,
            info.version,
            print::bytes(info.size as u64)
        ))?;
        let mut table = Table::new(&["", "MEDIAN", "P99"]);
        table.row(instantiate.row("instantiate"));
        table.row(call.row("call"));
        table.row(whole.row("together"));
        printer.table(&table)?;
        printer.text(&format!(
            "loaded in {} first, in {} from the cache; peak memory {}",
            print::duration(first),
            print::duration(loaded.took),
            print::bytes(memory as u64)
        ))?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let spread = Spread::new((1..=100).rev().map(Duration::from_micros).collect());
        assert_eq!(spread.quantile(0.5), Duration::from_micros(50));
        assert_eq!(spread.quantile(0.99), Duration::from_micros(99));
        let one = Spread::new(vec![Duration::from_micros(7)]);
        assert_eq!((one.quantile(0.5), one.quantile(0.99)), (Duration::from_micros(7), Duration::from_micros(7)));
    }
}
