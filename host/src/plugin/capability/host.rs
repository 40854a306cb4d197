//! The log and the configuration.

use super::super::bindings::host::{Host, Level};
use super::super::limits::{Breach, LOG_BYTES};
use super::super::store::CallState;
use crate::model::FailureKind;

impl Host for CallState {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log_bytes += message.len();
        if self.log_bytes > LOG_BYTES {
            let breach = Breach::new(FailureKind::Output, format!("it logged more than {} KiB", LOG_BYTES >> 10));
            return Err(self.breach(breach));
        }
        let level = match level {
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error => tracing::Level::ERROR,
        };
        self.log.push((level, message));
        Ok(())
    }

    fn config(&mut self) -> wasmtime::Result<String> {
        Ok(self.config.to_string())
    }
}
