//! `--watch`: what is saved runs on the next job.

use serde_json::json;

use super::{component, revision};
use crate::bundle::bundle;
use crate::site::Options;
use crate::wait::{PATIENCE, until};

#[tokio::test]
async fn a_component_that_is_saved_runs_on_the_next_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let saved = folder.path().join("hostile.wasm");
    std::fs::copy(component("hostile"), &saved).expect("a component");
    let watch = folder.path().to_str().expect("UTF-8").to_owned();
    let policy = "[[rules]]\nname = \"told\"\nplugin = \"hostile\"\nconfig = { do = \"reject\" }\n";
    let site = Options::default().arg("--watch", watch).policy(policy).start().await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    let digest = site.report(job).await["rules"][0]["digest"].clone();

    // The same code with a section more is another component.
    let mut wasm = super::read("hostile");
    wasm.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    std::fs::write(&saved, wasm).expect("a component");
    until(PATIENCE, "the gate has taken it up", || async { (revision(&site).await == 2).then_some(()) }).await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    assert_ne!(site.report(job).await["rules"][0]["digest"], digest);

    // Half a component is not taken up, and the one before goes on.
    std::fs::write(&saved, b"\0asm").expect("a file");
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    let policy = site.api_json("/api/policy").await;
    assert_eq!((&policy["revision"], &policy["origin"]), (&json!(2), &json!("--watch")));
}
