//! The listening socket and its connections.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a client may take over the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What is read from a socket at once, at most.
const READ_AT_ONCE: usize = 512 << 10;
/// How long to wait where no connection can be accepted, because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, and then until the calls under way are answered, or `patience` is over.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, patience: Duration) {
    let calls = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and final: nothing is gained by holding them back.
        drop(socket.set_nodelay(true));
        let service = router.clone().map_request(move |mut request: http::Request<_>| {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
            request
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(READ_AT_ONCE)
            // Who has said all and closes that side listens still, and has sent a bundle as whole as any other.
            .half_close(true)
            .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
        let connection = calls.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(patience, calls.shutdown()).await.is_err() {
        tracing::warn!("some calls were still under way when the time to stop had come");
    }
}
