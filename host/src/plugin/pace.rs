//! How long the calls of a rule take, as far as it decides where the next one waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A call that has been on the processor for so long is a slow one. The rules of most sites take a hundredth of it.
pub(super) const SLOW_WORK: Duration = Duration::from_millis(50);

/// A call that takes so long altogether, without servers to wait for, is a slow one as well: it sleeps, or its disk does.
pub(super) const SLOW_WAIT: Duration = Duration::from_millis(250);

/// A rule is quick again when so many calls in a row were.
const QUICK_AGAIN: u32 = 8;

/// The pace of one rule, shared by all of its calls. Quick to begin with.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<AtomicU32>);

impl Pace {
    /// Notes how a call has been.
    pub(super) fn note(&self, slow: bool) {
        if slow {
            self.0.store(QUICK_AGAIN, Ordering::Relaxed);
        } else {
            let nearer = |left: u32| left.checked_sub(1);
            // Quick before, and quick still.
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, nearer);
        }
    }

    /// Whether the next call is to wait among the slow ones.
    pub(super) fn is_slow(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_was_slow_once_is_quick_again_after_a_while() {
        let pace = Pace::default();
        pace.note(false);
        assert!(!pace.is_slow());
        pace.note(true);
        for _ in 1..QUICK_AGAIN {
            pace.note(false);
            assert!(pace.clone().is_slow());
        }
        pace.note(false);
        assert!(!pace.is_slow());
    }
}
