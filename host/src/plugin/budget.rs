//! The time a call has, and what it is to others while it takes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use super::engine::TICK;
use super::granted::Granted;
use super::lookup::LookupGrant;
use super::pace::{Pace, SLOW_WAIT, SLOW_WORK};
use super::threads::Seat;
use super::turns::{Place, Turns};

/// The time of one call. What counts is the thread's time on the processor, so that a rule is not ended because others
/// were running; the wall clock only bounds how long it may wait, and waiting for its turn is not counted.
pub(super) struct Budget {
    time: Duration,
    wall: Duration,
    on_processor: Duration,
    started: Instant,
    /// Whether it may wait for servers, for which it is not called slow.
    asks: bool,
    pace: Pace,
    seat: Arc<Seat>,
    place: Place,
}

impl Budget {
    /// Begins now, on the thread that the call stays on.
    pub(super) fn begin(time_ms: u64, granted: &Granted, seat: Arc<Seat>, turns: &Turns) -> Arc<Self> {
        let time = Duration::from_millis(time_ms);
        // Waiting is for slow disks and busy processors, so it gets a second at least. A call that waits for servers has the
        // time for it besides its own; how much is bounded by its grant.
        let for_lookups = granted.asks().map_or(Duration::ZERO, LookupGrant::longest_wait);
        let wall = (time * 4).max(time + Duration::from_secs(1)) + for_lookups;
        let (asks, pace) = (granted.asks().is_some(), granted.pace.clone());
        let (on_processor, started, place) = (thread_time(), Instant::now(), turns.place());
        Arc::new(Self { time, wall, on_processor, started, asks, pace, seat, place })
    }

    /// When the clock is to ask for a verdict first.
    pub(super) fn first_ticks(&self) -> u64 {
        ticks(self.time.min(SLOW_WORK))
    }

    /// What is to become of a guest that computes.
    pub(super) fn verdict(self: &Arc<Self>) -> UpdateDeadline {
        let (used, waited) = (self.used(), self.waited());
        if used >= self.time || waited >= self.wall {
            return UpdateDeadline::Interrupt;
        }
        if used < SLOW_WORK {
            return UpdateDeadline::Continue(ticks((self.time.min(SLOW_WORK) - used).min(self.wall - waited)));
        }
        self.pace.note(true);
        self.seat.stand_aside();
        let (call, next) = (self.clone(), (self.time - used).min(SLOW_WORK).min(self.wall - waited));
        UpdateDeadline::YieldCustom(ticks(next), Box::pin(async move { call.place.next().await }))
    }

    /// Runs the call, which is cut off where it waits for too long: the epoch ends a guest that computes, this ends one
    /// that waits.
    pub(super) async fn run<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = std::pin::pin!(call);
        if let Ok(ended) = tokio::time::timeout(SLOW_WAIT.min(self.wall), call.as_mut()).await {
            return Some(ended);
        }
        if !self.asks {
            self.pace.note(true);
        }
        self.seat.stand_aside();
        loop {
            let left = self.wall.saturating_sub(self.waited());
            if left.is_zero() {
                return None;
            }
            // When that is over, it may have been spent on waiting for a turn.
            if let Ok(ended) = tokio::time::timeout(left, call.as_mut()).await {
                return Some(ended);
            }
        }
    }

    /// Notes what the call was like; how long it took.
    pub(super) fn end(&self) -> Duration {
        self.pace.note(self.used() >= SLOW_WORK || (!self.asks && self.waited() >= SLOW_WAIT));
        self.started.elapsed()
    }

    /// How long it takes by now, without what it has waited for its turns.
    fn waited(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.place.waited())
    }

    fn used(&self) -> Duration {
        thread_time().saturating_sub(self.on_processor)
    }
}

/// Ticks that are not over before this time is.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(TICK.as_micros())).unwrap_or(u64::MAX).saturating_add(1)
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
