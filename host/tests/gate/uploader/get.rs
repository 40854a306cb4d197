//! `sluice get`.

use std::collections::BTreeMap;
use std::fs;

use super::command::run;
use crate::bundle::{bundle, listed_files, tree};
use crate::site::Site;

#[tokio::test]
async fn the_files_of_a_job_come_back_as_they_were_sent() {
    let site = Site::start().await;
    let job = site.upload(bundle("japanese-names")).await;
    site.wait(job).await;
    let folder = site.outside();
    let ended = run(&site, &folder, &["get", "1"]).await.with(0);
    assert!(ended.out.contains("fetched to 1; all are what was sent"), "{}", ended.out);
    assert_eq!(tree(&folder.join("1")), listed_files("japanese-names"));
    // Run again, it finds its work done.
    let ended = run(&site, &folder, &["get", "1", "--json"]).await.with(0);
    let told: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    let files = told["files"].as_array().expect("files");
    assert!(!files.is_empty() && files.iter().all(|file| file["fetched"] == false), "{told}");
}

#[tokio::test]
async fn a_file_that_came_in_part_is_gone_on_with() {
    let site = Site::start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    let listed = listed_files("metadata-last");
    let folder = site.outside();
    for (path, keep) in [("scan/001.csv", 7), ("scan/002.csv", 1_000)] {
        let part = folder.join("back").join(format!("{path}.sluice-part"));
        fs::create_dir_all(part.parent().expect("a folder")).expect("a folder");
        // The second is longer than its file: the beginning of another one.
        let mut contents = listed[path].clone();
        contents.resize(keep, b'x');
        fs::write(part, contents).expect("a part");
    }
    run(&site, &folder, &["get", "1", "--out", "back"]).await.with(0);
    assert_eq!(tree(&folder.join("back")), listed);
}

#[tokio::test]
async fn a_part_of_something_else_is_found_by_the_hash_and_fetched_anew_at_the_next_try() {
    let site = Site::start().await;
    let job = site.upload(bundle("metadata-last")).await;
    site.wait(job).await;
    let folder = site.outside();
    let part = folder.join("1/scan/001.csv.sluice-part");
    fs::create_dir_all(part.parent().expect("a folder")).expect("a folder");
    fs::write(&part, "another").expect("a part");
    let ended = run(&site, &folder, &["get", "1"]).await.with(1);
    assert!(ended.err.contains("scan/001.csv is not what was sent"), "{}", ended.err);
    run(&site, &folder, &["get", "1"]).await.with(0);
    assert_eq!(tree(&folder.join("1")), listed_files("metadata-last"));
}

#[tokio::test]
async fn nothing_is_overwritten_and_what_is_not_there_is_said_to_be_so() {
    let site = Site::start().await;
    let good = site.upload(bundle("metadata-last")).await;
    let bad = site.upload(bundle("foreign-submitter")).await;
    site.wait(good).await;
    site.wait(bad).await;
    let folder = site.outside();
    fs::create_dir_all(folder.join("1/scan")).expect("a folder");
    fs::write(folder.join("1/scan/001.csv"), "mine").expect("a file");
    let ended = run(&site, &folder, &["get", "1"]).await.with(4);
    assert!(ended.err.contains("1/scan/001.csv is there already"), "{}", ended.err);
    assert_eq!(tree(&folder.join("1")), BTreeMap::from([("scan/001.csv".to_owned(), b"mine".to_vec())]));
    run(&site, &folder, &["get", "2"]).await.with(3);
    run(&site, &folder, &["get", "99"]).await.with(3);
}
