//! Who may do what.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::bundle::bundle;
use crate::site::{Options, Reply, Site};

async fn token(site: &Site, role: &str) -> String {
    let reply = site.api(Method::POST, "/api/tokens", Some(json!({"name": format!("a {role}"), "role": role}))).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    reply.json()["token"].as_str().expect("a token").to_owned()
}

async fn call(site: &Site, token: Option<&str>, method: Method, path: &str) -> Reply {
    let mut request = site.request(method, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    site.send(request).await
}

#[tokio::test]
async fn the_first_admin_token_is_its_owners_alone() {
    let mut site = Site::start().await;
    let path = site.data().join("admin-token");
    let mode = std::fs::metadata(&path).expect("the token").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = std::fs::read_to_string(&path).expect("the token");
    site.stop_all().await;
    site.start_serve().await;
    assert_eq!(std::fs::read_to_string(&path).expect("the token"), first, "a restart makes no other one");
    let listed = site.api_json("/api/tokens").await;
    assert!(!listed.to_string().contains(first.trim()), "{listed}");
    assert_eq!(listed["tokens"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[tokio::test]
async fn every_write_needs_its_role() {
    let site = Site::start().await;
    let job = site.upload(bundle("wrong-hash")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    let writes = [
        (Method::POST, "/api/plugins".to_owned(), "admin"),
        (Method::DELETE, "/api/plugins/hostile".to_owned(), "admin"),
        (Method::PUT, "/api/policy".to_owned(), "admin"),
        (Method::POST, "/api/policy/rollback".to_owned(), "admin"),
        (Method::GET, "/api/tokens".to_owned(), "admin"),
        (Method::POST, "/api/tokens".to_owned(), "admin"),
        (Method::DELETE, "/api/tokens/x".to_owned(), "admin"),
        (Method::POST, "/api/policy/check".to_owned(), "operator"),
        (Method::POST, "/api/policy/replay".to_owned(), "operator"),
        (Method::DELETE, "/api/policy/marks/x".to_owned(), "operator"),
        (Method::POST, format!("/api/jobs/{job}/retry"), "operator"),
        (Method::POST, format!("/api/jobs/{job}/cancel"), "operator"),
        (Method::POST, format!("/api/jobs/{job}/revalidate"), "operator"),
    ];
    let roles = ["reader", "uploader", "operator", "admin"];
    let mut tokens = Vec::new();
    for role in roles {
        tokens.push((role, token(&site, role).await));
    }
    for (method, path, needed) in writes {
        let reply = call(&site, None, method.clone(), &path).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", reply.text());
        let rank = |role: &str| roles.iter().position(|known| *known == role);
        for (role, token) in &tokens {
            let status = call(&site, Some(token), method.clone(), &path).await.status;
            let forbidden = rank(role) < rank(needed);
            assert_eq!(status == StatusCode::FORBIDDEN, forbidden, "{method} {path} as {role}: {status}");
        }
    }
}

#[tokio::test]
async fn a_revoked_or_invented_token_is_good_for_nothing() {
    let site = Site::start().await;
    let token = token(&site, "reader").await;
    assert_eq!(call(&site, Some(&token), Method::GET, "/api/jobs").await.status, StatusCode::OK);
    let id = token.split('_').nth(1).expect("an id").to_owned();
    let revoked = site.api(Method::DELETE, &format!("/api/tokens/{id}"), None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let forged = format!("sluice_{id}_{}", "0".repeat(64));
    for bad in [token.as_str(), forged.as_str(), "nonsense", ""] {
        let reply = call(&site, Some(bad), Method::GET, "/api/jobs").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{bad}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn where_tokens_are_required_uploads_need_one_and_carry_its_name() {
    let site = Options::default().env("SLUICE_HTTP_REQUIRE_TOKEN", "true").start().await;
    assert_eq!(call(&site, None, Method::GET, "/").await.status, StatusCode::OK, "monitoring has no token");
    for path in ["/get_state?job_id=1", "/api/jobs"] {
        assert_eq!(call(&site, None, Method::GET, path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let (reader, uploader) = (token(&site, "reader").await, token(&site, "uploader").await);
    let upload = async |token: &str| {
        site.send(site.request(Method::POST, "/upload").bearer_auth(token).body(bundle("metadata-last"))).await
    };
    assert_eq!(upload(&reader).await.status, StatusCode::FORBIDDEN);
    let job = upload(&uploader).await.job_state().job_id;
    assert_eq!(site.job(job).await["user"], "a uploader");
}
