//! A receiver of events: it keeps what it was sent and answers as it is told, which may change while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// An event that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

/// What is answered: a status, perhaps with a header; none for never.
pub(crate) type Answer = Option<(StatusCode, Option<(&'static str, String)>)>;

/// A running receiver, gone with this value.
pub(crate) struct Receiver {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn taking() -> Self {
        Self::answering(|_| taken()).await
    }

    /// One that answers so; the calls are counted from 0.
    pub(crate) async fn answering(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::at(0, answer).await
    }

    /// The same at a port of the test's choice.
    pub(crate) async fn at(port: u16, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let (calls, answer) = (Arc::<Mutex<Vec<Call>>>::default(), Arc::new(answer));
        let kept = calls.clone();
        let handler = move |request: Request| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                let call = Call { headers: head.headers, body, at: Instant::now() };
                let number = {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(call);
                    kept.len() - 1
                };
                match answer(number) {
                    Some((status, header)) => {
                        let mut answer: Response = status.into_response();
                        if let Some((name, value)) = header {
                            answer.headers_mut().insert(name, value.parse().expect("a header"));
                        }
                        answer
                    }
                    None => std::future::pending().await,
                }
            }
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let url = format!("http://{}/events", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, calls, server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The answer of a receiver that has taken an event.
pub(crate) fn taken() -> Answer {
    Some((StatusCode::NO_CONTENT, None))
}
