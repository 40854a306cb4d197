//! The threads that guests run on.
//!
//! A guest that loops keeps its thread busy until its limit is reached. On threads of their own, guests can hold up
//! each other but never the threads that serve HTTP.

use std::future::Future;
use std::pin::Pin;

use crossbeam_channel::Sender;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

type Work = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A fixed number of threads with a queue in front of them.
pub(super) struct GuestThreads {
    queue: Sender<Work>,
}

impl GuestThreads {
    /// Starts the threads, which are called by this name and a number. They end when this is dropped and the queue is empty.
    pub(super) fn start(name: &str, count: usize) -> std::io::Result<Self> {
        let (queue, work) = crossbeam_channel::unbounded::<Work>();
        for number in 0..count {
            let work = work.clone();
            // WASI's timers need a runtime on the thread that waits for them.
            let runtime = Builder::new_current_thread().enable_time().build()?;
            std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || {
                for item in work {
                    // A panic is a bug of the host's: the caller sees that no answer came, and the thread lives on.
                    let run = std::panic::AssertUnwindSafe(|| runtime.block_on(item()));
                    drop(std::panic::catch_unwind(run));
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Runs a future on one of the threads, from its first poll to its end.
    pub(super) async fn run<F, Fut>(&self, make: F) -> Option<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        // What is logged of the call belongs to whoever called.
        let span = Span::current();
        let work: Work = Box::new(move || {
            Box::pin(async move {
                // Nobody waits any more when the caller has gone; the work is done all the same.
                drop(answer.send(make().instrument(span).await));
            })
        });
        self.queue.send(work).ok()?;
        result.await.ok()
    }
}
