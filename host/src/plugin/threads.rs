//! The threads that guests run on.
//!
//! A guest that loops keeps its thread busy until its limit is reached. On threads of their own, guests can hold up each
//! other but never the threads that serve HTTP; and not for long each other either. A call that turns out to take long
//! stands aside: its thread leaves the queue, and another one takes that place. The calls of a rule that are known to take
//! long ([`Pace`]) wait in a queue of their own, before a few threads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flume::{Receiver, Sender};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::pace::Pace;

/// Calls that may stand aside at a time, of one queue. Each has a thread and its memory.
const ASIDE: usize = 8;

type Run = Box<dyn FnOnce(Arc<Seat>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

struct Work {
    run: Run,
    pace: Pace,
}

/// Threads with a queue in front of them.
pub(super) struct GuestThreads {
    queue: Sender<Work>,
}

/// What the threads of one queue share.
struct Pool {
    name: String,
    work: Receiver<Work>,
    /// Where the calls go that are known to take long; none where this is that queue.
    slow: Option<Sender<Work>>,
    /// Threads that were started.
    started: AtomicUsize,
    /// Threads that have left the queue and still run a call.
    aside: AtomicUsize,
}

/// The place of a call on its thread.
pub(super) struct Seat {
    pool: Arc<Pool>,
    aside: AtomicBool,
}

impl GuestThreads {
    /// Starts so many threads, which are called by this name and a number. They end when this is dropped and the queue is
    /// empty.
    pub(super) fn start(name: &str, count: usize, slow: Option<&Self>) -> std::io::Result<Self> {
        let (queue, work) = flume::unbounded();
        let pool = Arc::new(Pool {
            name: name.to_owned(),
            work,
            slow: slow.map(|slow| slow.queue.clone()),
            started: AtomicUsize::new(0),
            aside: AtomicUsize::new(0),
        });
        for _ in 0..count {
            pool.start_one()?;
        }
        Ok(Self { queue })
    }

    /// The most calls that run at a time on so many threads.
    pub(super) const fn most(count: usize) -> usize {
        count.saturating_add(ASIDE)
    }

    /// Runs a future on one of the threads, from its first poll to its end.
    pub(super) async fn run<F, Fut>(&self, pace: Pace, make: F) -> Option<Fut::Output>
    where
        F: FnOnce(Arc<Seat>) -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        // What is logged of the call belongs to whoever called.
        let span = Span::current();
        let run: Run = Box::new(move |seat| {
            Box::pin(async move {
                // Nobody waits any more when the caller has gone; the work is done all the same.
                drop(answer.send(make(seat).instrument(span).await));
            })
        });
        self.queue.send(Work { run, pace }).ok()?;
        result.await.ok()
    }
}

impl Pool {
    fn start_one(self: &Arc<Self>) -> std::io::Result<()> {
        let pool = self.clone();
        // WASI's timers need a runtime on the thread that waits for them.
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let name = format!("{}-{}", self.name, self.started.fetch_add(1, Ordering::Relaxed));
        std::thread::Builder::new().name(name).spawn(move || pool.serve(&runtime))?;
        Ok(())
    }

    /// Does what is in the queue, until that is closed or a call has stood aside.
    fn serve(self: Arc<Self>, runtime: &Runtime) {
        for work in &self.work {
            let work = match &self.slow {
                // Where that queue is closed, so is this one: what is left of it is done here.
                Some(slow) if work.pace.is_slow() => match slow.send(work) {
                    Ok(()) => continue,
                    Err(unsent) => unsent.into_inner(),
                },
                _ => work,
            };
            let seat = Arc::new(Seat { pool: self.clone(), aside: AtomicBool::new(false) });
            // A panic is a bug of the host's: the caller sees that no answer came, and the thread lives on.
            let run = std::panic::AssertUnwindSafe(|| runtime.block_on((work.run)(seat.clone())));
            drop(std::panic::catch_unwind(run));
            if seat.aside.load(Ordering::Relaxed) {
                self.aside.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
    }
}

impl Seat {
    /// The call on this seat takes long: another thread takes its place before the queue. Nothing changes where too many
    /// stand aside already, or where it is one of those that are known to be slow.
    pub(super) fn stand_aside(&self) {
        let pool = &self.pool;
        if pool.slow.is_none() || self.aside.load(Ordering::Relaxed) {
            return;
        }
        let one_more = |aside| (aside < ASIDE).then_some(aside + 1);
        if pool.aside.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            return;
        }
        match pool.start_one() {
            Ok(()) => self.aside.store(true, Ordering::Relaxed),
            Err(error) => {
                pool.aside.fetch_sub(1, Ordering::Relaxed);
                tracing::warn!(%error, "no thread can be started in place of one whose rule takes long");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn pools() -> (GuestThreads, GuestThreads) {
        let slow = GuestThreads::start("slow", 1, None).unwrap();
        (GuestThreads::start("quick", 1, Some(&slow)).unwrap(), slow)
    }

    async fn name() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_call_that_stands_aside_gives_its_place_to_another_thread_and_ends_with_its_own() {
        let (quick, _slow) = pools();
        let meet = Arc::new(Barrier::new(2));
        let long = {
            let meet = meet.clone();
            quick.run(Pace::default(), move |seat| async move {
                seat.stand_aside();
                // Twice is once.
                seat.stand_aside();
                meet.wait();
                name().await
            })
        };
        // The second call meets the first one: there is only one thread before the queue, so they could not otherwise.
        let next = quick.run(Pace::default(), move |_| async move {
            meet.wait();
            name().await
        });
        let names = tokio::join!(long, next);
        assert_eq!(names, (Some("quick-0".to_owned()), Some("quick-1".to_owned())));
        assert_eq!(quick.run(Pace::default(), |_| name()).await, Some("quick-1".to_owned()));
    }

    #[tokio::test]
    async fn no_more_than_so_many_stand_aside() {
        let (quick, _slow) = pools();
        let all = Arc::new(Barrier::new(ASIDE + 1));
        let calls = (0..=ASIDE).map(|_| {
            let all = all.clone();
            quick.run(Pace::default(), move |seat| async move {
                seat.stand_aside();
                all.wait();
                seat.aside.load(Ordering::Relaxed)
            })
        });
        let aside = futures::future::join_all(calls).await;
        assert_eq!(aside.iter().filter(|aside| **aside == Some(true)).count(), ASIDE, "{aside:?}");
        // All of them are over, and there is one thread still.
        assert!(quick.run(Pace::default(), |_| name()).await.is_some());
    }

    #[tokio::test]
    async fn calls_that_are_known_to_be_slow_wait_elsewhere() {
        let (quick, _slow) = pools();
        let pace = Pace::default();
        pace.note(true);
        assert_eq!(quick.run(pace, |_| name()).await, Some("slow-0".to_owned()));
        assert_eq!(quick.run(Pace::default(), |_| name()).await, Some("quick-0".to_owned()));
    }
}
