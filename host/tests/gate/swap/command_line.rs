//! The admin's command line, against a running gate.

use std::process::Output;

use serde_json::{Value, json};

use super::{component, told};
use crate::bundle::bundle;
use crate::site::Site;

/// Runs the program beside the site, with its address and its admin token.
async fn sluice(site: &Site, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(args).current_dir(site.folder()).env_clear();
    command.env("SLUICE_URL", format!("http://{}", site.address())).output().await.expect("the program runs")
}

async fn says(site: &Site, args: &[&str]) -> String {
    let output = sluice(site, args).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?} ended with {}: {err}", output.status);
    out.into_owned()
}

async fn answers(site: &Site, args: &[&str]) -> Value {
    serde_json::from_str(&says(site, &[args, &["--json"]].concat()).await).expect("JSON")
}

/// The exit code, and what was said of the mistake.
async fn refuses(site: &Site, args: &[&str]) -> (i32, String) {
    let output = sluice(site, args).await;
    (output.status.code().expect("a code"), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn plugins_are_pushed_listed_shown_pulled_and_removed() {
    let site = Site::start().await;
    let file = component("hostile");
    let file = file.to_str().expect("UTF-8");
    assert!(says(&site, &["plugin", "push", file]).await.starts_with("hostile 0.1.0: sha256:"));
    assert!(says(&site, &["plugin", "list"]).await.lines().any(|line| line.starts_with("hostile ")));
    assert_eq!(answers(&site, &["plugin", "show", "hostile"]).await["kind"], "validator");
    says(&site, &["plugin", "pull", "hostile", "-o", "pulled.wasm"]).await;
    assert_eq!(std::fs::read(site.folder().join("pulled.wasm")).expect("a file"), super::read("hostile"));
    says(&site, &["plugin", "remove", "hostile"]).await;
    let (code, why) = refuses(&site, &["plugin", "show", "hostile"]).await;
    assert!(code == 3 && why.contains("there is no plugin"), "{code}: {why}");
    std::fs::write(site.folder().join("core.wasm"), b"\0asm\x01\0\0\0").expect("a file");
    let (code, why) = refuses(&site, &["plugin", "push", "core.wasm"]).await;
    assert!(code == 4 && why.contains("core.wasm: this is a core WebAssembly module"), "{code}: {why}");
}

#[tokio::test]
async fn a_policy_in_a_repository_is_applied_in_one_step() {
    let site = Site::start().await;
    let folder = site.folder().join("rules");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(component("hostile"), folder.join("hostile.wasm")).expect("a component");
    let file = |act: &str| {
        let text = format!("[[rules]]\nname = \"told\"\nplugin = \"hostile\"\nconfig = {{ do = \"{act}\" }}\n");
        std::fs::write(site.folder().join("policy.toml"), text).expect("a file");
    };
    file("reject");
    let apply = ["policy", "apply", "policy.toml", "--plugins", "rules", "-m", "from the repository"];
    assert!(says(&site, &["policy", "check", "policy.toml", "--plugins", "rules"]).await.contains("+ rule told"));
    assert_eq!(says(&site, &apply).await, "revision 2 is active\n");
    assert_eq!(says(&site, &apply).await, "revision 2 says the same already; nothing was changed\n");
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    assert!(says(&site, &["policy", "show"]).await.contains("[[rules]]"));

    file("clean");
    let replayed = says(&site, &["policy", "replay", "policy.toml", "--last", "5"]).await;
    assert!(replayed.contains("job 1: rejected then, accepted now"), "{replayed}");
    assert!(replayed.contains("1 job judged: 0 would be rejected, 1 accepted"), "{replayed}");
    says(&site, &["policy", "apply", "policy.toml"]).await;
    assert!(says(&site, &["policy", "diff", "2"]).await.contains("/config/do: \"reject\" -> \"clean\""));
    let history = answers(&site, &["policy", "history"]).await;
    let messages: Vec<_> = history.as_array().expect("a list").iter().map(|entry| entry["message"].clone()).collect();
    assert_eq!(messages, [json!(""), json!("from the repository"), json!("the starter policy")]);
    assert_eq!(says(&site, &["policy", "rollback", "2"]).await, "revision 4 is active\n");
    assert!(says(&site, &["job", "revalidate", "1"]).await.starts_with("revision 2 says the same of job 1"));

    std::fs::write(site.folder().join("bad.json"), json!({"rules": [told("a", "nonsense")]}).to_string())
        .expect("a file");
    let (code, why) = refuses(&site, &["policy", "apply", "bad.json"]).await;
    assert!(code == 4 && why.contains("rule \"a\": config"), "{code}: {why}");
    let (code, why) = refuses(&site, &["policy", "lift", "told"]).await;
    assert!(code == 3 && why.contains("no mark"), "{code}: {why}");
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let site = Site::start().await;
    let made = answers(&site, &["token", "create", "ada", "--role", "operator"]).await;
    let token = made["token"].as_str().expect("a token");
    assert!(says(&site, &["token", "list"]).await.contains("operator"));
    let as_ada = async |args: &[&str]| {
        std::fs::write(site.folder().join("ada"), token).expect("a file");
        sluice(&site, &[args, &["--token-file", "ada"]].concat()).await
    };
    assert!(as_ada(&["policy", "replay", "--last", "1"]).await.status.success());
    let refused = as_ada(&["policy", "rollback", "1"]).await;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(4) && why.contains("needs the role admin"), "{why}");
    says(&site, &["token", "revoke", made["id"].as_str().expect("an id")]).await;
    assert!(!as_ada(&["policy", "replay", "--last", "1"]).await.status.success());
    let (code, _) = refuses(&site, &["token", "create", "ada", "--role", "king"]).await;
    assert_eq!(code, 2);
}
