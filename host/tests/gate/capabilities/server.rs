//! A server of the outside world, for rules to look things up at. It counts what it is asked.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION, USER_AGENT};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The running server, gone with this value.
pub(super) struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    held: Arc<Semaphore>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let (asked, held) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let (log, gate) = (asked.clone(), held.clone());
        let handler = move |request: Request| {
            let (log, gate) = (log.clone(), gate.clone());
            async move {
                let path = request.uri().to_string();
                let number = {
                    let mut log: std::sync::MutexGuard<'_, Vec<String>> =
                        log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push(path.clone());
                    log.len()
                };
                let (head, _) = request.into_parts();
                answer(&path, number, &head, &gate).await
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let router = Router::new().fallback(handler);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { address, asked, held, task }
    }

    /// The URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn port(&self) -> &str {
        self.address.rsplit_once(':').expect("a port").1
    }

    /// The paths that were asked for, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets those go on that wait at `/api/held`.
    pub(super) fn release(&self) {
        self.held.add_permits(1_000);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(path: &str, number: usize, head: &Parts, held: &Semaphore) -> Response {
    let to = |place: &str| (StatusCode::FOUND, [(LOCATION, place.to_owned())]).into_response();
    match path.split('?').next().unwrap_or_default() {
        "/api/missing" => (StatusCode::NOT_FOUND, "no such thing").into_response(),
        "/api/broken" => (StatusCode::INTERNAL_SERVER_ERROR, "oh").into_response(),
        "/api/number" => number.to_string().into_response(),
        "/api/agent" => {
            let names = head.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
            let agent = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
            format!("{} {agent} {names}", head.method).into_response()
        }
        "/api/inside" => to("echo?from=inside"),
        "/api/outside" => to("/other/echo"),
        "/api/elsewhere" => to("http://localhost/api/echo"),
        "/api/climbing" => to("/api/..%2fother/echo"),
        "/api/round" => to("/api/round"),
        "/api/big" => "x".repeat(1_025).into_response(),
        "/api/fits" => "x".repeat(1_024).into_response(),
        // Without a length: only reading tells.
        "/api/flood" => {
            let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 512])));
            Body::from_stream(pieces).into_response()
        }
        "/api/stuck" => {
            let piece = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"x")) });
            Body::from_stream(piece.chain(stream::pending())).into_response()
        }
        "/api/silent" => std::future::pending().await,
        "/api/held" => {
            drop(held.acquire().await.expect("it is open"));
            "at last".into_response()
        }
        _ => ([(CONTENT_TYPE, "text/x-echo")], path.to_owned()).into_response(),
    }
}
