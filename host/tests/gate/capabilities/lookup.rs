//! Lookups: what the gate asks on behalf of a rule, and what it does not.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::Server;
use super::{granted, said, told};
use crate::bundle::{bundle, test_data};
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, until};

/// A rule that asks for these URLs, each so many times.
fn asking(urls: &[String], times: u64, lookup: &Value) -> Value {
    let grants = if lookup.is_null() { json!({}) } else { json!({"lookup": lookup}) };
    let mut rule = granted("look-up", &urls.join(" "), &grants);
    rule["config"]["amount"] = json!(times);
    rule
}

/// A grant of everything below `/api/` of the server.
fn below_api(server: &Server) -> Value {
    json!({"prefixes": [server.url("/api/")], "private": true})
}

/// What the rule says of a good bundle: code and message of each answer, and its entry in the report.
async fn answers(site: &Site) -> (Vec<(String, String)>, Value) {
    let job = site.upload(bundle("metadata-last")).await;
    let state = site.wait(job).await;
    let rule = told(site, job).await;
    assert_eq!((state.state.as_str(), &rule["outcome"]), ("OK", &json!("passed")), "{rule}");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let findings = rule["findings"].as_array().expect("findings");
    (findings.iter().map(|finding| (text(finding, "code"), text(finding, "message"))).collect(), rule)
}

/// The same for a site of its own with this rule.
async fn answers_to(rule: Value) -> (Vec<(String, String)>, Value) {
    let mut site = Site::start().await;
    site.add_rule(rule).await;
    answers(&site).await
}

fn pairs(answers: &[(String, String)]) -> Vec<(&str, &str)> {
    answers.iter().map(|(code, message)| (code.as_str(), message.as_str())).collect()
}

#[tokio::test]
async fn a_granted_url_is_asked_once_and_the_report_tells_of_it_for_good() {
    let server = Server::start().await;
    // A proxy that the environment names is none of the rule's business.
    let mut site = Options::default().env("http_proxy", "http://127.0.0.1:9").start().await;
    let urls = [server.url("/api/number"), server.url("/api/missing?of=1#there")];
    site.add_rule(asking(&urls, 2, &below_api(&server))).await;
    let (answered, rule) = answers(&site).await;
    let missing = ("answer", "404 text/plain; charset=utf-8 no such thing");
    let number = ("answer", "200 text/plain; charset=utf-8 1");
    assert_eq!(pairs(&answered), [number, missing, number, missing]);
    let lookups = rule["lookups"].as_array().expect("lookups");
    // printf 1 | sha256sum
    let sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    for (index, cached) in [(0, false), (2, true)] {
        let mut one = lookups[index].clone();
        assert!(one["duration_us"].as_u64().is_some_and(|took| took > 0), "{rule}");
        one.as_object_mut().expect("an object").remove("duration_us");
        let url = &urls[0];
        assert_eq!(one, json!({"url": url, "status": 200, "bytes": 1, "sha256": sha256, "cached": cached}));
    }
    assert_eq!((&lookups[1]["url"], &lookups[1]["status"]), (&json!(urls[1]), &json!(404)));

    // The next job is given the same, and nobody is asked.
    let (again, rule) = answers(&site).await;
    assert_eq!((again, &rule["lookups"][0]["cached"]), (answered, &json!(true)));
    assert_eq!(server.asked(), ["/api/number", "/api/missing?of=1"]);
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    let report = site.report(job).await;
    let others = report["rules"].as_array().expect("rules").iter().filter(|rule| rule["rule"] != "told");
    assert!(others.into_iter().all(|rule| rule.get("lookups").is_none()), "{report}");

    // It outlives the gate; what was kept of answers does not, and another answer is named.
    site.stop_all().await;
    site.start_serve().await;
    assert_eq!(site.report(job).await, report);
    let again = site.api(Method::POST, &format!("/api/jobs/{job}/revalidate"), None).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    let again = again.json();
    assert_eq!(again["accepted_now"], true, "{again}");
    assert_eq!(again["rules"][0]["other_answers"], json!([urls[0]]), "{again}");
    assert_eq!(server.asked().len(), 4, "{:?}", server.asked());
    let replay = site.api(Method::POST, "/api/policy/replay", Some(json!({"jobs": [job]}))).await.json();
    assert_eq!(replay["summary"]["same"], 1, "{replay}");
    // So is it with a dry run.
    let dry = site
        .request(Method::POST, "/api/validate")
        .body(std::fs::read(test_data().join("metadata-last/metadata.txt")).expect("it"));
    let dry = site.send(dry).await.json();
    assert!(dry["rules"].to_string().contains("\"lookups\":[{"), "{dry}");
    // People see it as well.
    let shown = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["job", "show", &job.to_string()])
        .current_dir(site.folder())
        .env_clear()
        .env("SLUICE_URL", format!("http://{}", site.address()))
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(said.contains(&format!("looked up {}: 200, 1 B", urls[0])), "{shown:?}");
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_the_grant_says_and_a_servers_trouble_is_not() {
    let server = Server::start().await;
    let mut site = Site::start().await;
    let mut grant = below_api(&server);
    grant["cache_s"] = json!(0);
    site.add_rule(asking(&[server.url("/api/number")], 2, &grant)).await;
    for number in 1..=2 {
        let (answered, _) = answers(&site).await;
        let same = format!("200 text/plain; charset=utf-8 {number}");
        assert_eq!(pairs(&answered), [("answer", &*same), ("answer", &*same)], "within a job it is one");
    }
    site.edit_policy(|rules| *rules = vec![asking(&[server.url("/api/broken")], 1, &below_api(&server))]).await;
    for _ in 0..2 {
        assert_eq!(answers(&site).await.0, [("answer".to_owned(), "500 text/plain; charset=utf-8 oh".to_owned())]);
    }
    assert_eq!(server.asked().len(), 4, "{:?}", server.asked());
}

#[tokio::test]
async fn it_is_a_plain_get_of_the_gates_own() {
    let server = Server::start().await;
    let (answered, _) = answers_to(asking(&[server.url("/api/agent")], 1, &below_api(&server))).await;
    let version = env!("CARGO_PKG_VERSION");
    let plain = format!("200 text/plain; charset=utf-8 GET sluice/{version} (lookup) accept,user-agent,host");
    assert_eq!(pairs(&answered), [("answer", &*plain)]);
}

#[tokio::test]
async fn what_is_below_no_prefix_is_never_asked() {
    let server = Server::start().await;
    let host = server.url("");
    let port = server.port();
    let urls: Vec<String> = [
        "/other",
        "/apix",
        "/API/x",
        "/",
        "/api",
        "/api/../other",
        "/api/%2e%2e/other",
        "/api/..%2fother",
        "/api\\..\\other",
        "/api/%252e%252e/other",
    ]
    .iter()
    .map(|path| format!("{host}{path}"))
    .chain([
        format!("http://127.0.0.1@localhost:{port}/api/x"),
        format!("http://me@127.0.0.1:{port}/api/x"),
        format!("http://localhost:{port}/api/x"),
        format!("https://127.0.0.1:{port}/api/x"),
        "http://127.0.0.1/api/x".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/api/x".to_owned(),
    ])
    .collect();
    let (answered, rule) = answers_to(asking(&urls, 1, &below_api(&server))).await;
    assert_eq!(answered.len(), urls.len());
    assert!(answered.iter().all(|(code, _)| code == "denied"), "{answered:?}");
    let lookups = rule["lookups"].as_array().expect("lookups");
    let denied = |one: &Value| one["error"].as_str().is_some_and(|error| error.starts_with("denied: "));
    assert!(lookups.len() == urls.len() && lookups.iter().all(denied), "{rule}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_without_the_grant_is_denied_and_goes_on() {
    let server = Server::start().await;
    let (answered, rule) = answers_to(asking(&[server.url("/api/x")], 1, &Value::Null)).await;
    assert!(answered[0].0 == "denied" && answered[0].1.contains("grants.lookup"), "{answered:?}");
    assert_eq!(rule["lookups"].as_array().map(Vec::len), Some(1), "{rule}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_private_address_is_asked_only_where_the_grant_says_so() {
    let server = Server::start().await;
    let port = server.port();
    let hosts = ["127.0.0.1", "localhost", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
        .map(|host| format!("http://{host}:{port}/"));
    let (answered, _) = answers_to(asking(&hosts, 1, &json!({"prefixes": hosts}))).await;
    for (code, message) in &answered {
        assert!(code == "denied" && message.contains("private = true"), "{code} {message}");
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    let names = [format!("http://localhost:{port}/x")];
    let grant = json!({"prefixes": [format!("http://localhost:{port}")], "private": true});
    assert_eq!(pairs(&answers_to(asking(&names, 1, &grant)).await.0), [("answer", "200 text/x-echo /x")]);
}

#[tokio::test]
async fn redirects_are_followed_below_the_prefixes_and_nowhere_else() {
    let server = Server::start().await;
    let urls = ["inside", "outside", "elsewhere", "climbing", "round"].map(|name| server.url(&format!("/api/{name}")));
    let (answered, _) = answers_to(asking(&urls, 1, &below_api(&server))).await;
    assert_eq!(pairs(&answered[..1]), [("answer", "200 text/x-echo /api/echo?from=inside")]);
    for (code, message) in &answered[1..4] {
        assert!(code == "denied" && message.contains("is redirected"), "{code} {message}");
    }
    assert!(answered[4].0 == "unavailable" && answered[4].1.contains("more than 5 times"), "{answered:?}");
    let asked = server.asked();
    assert!(asked.iter().all(|path| path.starts_with("/api/") && !path.contains("other")), "{asked:?}");
    assert_eq!(asked.iter().filter(|path| *path == "/api/round").count(), 6, "{asked:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off_with_a_name() {
    let server = Server::start().await;
    let mut grant = below_api(&server);
    grant["max_kib"] = json!(1);
    let urls = ["fits", "big", "flood"].map(|name| server.url(&format!("/api/{name}")));
    let (answered, rule) = answers_to(asking(&urls, 1, &grant)).await;
    let codes: Vec<_> = answered.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["answer", "too-large", "too-large"]);
    assert_eq!((&rule["lookups"][2]["error"], &rule["lookups"][2]["bytes"]), (&json!("too-large"), &json!(0)));
    // All of a call's answers have a bound as well: eight of the largest.
    let urls: Vec<String> = (0..10).map(|number| server.url(&format!("/api/fits?{number}"))).collect();
    let (answered, _) = answers_to(asking(&urls, 1, &grant)).await;
    let codes: Vec<_> = answered.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, [&["answer"; 8][..], &["too-large"; 2]].concat());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_within_bounds() {
    let server = Server::start().await;
    let mut grant = below_api(&server);
    grant["time_ms"] = json!(200);
    let nobody = "http://127.0.0.1:9/".to_owned();
    grant["prefixes"] = json!([server.url("/api/"), nobody]);
    let mut urls: Vec<String> = vec![nobody, server.url("/api/x"), server.url("/api/stuck")];
    urls.extend((0..30).map(|number| server.url(&format!("/api/silent?{number}"))));
    urls.extend([server.url("/api/x"), server.url("/api/y")]);
    let (answered, rule) = answers_to(asking(&urls, 1, &grant)).await;
    assert!(answered[0].0 == "unavailable" && answered[0].1.contains("127.0.0.1:9"), "{answered:?}");
    assert!(answered[2..33].iter().all(|(code, _)| code == "timeout"), "{answered:?}");
    // After four times its time the call has no patience left, and nobody is asked any more. What was answered is so still.
    assert!((4..=6).contains(&server.asked().len()), "{:?}", server.asked());
    assert_eq!((&answered[33], answered[34].0.as_str()), (&answered[1], "timeout"));
    assert_eq!(answered[1].1, "200 text/x-echo /api/x");
    let took = Duration::from_micros(rule["duration_us"].as_u64().expect("a duration"));
    assert!(took >= Duration::from_millis(800) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn rules_that_ask_nobody_do_not_wait_for_those_that_do() {
    let server = Server::start().await;
    let mut site = Options::default().env("SLUICE_SANDBOX_THREADS", "1").start().await;
    let mut grant = below_api(&server);
    grant["time_ms"] = json!(30_000);
    let mut rule = asking(&[server.url("/api/held")], 1, &grant);
    // Its own time is far shorter than what it waits.
    rule["limits"]["time_ms"] = json!(200);
    rule["when"] = json!({"users": ["mallory"]});
    site.add_rule(rule).await;
    let waiting = site.upload_as("mallory", bundle("metadata-last")).await;
    until(PATIENCE, "the rule asks", || async { (!server.asked().is_empty()).then_some(()) }).await;
    let beside = site.upload_as("alice", bundle("metadata-last")).await;
    assert_eq!(site.wait(beside).await.state, "OK");
    // Without a grant a call with this limit is ended after 1.2 s, whatever it waits for.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    server.release();
    assert_eq!(site.wait(waiting).await.state, "OK");
    let rule = told(&site, waiting).await;
    assert!(said(&rule, "answer").ends_with("at last"), "{rule}");
}

#[tokio::test]
async fn a_call_asks_a_bounded_number_of_times() {
    let server = Server::start().await;
    let (answered, rule) = answers_to(asking(&[server.url("/api/x")], 80, &below_api(&server))).await;
    let denied: Vec<_> = answered.iter().filter(|(code, _)| code == "denied").collect();
    assert!(denied.len() == 16 && denied[0].1.contains("64 times"), "{denied:?}");
    // The first one beyond is told of.
    assert_eq!(rule["lookups"].as_array().map(Vec::len), Some(65));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_grant_that_makes_no_sense_is_refused_with_every_mistake() {
    let site = Site::start().await;
    let check = async |rule: Value| {
        let document = json!({"rules": [rule], "message": "a try"});
        let checked = site.api(Method::POST, "/api/policy/check", Some(document)).await;
        assert_eq!(checked.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", checked.text());
        checked.json()["errors"].to_string()
    };
    let errors =
        check(asking(&[], 1, &json!({"prefixes": ["https://h@x/", "h"], "time_ms": 0, "max_kib": 9_999}))).await;
    for words in ["has a user", "is no URL", "lookup.time_ms is 0", "lookup.max_kib is 9999"] {
        assert!(errors.contains(words), "{words} in {errors}");
    }
    let mover = json!({"name": "m", "plugin": "placement", "grants": {"lookup": {"prefixes": ["https://h.example/"]}}});
    let errors = check(mover).await;
    assert!(errors.contains("is a mover"), "{errors}");
}
