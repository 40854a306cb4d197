//! The engine, its clock and its linker: one of each for the whole program.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bindings::validator::ValidatorPlugin;
use super::cache::CompiledCache;
use super::compiler::Compiler;
use super::limits::Limits;
use super::lookup::Lookups;
use super::store::CallState;
use super::threads::GuestThreads;
use super::turns::Turns;

/// How often the clock ticks that ends guests.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Why the sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cannot be set up: {0:#}")]
pub struct SandboxError(anyhow::Error);

/// Where guests are compiled and run. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) linker: Linker<CallState>,
    /// For most calls.
    pub(super) threads: GuestThreads,
    /// For calls that may wait for servers: as long as one does its thread does nothing else, and rules that ask nobody
    /// are not to stand behind it.
    pub(super) waiting: GuestThreads,
    /// For calls that take long, on whatever thread.
    pub(super) turns: Turns,
    pub(super) lookups: Arc<Lookups>,
    pub(super) cache: CompiledCache,
    /// Compilation takes all processors as it is; one at a time leaves some for serving.
    pub(super) compiling: tokio::sync::Semaphore,
    /// Where that is done; none for this process.
    pub(super) compiler: Option<Compiler>,
}

impl Sandbox {
    /// A sandbox with this many guest threads, which keeps compiled components in this folder and compiles in this
    /// process: for components that are trusted not to be bombs.
    pub fn new(threads: usize, cache: &Path) -> Result<Self, SandboxError> {
        Self::build(threads.max(1), cache, None).map_err(SandboxError)
    }

    /// The same, compiling in a process of its own for each component, within bounds.
    pub fn guarded(threads: usize, cache: &Path, compiler: Compiler) -> Result<Self, SandboxError> {
        Self::build(threads.max(1), cache, Some(compiler)).map_err(SandboxError)
    }

    fn build(threads: usize, cache: &Path, compiler: Option<Compiler>) -> anyhow::Result<Self> {
        let engine = match Engine::new(&config(Some(threads))) {
            Ok(engine) => engine,
            Err(error) => {
                // The pool reserves address space; under a tight limit (ulimit -v) there is none to reserve.
                tracing::warn!(error = format!("{error:#}"), "no room for a pool of instances: each is made on demand");
                Engine::new(&config(None))?
            }
        };
        start_clock(&engine)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        // Both worlds import the same interfaces.
        ValidatorPlugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
        let cache = CompiledCache::open(cache, &engine)?;
        let turns = Turns::new(slow_threads(threads));
        let slow = GuestThreads::start("slow-guest", slow_threads(threads), None)?;
        let waiting = GuestThreads::start("waiting-guest", waiting_threads(threads), Some(&slow))?;
        let threads = GuestThreads::start("guest", threads, Some(&slow))?;
        let compiling = tokio::sync::Semaphore::new(1);
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                linker,
                threads,
                waiting,
                turns,
                lookups: Arc::default(),
                cache,
                compiling,
                compiler,
            }),
        })
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

/// How many threads there are for calls that may wait, besides so many others.
fn waiting_threads(threads: usize) -> usize {
    threads.max(16)
}

/// How many there are for calls that are known to take long, and how many such calls compute at a time. There are two
/// threads for each processor, and half of the processors are to be the others'.
fn slow_threads(threads: usize) -> usize {
    (threads / 4).max(1)
}

pub(super) fn config(pool_for: Option<usize>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_memory64(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        // A trap's message is enough: guests are stripped, and the SDK logs where a panic was.
        .wasm_backtrace_max_frames(None);
    if let Some(threads) = pool_for {
        let calls = [GuestThreads::most(threads), GuestThreads::most(waiting_threads(threads)), slow_threads(threads)];
        let threads = u32::try_from(calls.into_iter().fold(0, usize::saturating_add)).unwrap_or(u32::MAX);
        // A thread runs one call at a time, so there is one component instance a thread, and one to spare for each
        // while the last one is being dropped. A component may hold many core instances.
        let components = threads.saturating_mul(2);
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(components)
            .total_stacks(components)
            .max_core_instances_per_component(64)
            .total_core_instances(components.saturating_mul(64))
            .max_memories_per_component(8)
            .total_memories(components.saturating_mul(8))
            .max_tables_per_component(64)
            .total_tables(components.saturating_mul(64))
            .table_elements(super::limits::TABLE_ELEMENTS)
            .max_memory_size((Limits::MOST.memory_mib as usize) << 20)
            // What a small rule touches stays mapped between calls, which is most of the cost of a call.
            .linear_memory_keep_resident(256 << 10)
            // Where the kernel can tell which pages those are, the others are left alone.
            .pagemap_scan(Enabled::Auto)
            .table_keep_resident(16 << 10);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// One thread that ticks for as long as the engine lives.
fn start_clock(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("guest-clock".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
