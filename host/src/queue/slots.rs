//! How many jobs a worker has in hand: so many that are quick, and some that turned out to take long.
//!
//! A job whose rule loops, or whose archive is slow, would keep a slot from the jobs behind it for as long as it takes; a
//! few such jobs at a time would be a standstill for everybody. So a job that is not over after a moment stands aside, and
//! the next one gets its slot.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower::{Layer, Service};

/// The moment for which a job has its slot in any case.
const MOMENT: Duration = Duration::from_millis(250);

/// So many times the slots is how many jobs may stand aside. Each has its metadata in memory.
const ASIDE: usize = 8;

/// Gives a service slots. Clones share them.
#[derive(Clone)]
pub(super) struct Slots {
    count: usize,
    /// How long a job has its slot at least.
    moment: Duration,
    busy: Arc<AtomicUsize>,
    free: Arc<Semaphore>,
    aside: Arc<Semaphore>,
}

impl Slots {
    /// So many slots.
    pub(super) fn new(count: usize) -> Self {
        // More than a semaphore can hold is as good as that.
        let semaphore = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let (free, aside) = (semaphore(count), semaphore(count.saturating_mul(ASIDE)));
        Self { count, moment: MOMENT, busy: Arc::default(), free, aside }
    }

    /// Slots without a job.
    pub(super) fn free(&self) -> usize {
        self.count.saturating_sub(self.busy.load(Ordering::Relaxed))
    }

    /// A slot, where one is free at once. Those who wait for one go first.
    pub(super) fn take(&self) -> Option<Slot> {
        Some(self.slot(Some(self.free.clone().try_acquire_owned().ok()?)))
    }

    fn slot(&self, permit: Option<OwnedSemaphorePermit>) -> Slot {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let taken = Taken { busy: self.busy.clone(), _permit: permit };
        Slot { taken, moment: self.moment, aside: self.aside.clone() }
    }
}

impl<S> Layer<S> for Slots {
    type Service = Slotted<S>;

    fn layer(&self, inner: S) -> Slotted<S> {
        Slotted { inner, slots: self.clone(), free: PollSemaphore::new(self.free.clone()), slot: None }
    }
}

/// A slot for one job.
pub(super) struct Slot {
    taken: Taken,
    moment: Duration,
    aside: Arc<Semaphore>,
}

impl Slot {
    /// Does the work of a job. If that takes long, others get the slot meanwhile.
    pub(super) async fn run<T>(self, work: impl Future<Output = T>) -> T {
        let Self { taken, moment, aside } = self;
        let mut work = std::pin::pin!(work);
        if let Ok(done) = tokio::time::timeout(moment, &mut work).await {
            return done;
        }
        let place = tokio::select! {
            biased;
            done = &mut work => return done,
            place = aside.acquire() => place,
        };
        drop(taken);
        let done = work.await;
        drop(place);
        done
    }
}

/// What is taken of the slots until the job is over, or stands aside.
struct Taken {
    busy: Arc<AtomicUsize>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A service that is ready while there is a slot.
pub(super) struct Slotted<S> {
    inner: S,
    slots: Slots,
    free: PollSemaphore,
    /// The slot of the next call.
    slot: Option<OwnedSemaphorePermit>,
}

impl<R, S> Service<R> for Slotted<S>
where
    S: Service<R, Response: 'static, Error: 'static, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.slot.is_none() {
            self.slot = ready!(self.free.poll_acquire(cx));
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let slot = self.slots.slot(self.slot.take());
        Box::pin(slot.run(self.inner.call(request)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Instant;

    use futures::FutureExt;
    use futures::future::poll_fn;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tower::service_fn;

    use super::*;

    type Job = oneshot::Receiver<()>;

    /// A service of two slots whose jobs are over when they are told so.
    fn service(slots: &Slots) -> impl Service<Job, Response = (), Error = Infallible, Future: Send + 'static> + use<> {
        let work = service_fn(async |told: Job| {
            let _ = told.await;
            Ok::<_, Infallible>(())
        });
        slots.layer(work)
    }

    /// Begins a job when there is a slot for it; what ends it, and its end.
    async fn begin<S>(service: &mut S) -> (oneshot::Sender<()>, JoinHandle<()>)
    where
        S: Service<Job, Response = (), Error = Infallible, Future: Send + 'static>,
    {
        let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
        let (tell, told) = oneshot::channel();
        let job = service.call(told);
        (tell, tokio::spawn(async move { job.await.unwrap_or_else(|never| match never {}) }))
    }

    fn slots() -> Slots {
        Slots { moment: Duration::from_millis(20), ..Slots::new(2) }
    }

    #[tokio::test]
    async fn a_job_gives_its_slot_on_when_it_is_over_or_when_it_takes_long() {
        let slots = Slots { moment: Duration::from_secs(3600), ..slots() };
        let mut service = service(&slots);
        assert_eq!(slots.free(), 2);
        let (first, done) = begin(&mut service).await;
        let (_second, _) = begin(&mut service).await;
        assert_eq!(slots.free(), 0);
        first.send(()).unwrap();
        done.await.unwrap();
        let (_third, _) = begin(&mut service).await;
        assert_eq!(slots.free(), 0);
        assert!(poll_fn(|cx| service.poll_ready(cx)).now_or_never().is_none());

        let slots = self::slots();
        let (mut service, began) = (self::service(&slots), Instant::now());
        let _jobs = [begin(&mut service).await, begin(&mut service).await, begin(&mut service).await];
        assert!(began.elapsed() >= slots.moment);
    }

    #[tokio::test]
    async fn no_more_than_so_many_stand_aside() {
        let mut service = service(&slots());
        let mut jobs = Vec::new();
        for _ in 0..2 * ASIDE + 2 {
            jobs.push(begin(&mut service).await);
        }
        // Those that have the slots cannot stand aside, however long it takes.
        assert!(poll_fn(|cx| service.poll_ready(cx)).now_or_never().is_none());
        let (first, done) = jobs.swap_remove(0);
        first.send(()).unwrap();
        done.await.unwrap();
        begin(&mut service).await;
    }
}
