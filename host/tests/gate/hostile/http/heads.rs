//! Heads that are too large, ambiguous, of other protocols, or none.

use super::{Case, forgetful, try_cases};

const CASES: &[Case] = &[
    (
        "a header of 100 KiB",
        |asked| asked.get("/", &format!("X-Long: {}\r\n", "x".repeat(100 << 10))),
        &[&[200, 431]],
        0,
    ),
    ("a header of 4 MiB", |asked| asked.get("/", &format!("X-Long: {}\r\n", "x".repeat(4 << 20))), &[&[431]], 0),
    (
        "a header's name of 100 KiB",
        |asked| asked.get("/", &format!("{}: x\r\n", "x".repeat(100 << 10))),
        &[&[400, 431]],
        0,
    ),
    ("10,000 headers", |asked| asked.get("/", &"X-Many: x\r\n".repeat(10_000)), &[&[431]], 0),
    ("a path of 100 KiB", |asked| asked.get(&format!("/{}", "x".repeat(100 << 10)), ""), &[&[404, 414]], 0),
    (
        "a query of 100 KiB",
        |asked| asked.get(&format!("/get_state?job_id={}", "1".repeat(60_000)), ""),
        &[&[400, 414]],
        0,
    ),
    ("a method of 100 KiB", |asked| replaced(asked.get("/", ""), "GET", &"X".repeat(100 << 10)), &[&[400, 405]], 0),
    ("a NUL in a header's value", |asked| asked.get("/", "X-Nul: a\0b\r\n"), &[&[400]], 0),
    ("a NUL in a header's name", |asked| asked.get("/", "X-N\0l: a\r\n"), &[&[400]], 0),
    ("a NUL in the path", |asked| asked.get("/get_state\0", ""), &[&[400]], 0),
    ("a line break alone within a value", |asked| asked.get("/", "X-Line: a\nX-Other: b\r\n"), &[&[200, 400]], 0),
    ("a carriage return alone within a value", |asked| asked.get("/", "X-Return: a\rX-Other: b\r\n"), &[&[400]], 0),
    ("a header that goes on in the next line", |asked| asked.get("/", "X-Folded: a\r\n b\r\n"), &[&[400]], 0),
    ("a space before the colon", |asked| asked.get("/", "X-Space : a\r\n"), &[&[400]], 0),
    ("a header without a colon", |asked| asked.get("/", "nothing of the kind\r\n"), &[&[400]], 0),
    ("a header without a name", |asked| asked.get("/", ": nameless\r\n"), &[&[400]], 0),
    ("a header that is not ASCII", |asked| asked.get("/", "X-\u{e9}: a\r\n"), &[&[400]], 0),
    (
        "lines that end without a carriage return",
        |_| b"GET / HTTP/1.1\nHost: x\nConnection: close\n\n".to_vec(),
        &[&[200, 400]],
        0,
    ),
    ("a request after empty lines", |asked| [b"\r\n\r\n".to_vec(), asked.get("/", "")].concat(), &[&[200, 400]], 0),
    ("two hosts", |asked| asked.get("/", "Host: other.example\r\n"), &[&[200, 400]], 0),
    ("no host", |_| b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &[&[200, 400]], 0),
    ("HTTP/1.0", |_| b"GET / HTTP/1.0\r\n\r\n".to_vec(), &[&[200]], 0),
    ("HTTP/0.9", |_| b"GET /\r\n".to_vec(), &[&[400]], 0),
    ("HTTP/1.2", |asked| replaced(asked.get("/", ""), "HTTP/1.1", "HTTP/1.2"), &[&[400, 505]], 0),
    ("HTTP/2.0", |asked| replaced(asked.get("/", ""), "HTTP/1.1", "HTTP/2.0"), &[&[400, 505]], 0),
    (
        "HTTP/2 without asking",
        |_| b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        &[&[0, 400, 505]],
        0,
    ),
    ("a protocol that is none", |asked| replaced(asked.get("/", ""), "HTTP/1.1", "HTTPS"), &[&[400]], 0),
    ("TLS", |_| client_hello(), &[&[0, 400]], 0),
    ("bytes of all kinds", |_| (0..=255).cycle().take(4_096).collect(), &[&[0, 400]], 0),
    (
        "an upgrade to WebSocket",
        |asked| {
            asked.get(
                "/",
                "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
            )
        },
        &[&[200]],
        0,
    ),
    (
        "an upgrade to HTTP/2",
        |asked| asked.get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        &[&[200]],
        0,
    ),
    ("an upgrade of a good upload", |asked| asked.whole("Upgrade: h2c\r\n"), &[&[200]], 1),
    ("a good upload", |asked| asked.whole(""), &[&[200]], 1),
    ("CONNECT", |asked| replaced(asked.get("other.example:443", ""), "GET", "CONNECT"), &[&[400, 404, 405]], 0),
    ("TRACE", |asked| replaced(asked.get("/", "X-Secret: s\r\n"), "GET", "TRACE"), &[&[405]], 0),
    ("a method that nobody knows", |asked| replaced(asked.get("/", ""), "GET", "FROBNICATE"), &[&[405]], 0),
    ("a method in small letters", |asked| replaced(asked.get("/", ""), "GET", "get"), &[&[405]], 0),
    ("a method with a bracket", |asked| replaced(asked.get("/", ""), "GET", "G(T"), &[&[400]], 0),
    ("a target with its host", |asked| asked.get("http://other.example/", ""), &[&[200]], 0),
    ("a target with another scheme", |asked| asked.get("ftp://other.example/get_state", ""), &[&[400, 404]], 0),
    ("a target of a star", |asked| asked.get("*", ""), &[&[400, 404]], 0),
    ("OPTIONS of a star", |asked| replaced(asked.get("*", ""), "GET", "OPTIONS"), &[&[200, 400, 404, 405]], 0),
    ("no target", |asked| asked.get("", ""), &[&[400]], 0),
    ("a target that does not begin with a slash", |asked| asked.get("get_state", ""), &[&[400, 404]], 0),
    ("a space in the target", |asked| asked.get("/get state", ""), &[&[400]], 0),
    ("a path that is not ASCII", |asked| asked.get("/\u{6e2c}\u{5b9a}", ""), &[&[400, 404]], 0),
    ("a path that is not UTF-8", |asked| replaced_bytes(asked.get("/@", ""), b"@", b"\xff\xfe"), &[&[400, 404]], 0),
    ("a path that is spelled in percents", |asked| asked.get("/%67et_state?job_id=x", ""), &[&[400, 404]], 0),
    ("a path that climbs", |asked| asked.get("/ui/assets/../../../../etc/passwd", ""), &[&[400, 404]], 0),
    (
        "a path that climbs in percents",
        |asked| asked.get("/api/plugins/%2e%2e%2f%2e%2e%2fetc%2fpasswd", ""),
        &[&[400, 401, 403, 404]],
        0,
    ),
    ("percents of a NUL", |asked| asked.get("/api/files/%00", ""), &[&[400, 401, 403, 404]], 0),
    ("percents that are none", |asked| asked.get("/get_state?job_id=%zz%", ""), &[&[400]], 0),
    ("percents that are not UTF-8", |asked| asked.get("/get_state?job_id=%ff%fe", ""), &[&[400]], 0),
];

fn replaced(request: Vec<u8>, what: &str, with: &str) -> Vec<u8> {
    replaced_bytes(request, what.as_bytes(), with.as_bytes())
}

/// The first of these bytes are others.
fn replaced_bytes(request: Vec<u8>, what: &[u8], with: &[u8]) -> Vec<u8> {
    let at = request.windows(what.len()).position(|some| some == what).expect("what is to be replaced");
    [&request[..at], with, &request[at + what.len()..]].concat()
}

/// The first record that a client of TLS 1.2 sends, with one suite and no extensions.
fn client_hello() -> Vec<u8> {
    let hello = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let message = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
    [&[0x16, 3, 1, 0, message.len() as u8][..], &message].concat()
}

#[tokio::test]
async fn every_head_is_answered_or_refused_at_once() {
    try_cases(&forgetful().start().await, CASES).await;
}
