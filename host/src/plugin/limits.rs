//! What one call may use, and the watch over memory and tables.

use serde::{Deserialize, Serialize};

use crate::model::{CallLimits, FailureKind};

/// What one call of a plugin may use, as a rule sets it. Other limits are the same for all rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time on the processor, in milliseconds. A call that waits is ended after four times as long; waiting for lookups
    /// is not part of it and has a bound of its own.
    pub time_ms: u64,
    /// All linear memories together, in MiB.
    pub memory_mib: u64,
    /// Bytes read from the bundle's files, in MiB. A read counts as 4 KiB at least.
    pub read_mib: u64,
}

impl From<Limits> for CallLimits {
    fn from(limits: Limits) -> Self {
        let Limits { time_ms, memory_mib, read_mib } = limits;
        Self { time_ms, memory_mib, read_mib }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { time_ms: 1_000, memory_mib: 128, read_mib: 1_024 }
    }
}

impl Limits {
    /// The most a rule may be given: what the pool of instances is laid out for.
    pub const MOST: Self = Self { time_ms: 600_000, memory_mib: 1_024, read_mib: 1 << 30 };

    /// What is wrong with these limits, if anything.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (name, value, most) in [
            ("time_ms", self.time_ms, Self::MOST.time_ms),
            ("memory_mib", self.memory_mib, Self::MOST.memory_mib),
            ("read_mib", self.read_mib, Self::MOST.read_mib),
        ] {
            if value == 0 || value > most {
                mistakes.push(format!("limits.{name} is {value}; it must be from 1 to {most}"));
            }
        }
        mistakes
    }
}

/// Elements of all tables together. A table element is a pointer: this is 800 KB.
pub(super) const TABLE_ELEMENTS: usize = 100_000;
/// Files open at a time. Each is a descriptor of the process, which has some thousand for everybody.
pub(super) const OPEN_FILES: usize = 64;
/// Handles of a component's own resources at a time.
pub(super) const HANDLES: usize = 1_000;
/// What a read counts at least, so that small reads without end are bounded as well.
pub(super) const READ_AT_LEAST: u64 = 4 << 10;
/// Bytes of one answer to `file.read`.
pub(super) const READ_AT_ONCE: u32 = 1 << 20;
/// Rows of one answer to `tables.rows`.
pub(super) const ROWS_AT_ONCE: u32 = 1_000;
/// Bytes of cells of one answer to `tables.rows`; one row is given in any case.
pub(super) const ROWS_BYTES: usize = 1 << 20;
/// Lookups of one call.
pub(super) const LOOKUPS: usize = 64;
/// Bytes of all answers to one call's lookups, counted in the largest answer that the grant allows.
pub(super) const LOOKUP_ANSWERS: usize = 8;
/// Bytes of log lines in one call.
pub(super) const LOG_BYTES: usize = 64 << 10;
/// Findings of one call.
pub(super) const FINDINGS: usize = 1_000;
/// Characters of one text of a finding.
pub(super) const FINDING_TEXT: usize = 4_096;
/// Bytes that may cross from the guest in one call or answer: a plan for 100,000 files fits.
pub(super) const CROSSING_BYTES: usize = 32 << 20;

/// A limit that was reached.
#[derive(Clone, Debug)]
pub(super) struct Breach {
    pub(super) kind: FailureKind,
    pub(super) message: String,
}

impl Breach {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Breach {}

/// Sums over all memories and tables of a call; wasmtime's own limits count each by itself.
#[derive(Debug)]
pub(super) struct Watch {
    memory_limit: usize,
    memory: usize,
    tables: usize,
    pub(super) breach: Option<Breach>,
}

impl Watch {
    pub(super) fn new(limits: &Limits) -> Self {
        let bytes = limits.memory_mib.saturating_mul(1 << 20);
        Self { memory_limit: usize::try_from(bytes).unwrap_or(usize::MAX), memory: 0, tables: 0, breach: None }
    }

    /// Bytes of all memories together.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    fn refuse(&mut self, message: String) -> wasmtime::Result<bool> {
        let breach = Breach::new(FailureKind::Memory, message);
        self.breach.get_or_insert_with(|| breach.clone());
        // An error ends the call here and now. A plain refusal would be the guest's to handle, and a guest that asks
        // again and again would be reported as too slow.
        Err(wasmtime::Error::new(breach))
    }
}

impl wasmtime::ResourceLimiter for Watch {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_limit {
            return self.refuse(format!(
                "it wanted {} MiB of memory; its limit is {} MiB",
                wanted.div_ceil(1 << 20),
                self.memory_limit >> 20
            ));
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.tables.saturating_add(desired.saturating_sub(current));
        if wanted > TABLE_ELEMENTS {
            return self.refuse(format!("it wanted {wanted} table elements; the limit is {TABLE_ELEMENTS}"));
        }
        self.tables = wanted;
        Ok(true)
    }
}
