//! The legacy calls: methods, headers, refusals and their shapes.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::assert_ok;
use crate::bundle::{body_of, bundle};
use crate::site::{Options, Reply, Site};
use crate::stores::{Stores, over};

over! { sqlite, redis: [
    a_chunked_upload_is_accepted,
    a_body_of_any_content_type_is_accepted,
    the_documented_name_ingest_is_the_same_call,
    a_trailing_slash_is_accepted,
    the_user_header_names_the_acting_user,
] }

async fn a_chunked_upload_is_accepted(stores: Stores) {
    let site = Site::over(stores).await;
    let body = bundle("metadata-last");
    let pieces: Vec<_> = body.chunks(700).map(|piece| piece.to_vec().into()).collect();
    let request = site.request(Method::POST, "/upload").body(body_of(pieces.into_iter()));
    let job = site.send(request).await.job_state().job_id;
    assert_ok(&site.wait(job).await);
}

async fn a_body_of_any_content_type_is_accepted(stores: Stores) {
    let site = Site::over(stores).await;
    for content_type in ["application/octet-stream", "application/x-tar", "text/plain; charset=utf-8", "nonsense"] {
        let request = site.request(Method::POST, "/upload").header("content-type", content_type);
        let job = site.send(request.body(bundle("metadata-last"))).await.job_state().job_id;
        assert_ok(&site.wait(job).await);
    }
    let request = site.request(Method::POST, "/upload").body(bundle("metadata-last"));
    let job = site.send(request).await.job_state().job_id;
    assert_ok(&site.wait(job).await);
}

async fn the_documented_name_ingest_is_the_same_call(stores: Stores) {
    let site = Site::over(stores).await;
    let request = site.request(Method::POST, "/ingest").body(bundle("metadata-last"));
    let job = site.send(request).await.job_state().job_id;
    assert_ok(&site.wait(job).await);
}

async fn a_trailing_slash_is_accepted(stores: Stores) {
    let site = Site::over(stores).await;
    for path in ["/upload/", "/ingest/"] {
        let job = site.send(site.request(Method::POST, path).body(bundle("metadata-last"))).await.job_state().job_id;
        assert_ok(&site.wait(job).await);
        assert_ok(&site.get(&format!("/get_state/?job_id={job}")).await.job_state());
    }
    let request = site.request(Method::POST, "/move/").header("content-type", "application/json").body("{}");
    assert_eq!(site.send(request).await.status, StatusCode::OK);
}

async fn the_user_header_names_the_acting_user(stores: Stores) {
    let site = Site::over(stores).await;
    let named = site.upload_as("dmlb2001", bundle("metadata-last")).await;
    assert_eq!(site.job(named).await["user"], "dmlb2001");
    let request = site.request(Method::POST, "/upload").body(bundle("metadata-last"));
    let unnamed = site.send(request).await.job_state().job_id;
    assert_eq!(site.job(unnamed).await["user"], "root");
}

#[tokio::test]
async fn the_user_header_and_the_default_user_are_those_of_the_environment() {
    let options = Options::default().env("INGEST_AUTH_HEADER", "X-Remote-User").env("INGEST_DEFAULT_USER", "nobody");
    let site = options.start().await;
    let request = site.request(Method::POST, "/upload").header("X-Remote-User", "dmlb2001");
    let named = site.send(request.body(bundle("metadata-last"))).await.job_state().job_id;
    assert_eq!(site.job(named).await["user"], "dmlb2001");
    let unnamed = site.upload_as("someone", bundle("metadata-last")).await;
    assert_eq!(site.job(unnamed).await["user"], "nobody");
}

#[tokio::test]
async fn the_root_says_that_it_is_up_to_the_letter() {
    let site = Site::start().await;
    let reply = site.get("/").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.text(), r#"{"message": "Pacifica Ingest Up and Running"}"#);
    assert!(reply.headers["content-type"].to_str().expect("text").starts_with("application/json"));
}

#[tokio::test]
async fn head_works_where_get_does() {
    let site = Site::start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    for path in ["/".to_owned(), format!("/get_state?job_id={job}")] {
        let reply = site.send(site.request(Method::HEAD, &path)).await;
        assert_eq!(reply.status, StatusCode::OK, "HEAD {path}");
        assert_eq!(reply.text(), "", "HEAD {path}");
    }
    let reply = site.send(site.request(Method::HEAD, "/get_state?job_id=999999")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_method_is_answered_with_those_allowed() {
    let site = Site::start().await;
    let rows = [
        (Method::POST, "/", "GET"),
        (Method::DELETE, "/get_state?job_id=1", "GET"),
        (Method::POST, "/get_state?job_id=1", "GET"),
        (Method::GET, "/upload", "POST"),
        (Method::PUT, "/upload", "POST"),
        (Method::GET, "/ingest", "POST"),
        (Method::GET, "/move", "POST"),
        (Method::GET, "/upload/", "POST"),
    ];
    for (method, path, allowed) in rows {
        let reply = site.send(site.request(method.clone(), path).body("x")).await;
        assert_error(&reply, StatusCode::METHOD_NOT_ALLOWED);
        let allow = reply.headers.get("allow").unwrap_or_else(|| panic!("no Allow: {method} {path}"));
        assert!(
            allow.to_str().expect("text").split(',').any(|one| one.trim() == allowed),
            "{method} {path}: {allow:?}"
        );
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let site = Site::start().await;
    assert_error(&site.get("/no-such-call").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_unknown_job_is_not_found_and_named() {
    let site = Site::start().await;
    for id in ["999999", "-1", "0"] {
        let reply = site.get(&format!("/get_state?job_id={id}")).await;
        assert_error(&reply, StatusCode::NOT_FOUND);
        assert_eq!(reply.json()["message"], format!("job ID {id} does not exist."));
    }
}

#[tokio::test]
async fn a_job_id_that_is_missing_or_no_integer_is_the_clients_mistake() {
    let site = Site::start().await;
    for query in ["", "?", "?job_id", "?job_id=", "?job_id=abc", "?job_id=1.5", "?job_id=1%202", "?id=1"] {
        assert_error(&site.get(&format!("/get_state{query}")).await, StatusCode::BAD_REQUEST);
    }
    let reply = site.get("/get_state?job_id=99999999999999999999999").await;
    assert!(reply.status.is_client_error(), "{}", reply.status);
}

#[tokio::test]
async fn a_post_without_body_and_length_needs_a_length() {
    let site = Site::start().await;
    for path in ["/upload", "/ingest", "/move"] {
        let mut socket = TcpStream::connect(site.address()).await.expect("a connection");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
            site.address()
        );
        socket.write_all(head.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        let read = socket.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(30), read).await.expect("an answer in time").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 411 "), "{path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let error: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(error["status"], "411 Length Required");
    }
}

#[tokio::test]
async fn a_move_that_is_not_json_is_a_bad_request() {
    let site = Site::start().await;
    for body in ["{[", "[{]", "[1,", "", "not json", "[NaN]"] {
        let request = site.request(Method::POST, "/move").header("content-type", "application/json").body(body);
        assert_error(&site.send(request).await, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_move_of_another_content_type_is_unsupported() {
    let site = Site::start().await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"] {
        let request = site.request(Method::POST, "/move").header("content-type", content_type).body("[]");
        assert_error(&site.send(request).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    assert_error(&site.send(site.request(Method::POST, "/move").body("[]")).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_move_may_name_its_charset() {
    let site = Site::start().await;
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"] {
        let request = site.request(Method::POST, "/move").header("content-type", content_type);
        let reply = site.send(request.body(json!([]).to_string())).await;
        assert_eq!(reply.status, StatusCode::OK, "{content_type}: {}", reply.text());
    }
}

/// The shape of all errors on the legacy calls.
fn assert_error(reply: &Reply, status: StatusCode) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(reply.headers["content-type"].to_str().expect("text").starts_with("application/json"));
    let error = reply.json();
    let mut keys: Vec<_> = error.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["message", "status", "traceback", "version"]);
    let reason = status.canonical_reason().expect("a known status");
    assert_eq!(error["status"], format!("{} {reason}", status.as_u16()));
    assert_eq!(error["traceback"], "");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    assert!(error["version"].as_str().is_some_and(|version| !version.is_empty()), "{error}");
}
