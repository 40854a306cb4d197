//! Waiting for events: everything is polled, up to a deadline, and nothing sleeps for a time that was guessed.

use std::future::Future;
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

/// How long an event may take on a busy machine before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a job may take when a worker has died with it: another takes it over when the lease has run out.
pub(crate) const TAKEOVER: Duration = Duration::from_secs(180);

const POLL: Duration = Duration::from_millis(20);

/// Asks until there is an answer, and panics with `what` at the deadline.
pub(crate) async fn until<T, F>(deadline: Duration, what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < deadline, "after {deadline:?} still waiting until {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Whether it comes true before the deadline.
pub(crate) async fn until_or_not(deadline: Duration, mut is: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is() {
        if start.elapsed() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

/// Whether a server takes connections on a port of this machine. One that does not, or ends instead, is gone afterwards.
pub(crate) fn listens(server: &mut Child, port: u16) -> bool {
    let listens = until_blocking(PATIENCE, || match server.try_wait() {
        Ok(Some(_)) => Some(false),
        _ => TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true),
    });
    if listens != Some(true) {
        let _ = server.kill();
        let _ = server.wait();
    }
    listens == Some(true)
}

/// The first answer; none where the deadline is first. Without a runtime.
pub(crate) fn until_blocking<T>(deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() >= deadline {
            return None;
        }
        std::thread::sleep(POLL);
    }
}
