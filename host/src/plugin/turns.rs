//! Turns on the processor, for calls that take long.
//!
//! There may be many such calls at a time, and only so many of them compute: each for a while, one after the other. So the
//! rules of a site that take long, or never end, leave processors to all that do not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns for so many calls at a time. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    /// A queue's place for one call.
    pub(super) fn place(&self) -> Place {
        Place { turns: self.clone(), state: Mutex::default() }
    }
}

/// One call among those that take turns.
#[derive(Debug)]
pub(super) struct Place {
    turns: Turns,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Held while it is this call's turn.
    turn: Option<OwnedSemaphorePermit>,
    /// How long it has waited for its turns, and since when it waits for one.
    waited: Duration,
    waits_since: Option<Instant>,
}

impl Place {
    /// Gives the turn on, if the call has one, and waits for the next.
    pub(super) async fn next(&self) {
        self.change(|state| {
            state.turn = None;
            state.waits_since = Some(Instant::now());
        });
        // Nobody closes it.
        let turn = self.turns.0.clone().acquire_owned().await.ok();
        self.change(|state| {
            state.waited += state.waits_since.take().map_or(Duration::ZERO, |since| since.elapsed());
            state.turn = turn;
        });
    }

    /// How long the call has waited for its turns by now.
    pub(super) fn waited(&self) -> Duration {
        let mut waited = Duration::ZERO;
        self.change(|state| {
            waited = state.waited + state.waits_since.map_or(Duration::ZERO, |since| since.elapsed());
        });
        waited
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn one_call_at_a_time_and_all_in_order() {
        let turns = Turns::new(1);
        let [first, second, third] = [turns.place(), turns.place(), turns.place()];
        assert!(first.next().now_or_never().is_some());
        let (mut next, mut after) = (Box::pin(second.next()), Box::pin(third.next()));
        assert!(next.as_mut().now_or_never().is_none());
        assert!(after.as_mut().now_or_never().is_none());
        // The one whose turn it was stands behind the others now.
        let mut again = Box::pin(first.next());
        assert!(again.as_mut().now_or_never().is_none());
        assert!(after.as_mut().now_or_never().is_none());
        assert!(next.as_mut().now_or_never().is_some());
        drop(next);
        // A call that ends gives its turn on.
        drop(second);
        assert!(after.as_mut().now_or_never().is_some());
        assert!(again.as_mut().now_or_never().is_none());
        assert!(first.waited() > Duration::ZERO);
    }
}
