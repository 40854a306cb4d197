//! `sluice upload`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::command::{end, run, start};
use super::{TRANSACTION, transaction};
use crate::bundle::tree;
use crate::site::Site;

/// A folder `run7` with some files, one of them in a folder of its own.
fn run7(folder: &Path) {
    fs::create_dir_all(folder.join("run7/深い/raw")).expect("folders");
    fs::write(folder.join("run7/a.csv"), "1,2\n").expect("a file");
    fs::write(folder.join("run7/empty"), "").expect("a file");
    fs::write(folder.join("run7/深い/raw/測定 1.tif"), vec![7; 70_000]).expect("a file");
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn a_folder_is_sent_under_its_name_and_the_report_is_printed() {
    let site = Site::start().await;
    let folder = site.outside();
    run7(&folder);
    let ended = run(&site, &folder, &with(&["upload", "run7/"], &TRANSACTION)).await.with(0);
    assert!(ended.out.contains("job 1: the gate has taken it"), "{}", ended.out);
    assert!(ended.out.contains("accepted by revision 1"), "{}", ended.out);
    assert!(ended.err.contains("3 files"), "{}", ended.err);
    assert_eq!(site.files(1).await, tree_of(&folder));
    let files = site.get("/api/jobs/1/files").await.json();
    let csv = &files["files"].as_array().expect("files")[0];
    assert_eq!((&csv["path"], &csv["mimetype"]), (&json!("run7/a.csv"), &json!("text/csv")));
    assert!(csv["mtime"].as_str().is_some_and(|mtime| mtime.contains('T')), "{csv}");
}

#[tokio::test]
async fn programs_are_told_in_lines_of_json() {
    let site = Site::start().await;
    let folder = site.outside();
    run7(&folder);
    symlink("a.csv", folder.join("run7/link")).expect("a link");
    let keys = ["--key", "Temp C=27", "--file-key", "run7/**/*.tif:Detector=2", "--json"];
    let ended = run(&site, &folder, &with(&with(&["upload", "run7"], &TRANSACTION), &keys)).await.with(0);
    assert!(ended.event("left_out")["what"].as_str().expect("text").contains("run7/link"), "{}", ended.out);
    assert_eq!(ended.event("validated")["report"]["accepted"], true);
    let sent = ended.event("sent");
    assert_eq!(sent["job_id"], 1);
    let done = ended.event("done");
    assert_eq!((&done["job"]["task"], &done["report"]["accepted"]), (&json!("ingest metadata"), &json!(true)));
    assert!(ended.lines().iter().any(|line| line["event"] == "sending" && line["bytes"] == sent["bytes"]));
    assert_eq!(site.job(1).await["transaction"]["key_values"], json!([{"key": "Temp C", "value": "27"}]));
    let files = site.get("/api/jobs/1/files").await.json();
    let of_file = files["files"].as_array().expect("files").iter().map(|file| file["key_values"].clone());
    let said: Vec<Value> = of_file.filter(|keys| *keys != json!([])).collect();
    assert_eq!(said, [json!([{"key": "Detector", "value": "2"}])]);
}

#[tokio::test]
async fn what_the_rules_reject_is_not_sent() {
    let site = Site::start().await;
    let folder = site.outside();
    run7(&folder);
    let foreign = ["--submitter", "11", "--project", "1234a", "--instrument", "54"];
    let ended = run(&site, &folder, &with(&["upload", "run7"], &foreign)).await.with(4);
    assert!(ended.out.contains("rejected by revision 1"), "{}", ended.out);
    assert!(ended.err.contains("nothing was sent"), "{}", ended.err);
    assert_eq!(site.jobs().await, Vec::<Value>::new());
    // Who does not ask is told afterwards.
    let ended = run(&site, &folder, &with(&["upload", "run7", "--unasked"], &foreign)).await.with(4);
    assert!(ended.out.contains("job 1 has failed in Policy Validation"), "{}", ended.out);
    assert_eq!(site.jobs().await.len(), 1);
}

#[tokio::test]
async fn rows_that_were_written_before_are_sent_along() {
    let site = Site::start().await;
    let folder = site.outside();
    run7(&folder);
    let mut rows = transaction();
    rows.push(json!({"destinationTable": "Files", "name": "a.csv", "subdir": "data/run7", "hashtype": "sha256",
        "mimetype": "text/x-site-own"}));
    fs::write(folder.join("rows.json"), Value::Array(rows).to_string()).expect("a file");
    let args = ["upload", "run7", "--metadata", "rows.json", "--json", "--hash-first"];
    run(&site, &folder, &args).await.with(0);
    let files = site.get("/api/jobs/1/files").await.json();
    let csv = files["files"].as_array().expect("files").iter().find(|file| file["path"] == "run7/a.csv").cloned();
    let csv = csv.expect("the file of the row");
    assert_eq!((&csv["hash_type"], &csv["mimetype"]), (&json!("sha256"), &json!("text/x-site-own")));
    assert_eq!(site.files(1).await, tree_of(&folder));
}

#[tokio::test]
async fn every_way_to_fail_has_its_exit_code() {
    let site = Site::start().await;
    let folder = site.outside();
    run7(&folder);
    fs::create_dir_all(folder.join("other/run7")).expect("a folder");
    fs::write(folder.join("other/run7/a.csv"), "").expect("a file");
    run(&site, &folder, &["upload"]).await.with(2);
    let ended = run(&site, &folder, &["upload", "run7", "other/run7"]).await.with(2);
    assert!(ended.err.contains("would both be data/run7/a.csv"), "{}", ended.err);
    let ended = run(&site, &folder, &["upload", "other/empty", "run7"]).await.with(3);
    assert!(ended.err.contains("other/empty cannot be read"), "{}", ended.err);
    run(&site, &folder, &["upload", "run7", "--file-key", "nothing:a=b"]).await.with(2);
    fs::write(folder.join("rows.json"), "{}").expect("a file");
    run(&site, &folder, &["upload", "run7", "--metadata", "rows.json"]).await.with(2);
    let args = ["upload", "run7", "--url", "127.0.0.1:1"];
    run(&site, &folder, &args).await.with(2);
    // Nobody listens on port 1.
    let nowhere = end(start("http://127.0.0.1:1", &folder, &["upload", "run7"])).await.with(5);
    assert!(nowhere.err.contains("does not answer"), "{}", nowhere.err);
    assert_eq!(site.jobs().await, Vec::<Value>::new());
}

fn tree_of(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    tree(&folder.join("run7")).into_iter().map(|(path, contents)| (format!("run7/{path}"), contents)).collect()
}
