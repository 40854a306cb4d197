//! A service of the test's own: it answers as it is told, and keeps what it was asked.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A call that came.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What is answered.
pub(super) type Answer = (StatusCode, Value);

/// The running service, gone with this value.
pub(super) struct StandIn {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    server: tokio::task::JoinHandle<()>,
}

impl StandIn {
    /// A service that answers every call so; `number` counts them from 0.
    pub(super) async fn start(answer: impl Fn(usize, &Call) -> Answer + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::serve(move |number, call| {
            let answered = answer(number, &call);
            async move { answered }
        })
        .await
    }

    /// A service that takes every call and never answers one.
    pub(super) async fn silent() -> Self {
        Self::serve(|_, _| std::future::pending()).await
    }

    async fn serve<F>(answer: impl Fn(usize, Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let (calls, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let kept: Arc<Mutex<Vec<Call>>> = calls.clone();
        let handler = move |request: Request| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                let query = head.uri.query().unwrap_or_default().to_owned();
                let path = head.uri.path().to_owned();
                let call = Call { method: head.method, path, query, headers: head.headers, body };
                let number = {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(call.clone());
                    kept.len() - 1
                };
                let (status, body) = answer(number, call).await;
                (status, axum::Json(body)).into_response()
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, calls, server }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An archive interface of the contract, and nothing more: it keeps what is `PUT`, and refuses to write it twice.
    pub(super) async fn archive() -> Self {
        let files = Mutex::new(HashMap::new());
        Self::start(move |_, call| {
            let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
            let id = call.path.trim_start_matches('/').to_owned();
            let length = call.header("content-length").parse::<usize>();
            match call.method {
                _ if id.parse::<u64>().is_err() => fault(StatusCode::BAD_REQUEST, "no id"),
                Method::PUT if length != Ok(call.body.len()) => fault(StatusCode::LENGTH_REQUIRED, "no length"),
                Method::PUT if call.header("content-type") != "application/octet-stream" => {
                    fault(StatusCode::BAD_REQUEST, "no bytes")
                }
                Method::PUT if !call.header("last-modified").ends_with(" GMT") => {
                    fault(StatusCode::BAD_REQUEST, "no age")
                }
                Method::PUT if files.contains_key(&id) => fault(StatusCode::INTERNAL_SERVER_ERROR, "read-only"),
                Method::PUT => {
                    files.insert(id, call.body.clone());
                    added(call.body.len())
                }
                _ => fault(StatusCode::METHOD_NOT_ALLOWED, "only PUT"),
            }
        })
        .await
    }

    /// A service that accepts everything with `{"status": "success"}`.
    pub(super) async fn accepting() -> Self {
        Self::start(|_, _| (StatusCode::OK, json!({"status": "success"}))).await
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An error as CherryPy's servers put it.
pub(super) fn fault(status: StatusCode, message: &str) -> Answer {
    let traceback = "Traceback (most recent call last):\nValueError: seen\n";
    (status, json!({"status": status.to_string(), "message": message, "traceback": traceback, "version": "18"}))
}

/// What an archive interface says of a file that it has taken.
pub(super) fn added(bytes: usize) -> Answer {
    (StatusCode::CREATED, json!({"message": "File added to archive", "total_bytes": bytes}))
}
