//! What the console refuses, and what it tells browsers: said over HTTP, as no browser would.

use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use serde_json::json;

use super::admin_token;
use crate::bundle::bundle;
use crate::site::{Options, Site};

/// Somebody with a session, who does not follow redirects.
struct Session {
    http: reqwest::Client,
    base: String,
    cookie: String,
    form_token: String,
}

impl Session {
    async fn open(site: &Site, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().expect("a client");
        let base = format!("http://{}", site.address());
        let sent = http.post(format!("{base}/ui/sign-in")).body(format!("token={token}&after=/ui/jobs"));
        let answer = sent.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie").to_owned();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/ui", "Max-Age="] {
            assert!(cookie.contains(part), "{part} in {cookie}");
        }
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let page = http.get(format!("{base}/ui/jobs")).header("cookie", &cookie).send().await.expect("an answer");
        let page = page.text().await.expect("a page");
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").expect("a form of the session");
        let form_token = rest.split('"').next().expect("a token").to_owned();
        Self { http, base, cookie, form_token }
    }

    fn post(&self, path: &str, form_token: &str) -> RequestBuilder {
        self.post_form(path, &format!("form_token={form_token}"))
    }

    fn post_form(&self, path: &str, form: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).header("cookie", &self.cookie).body(form.to_owned())
    }
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.expect("an answer").status()
}

#[tokio::test]
async fn a_form_that_is_not_the_sessions_own_changes_nothing() {
    let site = Site::start().await;
    let job = site.upload(bundle("foreign-submitter")).await;
    site.wait(job).await;
    let session = Session::open(&site, &admin_token(&site)).await;
    let (path, token) = ("/ui/jobs/1/retry", session.form_token.as_str());

    let forged = [
        session.post(path, ""),
        session.post(path, &token.replace(|digit: char| digit.is_ascii_digit(), "0")),
        session.post(path, token).header("origin", "https://evil.example"),
        session.post(path, token).header("origin", "null"),
        session.post(path, token).header("sec-fetch-site", "cross-site"),
        session.post(path, token).header("sec-fetch-site", "same-site"),
        session.post("/ui/policy/rollback", ""),
        session.post("/ui/sign-out", "x"),
        session
            .http
            .post(format!("{}/ui/sign-in", session.base))
            .header("origin", "https://evil.example")
            .body("token=x"),
    ];
    for (number, request) in forged.into_iter().enumerate() {
        assert_eq!(status(request).await, StatusCode::FORBIDDEN, "number {number}");
    }
    assert_eq!(site.job(job).await["attempts"], 1);
    // Without a session there is nothing to forge, and nothing to do.
    let nobody = session.http.post(format!("{}{path}", session.base)).body(format!("form_token={token}"));
    assert_eq!(status(nobody).await, StatusCode::UNAUTHORIZED);

    let own = session.post(path, token).header("origin", &session.base).header("sec-fetch-site", "same-origin");
    assert_eq!(status(own).await, StatusCode::SEE_OTHER);
    // After signing out the cookie is worth nothing, wherever it is kept.
    assert_eq!(status(session.post("/ui/sign-out", token)).await, StatusCode::SEE_OTHER);
    assert_eq!(status(session.post(path, token)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_role_changes_what_its_token_may_and_nothing_else() {
    let site = Site::start().await;
    let token = |role: &'static str| {
        let site = &site;
        async move {
            let made = site.api(Method::POST, "/api/tokens", Some(json!({"name": role, "role": role}))).await;
            made.json()["token"].as_str().expect("a token").to_owned()
        }
    };
    let reader = Session::open(&site, &token("reader").await).await;
    let operator = Session::open(&site, &token("operator").await).await;
    let (drafts, rollback) = ("/ui/policy/draft", "to=1&base=1");
    for (session, path, form, expected) in [
        (&reader, "/ui/jobs/1/cancel", "", StatusCode::FORBIDDEN),
        (&reader, drafts, "action=preview", StatusCode::FORBIDDEN),
        (&operator, drafts, "action=preview", StatusCode::OK),
        (&operator, drafts, "action=apply", StatusCode::FORBIDDEN),
        (&operator, "/ui/policy/rollback", rollback, StatusCode::FORBIDDEN),
        (&operator, "/ui/plugins/placement/remove", "", StatusCode::FORBIDDEN),
        (&operator, "/ui/jobs/1/cancel", "", StatusCode::NOT_FOUND),
    ] {
        let form = format!("form_token={}&{form}", session.form_token);
        assert_eq!(status(session.post_form(path, &form)).await, expected, "{path} {form}");
    }
}

#[tokio::test]
async fn every_page_tells_browsers_to_run_nothing_but_ours_and_to_keep_nothing() {
    let site = Site::start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    for (path, expected) in [
        ("/ui", StatusCode::OK),
        ("/ui/", StatusCode::OK),
        ("/ui/jobs", StatusCode::OK),
        ("/ui/jobs/1", StatusCode::OK),
        ("/ui/jobs/1?fragment=1", StatusCode::OK),
        ("/ui/jobs/77", StatusCode::NOT_FOUND),
        ("/ui/nothing", StatusCode::NOT_FOUND),
        ("/ui/plugins", StatusCode::OK),
        ("/ui/plugins/placement", StatusCode::OK),
        ("/ui/policy", StatusCode::OK),
        ("/ui/policy/revisions", StatusCode::OK),
        ("/ui/policy/revisions/1", StatusCode::OK),
        ("/ui/policy/diff?from=1&to=1", StatusCode::OK),
        ("/ui/policy/shadow/none", StatusCode::NOT_FOUND),
        ("/ui/system", StatusCode::OK),
        ("/ui/sign-in", StatusCode::OK),
    ] {
        let reply = site.get(path).await;
        assert_eq!(reply.status, expected, "{path}: {}", reply.text());
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"), "{path}");
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff", "no-store"), "{path}");
        let page = reply.text();
        assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains(" onclick="), "{path}");
        if !path.contains("fragment") {
            assert!(page.contains("<html lang=\"en\">") && page.contains("<main id=\"main\""), "{path}");
        }
    }
    // The front page belongs to Pacifica's monitoring.
    assert_eq!(site.get("/").await.text(), r#"{"message": "Pacifica Ingest Up and Running"}"#);
}

#[tokio::test]
async fn the_cookie_is_for_https_where_a_trusted_proxy_says_so() {
    let site = Options::default().start().await;
    let token = admin_token(&site);
    let sign_in = |proto: &'static str| {
        let request = site.request(Method::POST, "/ui/sign-in").body(format!("token={token}"));
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().expect("a client");
        async move {
            let answer = http.execute(request.header("x-forwarded-proto", proto).build().expect("a request")).await;
            answer.expect("an answer").headers()["set-cookie"].to_str().expect("a cookie").to_owned()
        }
    };
    assert!(sign_in("https").await.contains("; Secure"));
    assert!(!sign_in("http").await.contains("Secure"));
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name} in {page}"));
    let escaped = rest.split('"').next().expect("a value");
    escaped
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

#[tokio::test]
async fn without_a_script_a_plugin_is_added_and_a_rule_made_of_it() {
    let site = Site::start().await;
    let session = Session::open(&site, &admin_token(&site)).await;
    let component =
        crate::site::plugin_folders().iter().map(|folder| folder.join("hostile.wasm")).find(|path| path.is_file());
    let component = std::fs::read(component.expect("the guest is built")).expect("a component");
    let part = |name: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
    let with_token = |token: &str, wasm: &[u8]| {
        let mut body = format!("{}{token}\r\n{}", part("form_token"), part("component")).into_bytes();
        body.extend_from_slice(wasm);
        body.extend_from_slice(b"\r\n--B--\r\n");
        let request = session.http.post(format!("{}/ui/plugins", session.base)).header("cookie", &session.cookie);
        request.header("content-type", "multipart/form-data; boundary=B").body(body)
    };
    assert_eq!(status(with_token("forged", &component)).await, StatusCode::FORBIDDEN);
    let refused = with_token(&session.form_token, b"\0asm\x01\0\0\0").send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.expect("a page").contains("core WebAssembly module"));
    assert_eq!(status(with_token(&session.form_token, &component)).await, StatusCode::SEE_OTHER);

    let step = |fields: Vec<(&'static str, String)>| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form_token", &session.form_token);
        form.extend_pairs(fields);
        let request = session.post_form("/ui/policy/draft", &form.finish());
        async move { request.send().await.expect("an answer") }
    };
    let page =
        step(vec![("action", "add".to_owned()), ("plugin", "hostile".to_owned())]).await.text().await.expect("a page");
    let (base, draft) = (hidden(&page, "base"), hidden(&page, "draft"));
    let kept = step(vec![
        ("action", "keep".to_owned()),
        ("base", base.clone()),
        ("draft", draft),
        ("index", String::new()),
        ("shown_plugin", "hostile".to_owned()),
        ("plugin", "hostile".to_owned()),
        ("name", "told".to_owned()),
        ("mode", "enforce".to_owned()),
        ("when.kinds", "upload".to_owned()),
        ("when.projects", "12*\r\nx".to_owned()),
        ("config/do", "\"reject\"".to_owned()),
        ("limits.time_ms", "500".to_owned()),
        ("limits.memory_mib", "64".to_owned()),
        ("limits.read_mib", "1".to_owned()),
        ("quarantine.failures", "5".to_owned()),
        ("quarantine.within_s", "600".to_owned()),
        ("on_failure", "accept".to_owned()),
    ]);
    let page = kept.await.text().await.expect("a page");
    assert!(page.contains("id=\"is-draft\""), "{page}");
    let apply = [
        ("action", "apply".to_owned()),
        ("base", base),
        ("draft", hidden(&page, "draft")),
        ("message", "by hand".to_owned()),
    ];
    assert_eq!(step(apply.to_vec()).await.status(), StatusCode::SEE_OTHER);
    let rule = site.policy().await.pop().expect("a rule");
    assert_eq!(
        rule,
        json!({
            "name": "told", "plugin": "hostile", "mode": "enforce", "config": {"do": "reject"}, "on_failure": "accept",
            "when": {"kinds": ["upload"], "projects": ["12*", "x"]}, "grants": {},
            "limits": {"time_ms": 500, "memory_mib": 64, "read_mib": 1},
        })
    );
}
