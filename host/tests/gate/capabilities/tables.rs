//! Tables that admins load, and rules that read them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{granted, said, told};
use crate::bundle::{bundle, test_data};
use crate::site::{Options, Process, Reply, Site};
use crate::stores::Stores;

const WITH: &str = "id,pi\n1234a,\"Lovelace, Ada\"\n99b,Bea\n";
const WITHOUT: &str = "id,pi\n99b,Bea\n";

async fn put(site: &Site, path: &str, kind: &str, text: &str) -> Reply {
    let request = site.api_request(Method::PUT, &format!("/api/tables/{path}"), None);
    site.send(request.header("content-type", kind).body(text.to_owned())).await
}

/// Loads a table, and answers the digest of its version.
async fn load(site: &Site, name: &str, text: &str) -> String {
    let reply = put(site, name, "text/csv", text).await;
    assert!(reply.status.is_success(), "{}: {}", reply.status, reply.text());
    reply.json()["digest"].as_str().expect("a digest").to_owned()
}

async fn judged(site: &Site) -> (u64, String) {
    let job = site.upload(bundle("metadata-last")).await;
    (job, site.wait(job).await.state)
}

#[tokio::test]
async fn a_granted_table_is_read_and_its_version_is_in_the_report() {
    let mut site = Site::start().await;
    let digest = load(&site, "projects", WITH).await;
    site.add_rule(granted("table", "projects", &json!({"tables": ["projects"]}))).await;
    let (job, state) = judged(&site).await;
    let rule = told(&site, job).await;
    assert_eq!((state.as_str(), said(&rule, "row"), said(&rule, "rows")), ("OK", "id=1234a,pi=Lovelace, Ada", "2"));
    assert_eq!(rule["tables"], json!({"projects": digest}));
    // Rules without grants say nothing of tables.
    let report = site.report(job).await;
    let others = report["rules"].as_array().expect("rules").iter().filter(|rule| rule["rule"] != "told");
    assert!(others.into_iter().all(|rule| rule.get("tables").is_none()), "{report}");
    // A dry run reads them as well.
    let dry = site
        .request(Method::POST, "/api/validate")
        .body(std::fs::read(test_data().join("metadata-last/metadata.txt")).expect("it"));
    let dry = site.send(dry).await.json();
    assert!(dry["rules"].to_string().contains("Lovelace"), "{dry}");
}

#[tokio::test]
async fn a_table_that_is_not_granted_is_an_error_for_the_rule_and_nothing_worse() {
    let mut site = Site::start().await;
    load(&site, "projects", WITH).await;
    load(&site, "secrets", WITH).await;
    for (grants, asked) in [(json!({}), "projects"), (json!({"tables": ["projects"]}), "secrets")] {
        site.edit_policy(|rules| *rules = vec![granted("table", asked, &grants)]).await;
        let (job, state) = judged(&site).await;
        let rule = told(&site, job).await;
        assert_eq!((state.as_str(), &rule["outcome"]), ("OK", &json!("passed")), "{rule}");
        assert!(said(&rule, "refused").contains("not granted"), "{rule}");
    }
}

#[tokio::test]
async fn a_new_version_is_read_from_the_next_job_on_and_an_old_verdict_comes_out_the_same() {
    let mut site = Site::start().await;
    let with = load(&site, "projects", WITH).await;
    site.add_rule(granted("table", "projects", &json!({"tables": ["projects"]}))).await;
    let (first, state) = judged(&site).await;
    assert_eq!(state, "OK");
    let without = load(&site, "projects", WITHOUT).await;
    let (second, state) = judged(&site).await;
    assert_eq!((state.as_str(), &told(&site, second).await["tables"]), ("FAILED", &json!({"projects": without})));

    for (job, accepted) in [(first, true), (second, false)] {
        let again = site.api(Method::POST, &format!("/api/jobs/{job}/revalidate"), None).await;
        assert_eq!(again.status, StatusCode::OK, "{}", again.text());
        let again = again.json();
        assert_eq!((&again["same"], &again["accepted_now"]), (&json!(true), &json!(accepted)), "{again}");
    }
    // A replay asks what would be said now.
    let replay = site.api(Method::POST, "/api/policy/replay", Some(json!({"jobs": [first]}))).await.json();
    assert_eq!(replay["summary"]["would_reject"], 1, "{replay}");

    // After a restart, nothing of it is in memory.
    site.stop_all().await;
    site.start_serve().await;
    let again = site.api(Method::POST, &format!("/api/jobs/{first}/revalidate"), None).await.json();
    assert_eq!(again["same"], true, "{again}");
    let shown = site.api_json("/api/tables/projects").await;
    let digests: Vec<_> = shown["versions"].as_array().expect("versions").iter().map(|one| &one["digest"]).collect();
    assert_eq!(digests, [&json!(without), &json!(with)]);
    let old = site.api(Method::GET, &format!("/api/tables/projects/csv?digest={with}"), None).await;
    assert_eq!((old.text(), old.headers["etag"].to_str().ok()), (WITH.to_owned(), Some(&*format!("\"{with}\""))));
}

#[tokio::test]
async fn a_table_with_mistakes_changes_nothing_and_each_is_named_with_its_line() {
    let site = Site::start().await;
    load(&site, "projects", WITH).await;
    let wrong = put(&site, "projects", "text/csv", "id,pi\n1,Ada\n2\n1,Bea\n").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text());
    let errors = wrong.json()["errors"].to_string();
    assert!(errors.contains("line 3 has 1 cell") && errors.contains("line 4: the key"), "{errors}");
    for (path, kind, text, status) in [
        ("projects", "text/plain", WITH, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("a%20b", "text/csv", WITH, StatusCode::BAD_REQUEST),
        ("projects?key=who", "text/csv", WITH, StatusCode::UNPROCESSABLE_ENTITY),
        ("projects?kee=id", "text/csv", WITH, StatusCode::BAD_REQUEST),
        ("projects", "application/json", "{}", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let reply = put(&site, path, kind, text).await;
        assert_eq!(reply.status, status, "{path} {kind}: {}", reply.text());
    }
    assert_eq!(site.api_json("/api/tables").await["tables"][0]["version"], 1);
    let same = put(
        &site,
        "projects?key=id",
        "application/json",
        r#"[{"id": "1234a", "pi": "Lovelace, Ada"}, {"id": "99b", "pi": "Bea"}]"#,
    )
    .await;
    assert_eq!((same.status, &same.json()["version"]), (StatusCode::OK, &json!(1)), "the same table is no new version");
}

#[tokio::test]
async fn only_admins_load_tables_and_none_is_removed_that_a_revision_grants() {
    let mut site = Site::start().await;
    let request = site.request(Method::PUT, "/api/tables/projects").header("content-type", "text/csv").body(WITH);
    assert_eq!(site.send(request).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.get("/api/tables/projects/csv").await.status, StatusCode::UNAUTHORIZED);

    let rule = granted("table", "projects", &json!({"tables": ["projects"]}));
    let document = json!({"rules": [rule.clone()], "message": "too early"});
    let early = site.api(Method::POST, "/api/policy/check", Some(document)).await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", early.text());
    assert!(early.text().contains("sluice table put projects FILE"), "{}", early.text());

    load(&site, "projects", WITH).await;
    load(&site, "spare", WITH).await;
    site.add_rule(rule).await;
    site.edit_policy(|rules| rules.retain(|rule| rule["name"] != "told")).await;
    let delete = async |name: &str| site.api(Method::DELETE, &format!("/api/tables/{name}"), None).await;
    let kept = delete("projects").await;
    assert!(kept.status == StatusCode::CONFLICT && kept.text().contains("revision 2"), "{}", kept.text());
    assert_eq!(delete("spare").await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete("spare").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.api_json("/api/tables").await["tables"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn large_tables_are_read_in_pages() {
    let mut site = Site::start().await;
    let rows: String = (0..200_000).map(|n| format!("p{n},a name of some length {n}\n")).collect();
    load(&site, "projects", &format!("id,pi\n1234a,Ada\n{rows}")).await;
    site.add_rule(granted("table", "projects", &json!({"tables": ["projects"]}))).await;
    let (job, _) = judged(&site).await;
    assert_eq!(said(&told(&site, job).await, "rows"), "200001");
}

#[tokio::test]
async fn tables_are_loaded_and_looked_at_from_the_command_line() {
    let site = Site::start().await;
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(args).current_dir(site.folder()).env_clear();
        let output = command.env("SLUICE_URL", format!("http://{}", site.address())).output().await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let write = |name: &str, text: &str| std::fs::write(site.folder().join(name), text).expect("a file");
    write("projects.csv", "pi,id\n\"Lovelace, Ada\",1234a\nBea,99b\n");
    let (code, out, err) = run(&["table", "put", "projects", "projects.csv", "--key", "id"]).await;
    assert!(code == Some(0) && out.starts_with("projects is at version 1: 2 rows, sha256:"), "{out}{err}");
    write("projects.json", r#"[{"id": "1234a", "pi": "Cid"}]"#);
    assert_eq!(run(&["table", "put", "projects", "projects.json"]).await.0, Some(0));
    let (_, shown, _) = run(&["table", "show", "projects", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(run(&["table", "list"]).await.1.lines().count(), 2);
    let first = shown[1]["digest"].as_str().expect("a digest");
    assert_eq!(run(&["table", "pull", "projects", "--digest", first, "-o", "old.csv"]).await.0, Some(0));
    assert_eq!(std::fs::read_to_string(site.folder().join("old.csv")).expect("a file"), WITH);
    write("bad.csv", "id\n1\n1\n");
    let (code, _, err) = run(&["table", "put", "projects", "bad.csv"]).await;
    assert!(code == Some(4) && err.contains("line 3: the key \"1\" is that of line 2"), "{code:?} {err}");
    assert_eq!(run(&["table", "remove", "projects"]).await.0, Some(0));
    assert_eq!(run(&["table", "show", "projects"]).await.0, Some(3));
}

#[tokio::test]
async fn a_table_that_one_node_has_loaded_is_read_by_another() {
    let Some(stores) = Stores::postgres().await else { return };
    let mut site = Options::default().stores(stores).workers(1).start().await;
    load(&site, "projects", WITH).await;
    site.add_rule(granted("table", "projects", &json!({"tables": ["projects"]}))).await;
    assert_eq!(judged(&site).await.1, "OK");
    let mut args = vec!["serve".to_owned(), "--no-worker".to_owned(), "--listen".to_owned(), "127.0.0.1:0".to_owned()];
    args.extend(site.flags());
    let second = Process::start(site.folder(), "second", &args, &[]);
    let address = second.address().await;
    // Loaded on one node, judged by the worker of another: the very next job is judged by it.
    let token = std::fs::read_to_string(site.data().join("admin-token")).expect("a token");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.put(format!("{address}/api/tables/projects")).bearer_auth(token.trim()).body(WITHOUT);
    let reply = request.header("content-type", "text/csv").send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::CREATED);
    assert_eq!(judged(&site).await.1, "FAILED");
    assert!(second.terminate().await.success());
    site.stop_all().await;
}
