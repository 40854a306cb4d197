//! The state of one call.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::granted::Granted;
use super::limits::{Breach, FINDING_TEXT, HANDLES, Limits, Watch};
use super::lookup::Asking;
use super::wasi;

/// Everything a call holds. It is made for the call and dropped with it.
pub(super) struct CallState {
    pub(super) table: ResourceTable,
    pub(super) limits: Limits,
    pub(super) watch: Watch,
    pub(super) config: Arc<str>,
    pub(super) granted: Granted,
    pub(super) asking: Asking,
    pub(super) log: Vec<(tracing::Level, String)>,
    pub(super) log_bytes: usize,
    pub(super) open_files: usize,
    pub(super) read_bytes: u64,
    /// When there was an instance.
    pub(super) instantiated: Option<Instant>,
    received_seconds: u64,
    seed: u64,
    /// Most guests never ask for WASI, so it is made when the first one does.
    wasi: Option<(WasiCtx, MemoryOutputPipe)>,
}

impl CallState {
    pub(super) fn new(
        config: Arc<str>,
        granted: Granted,
        asking: Asking,
        limits: &Limits,
        received_seconds: u64,
        seed: u64,
    ) -> Self {
        let mut table = ResourceTable::new();
        // Some room for the bundle itself and for WASI's streams.
        table.set_max_capacity(HANDLES + 64);
        Self {
            table,
            limits: *limits,
            watch: Watch::new(limits),
            config,
            granted,
            asking,
            log: Vec::new(),
            log_bytes: 0,
            open_files: 0,
            read_bytes: 0,
            instantiated: None,
            received_seconds,
            seed,
            wasi: None,
        }
    }

    /// Notes that there is an instance now.
    pub(super) fn instantiated(&mut self) {
        self.instantiated = Some(Instant::now());
    }

    /// Notes the first limit that was reached and gives the error that ends the call.
    pub(super) fn breach(&mut self, breach: Breach) -> wasmtime::Error {
        let error = wasmtime::Error::new(breach.clone());
        self.watch.breach.get_or_insert(breach);
        error
    }

    /// Place and message of the panic that a guest's last line tells of, as the Rust SDK's hook logs it:
    /// `panicked at PLACE:` and the message on a line of its own.
    pub(super) fn panic(&self) -> Option<String> {
        let (level, line) = self.log.last()?;
        let said = line.strip_prefix("panicked at ").filter(|_| *level == tracing::Level::ERROR)?;
        let (place, message) = said.split_once('\n').unwrap_or((said, ""));
        Some(shortened(&format!("{place} {message}"), FINDING_TEXT).trim_end().to_owned())
    }

    /// The guest's own last words: its log, but for a panic that was told already, and what it printed.
    pub(super) fn last_words(&self, panic_told: bool) -> Option<String> {
        let logged = self
            .log
            .iter()
            .rev()
            .skip(usize::from(panic_told))
            .take(3)
            .rev()
            .map(|(_, line)| shortened(line, 500).to_owned());
        let mut words: Vec<String> = logged.collect();
        if let Some((_, printed)) = &self.wasi {
            let printed = printed.contents();
            let printed = String::from_utf8_lossy(&printed);
            let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
            words.extend(lines.iter().rev().take(5).rev().map(|line| shortened(line, 500).to_owned()));
        }
        (!words.is_empty()).then(|| words.join("\n"))
    }
}

/// At most this many bytes of a text, cut between characters.
pub(super) fn shortened(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (ctx, _) = self.wasi.get_or_insert_with(|| {
            let printed = wasi::printed();
            (wasi::nothing(self.received_seconds, self.seed, &printed), printed)
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_once_with_its_place_and_its_message() {
        let asking = Asking::new(None, Arc::default(), None);
        let mut state = CallState::new(Arc::from("{}"), Granted::default(), asking, &Limits::default(), 0, 0);
        state.log.push((tracing::Level::INFO, "about to divide".to_owned()));
        assert_eq!(state.panic(), None);
        state.log.push((tracing::Level::ERROR, "panicked at src/lib.rs:7:9:\nattempt to divide by zero".to_owned()));
        assert_eq!(state.panic().as_deref(), Some("src/lib.rs:7:9: attempt to divide by zero"));
        assert_eq!(state.last_words(true).as_deref(), Some("about to divide"));
    }
}
