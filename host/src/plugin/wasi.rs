//! WASI for guests that need it to start at all (Python, JavaScript, wasip2): linked, with nothing behind it.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use super::limits::LOG_BYTES;

/// A clock that stands still, so that a verdict can be run again and comes out the same.
struct Standing(Duration);

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Standing {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// What a guest sees of the world: no files, no network, no environment, no arguments; one moment, and randomness that
/// is the same for the same job. What it prints is kept with its log.
pub(super) fn nothing(received_seconds: u64, seed: u64, printed: &MemoryOutputPipe) -> WasiCtx {
    let moment = Duration::from_secs(received_seconds);
    WasiCtxBuilder::new()
        .wall_clock(Standing(moment))
        .monotonic_clock(Standing(moment))
        .secure_random(StdRng::seed_from_u64(seed))
        .insecure_random(StdRng::seed_from_u64(seed))
        .insecure_random_seed(u128::from(seed))
        .max_random_size(1 << 20)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .stdout(printed.clone())
        .stderr(printed.clone())
        .build()
}

/// Where a guest's standard output and error go.
pub(super) fn printed() -> MemoryOutputPipe {
    MemoryOutputPipe::new(LOG_BYTES)
}
