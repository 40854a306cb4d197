//! The state of one call.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::limits::{Breach, HANDLES, Limits, Watch};
use super::wasi;

/// Everything a call holds. It is made for the call and dropped with it.
pub(super) struct CallState {
    pub(super) table: ResourceTable,
    pub(super) limits: Limits,
    pub(super) watch: Watch,
    pub(super) config: Arc<str>,
    pub(super) log: Vec<(tracing::Level, String)>,
    pub(super) log_bytes: usize,
    pub(super) open_files: usize,
    pub(super) read_bytes: u64,
    received_seconds: u64,
    seed: u64,
    /// Most guests never ask for WASI, so it is made when the first one does.
    wasi: Option<(WasiCtx, MemoryOutputPipe)>,
}

impl CallState {
    pub(super) fn new(config: Arc<str>, limits: &Limits, received_seconds: u64, seed: u64) -> Self {
        let mut table = ResourceTable::new();
        // Some room for the bundle itself and for WASI's streams.
        table.set_max_capacity(HANDLES + 64);
        Self {
            table,
            limits: *limits,
            watch: Watch::new(limits),
            config,
            log: Vec::new(),
            log_bytes: 0,
            open_files: 0,
            read_bytes: 0,
            received_seconds,
            seed,
            wasi: None,
        }
    }

    /// Notes the first limit that was reached and gives the error that ends the call.
    pub(super) fn breach(&mut self, breach: Breach) -> wasmtime::Error {
        let error = wasmtime::Error::new(breach.clone());
        self.watch.breach.get_or_insert(breach);
        error
    }

    /// The guest's own last words: its log, and what it printed.
    pub(super) fn last_words(&self) -> Option<String> {
        let logged = self.log.iter().rev().take(3).rev().map(|(_, line)| shortened(line, 500).to_owned());
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
