//! A body that nobody wants any more, heard out for a moment.
//!
//! A client that is refused (503 where the gate is full, 413, 403) has mostly begun to send. A socket that is closed over
//! unread bytes is reset, and with that the answer is lost to the many clients that read it when they have sent all: they
//! would see a broken connection instead of the status and its `Retry-After`. So what such a client sends is read and
//! thrown away for a while, after its answer is on the way.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Semaphore;

/// How long a body is heard out that is not wanted, and how long in its silence. As nginx has them.
const IN_ALL: Duration = Duration::from_secs(30);
const IN_SILENCE: Duration = Duration::from_secs(5);
/// So many at a time; the others are cut off. They hold a socket each and nothing else.
static ROOM: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(256));

/// Hears out what handlers leave of bodies.
pub(super) async fn hear_out(request: Request, next: Next) -> Response {
    let waits = request.headers().get(EXPECT).is_some();
    next.run(request.map(|body| Body::new(Heard { body: Some(body), waits }))).await
}

struct Heard {
    /// None when its end has been read.
    body: Option<Body>,
    /// The client has not begun to send: it asked whether it may, and reading would be leave.
    waits: bool,
}

impl hyper::body::Body for Heard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(hyper::body::Body::poll_frame(Pin::new(body), cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), hyper::body::Body::size_hint)
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !self.waits && !hyper::body::Body::is_end_stream(body))
        else {
            return;
        };
        let (Ok(runtime), Ok(room)) = (tokio::runtime::Handle::try_current(), ROOM.try_acquire()) else { return };
        runtime.spawn(async move {
            let _room = room;
            let rest = async { while let Ok(Some(Ok(_))) = tokio::time::timeout(IN_SILENCE, body.frame()).await {} };
            drop(tokio::time::timeout(IN_ALL, rest).await);
        });
    }
}
