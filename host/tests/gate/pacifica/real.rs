//! Over Pacifica's own UniqueID service and archive interface, fed by its own uploader.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::json;

use super::services::{Server, python};
use super::stand_in::{StandIn, fault};
use super::{run, tool};
use crate::bundle::{Generated, bundle, listed_files, test_data, tree};
use crate::postgres::Database;
use crate::site::{Options, Site};
use crate::wait::PATIENCE;

/// A site that has both services; none where they cannot be had.
async fn site() -> Option<(Site, Server, Server)> {
    let started = tokio::task::spawn_blocking(|| Some((Server::unique_id()?, Server::archive_interface()?)));
    let (ids, archive) = started.await.expect("no panic")?;
    let site = Options::default().env("UNIQUEID_URL", ids.url()).env("ARCHIVEINTERFACE_URL", archive.url());
    Some((site.start().await, ids, archive))
}

/// The variables that a command beside the site is given.
fn surroundings(ids: &Server, archive: &Server) -> Vec<(String, String)> {
    vec![("UNIQUEID_URL".into(), ids.url().into()), ("ARCHIVEINTERFACE_URL".into(), archive.url().into())]
}

/// What an archive interface keeps under the ids of a job's files, by their paths.
async fn kept(site: &Site, archive: &Server, job: u64) -> BTreeMap<String, Vec<u8>> {
    let files = site.get(&format!("/api/jobs/{job}/files")).await.json();
    let files = if files.is_array() { files } else { files["files"].clone() };
    let kept = files.as_array().expect("files").iter().map(|file| {
        let contents = std::fs::read(archive.files().join(file["id"].to_string())).expect("a file under its id");
        (file["path"].as_str().expect("a path").to_owned(), contents)
    });
    kept.collect()
}

#[tokio::test]
async fn an_upload_is_kept_under_the_ids_of_the_site_and_read_back() {
    let Some((site, ids, archive)) = site().await else { return };
    for (job, name) in [(1, "metadata-last"), (2, "japanese-names"), (3, "empty-file")] {
        assert_eq!(site.upload(bundle(name)).await, job, "ids are counted by the service");
        let state = site.wait(job).await;
        assert_eq!(state.state, "OK", "{state:?}");
        assert_eq!(kept(&site, &archive, job).await, listed_files(name), "what the interface keeps");
        assert_eq!(site.files(job).await, listed_files(name), "what the API gives");
    }
    let next = reqwest::get(format!("{}/getid?range=1&mode=upload_job", ids.url())).await.expect("an answer");
    assert_eq!(next.json::<serde_json::Value>().await.expect("ids")["startIndex"], 4);

    let env = surroundings(&ids, &archive);
    let program = env!("CARGO_BIN_EXE_sluice");
    let verified = run(&site, program, &["archive", "verify"], &env).await;
    assert_eq!(verified.code, Some(0), "{}", verified.text);
    let doctor = run(&site, program, &["doctor"], &env).await;
    for what in [ids.url(), archive.url()] {
        assert!(doctor.text.contains(&format!("{what} answers")), "{}", doctor.text);
    }
    // One that lost its contents is found.
    let file = archive.files().join("1");
    std::fs::write(&file, "other").expect("a file to spoil");
    let verified = run(&site, program, &["archive", "verify"], &env).await;
    assert_eq!(verified.code, Some(1), "{}", verified.text);
}

#[tokio::test]
async fn many_uploads_at_once_are_not_mixed_up() {
    let Some((site, _ids, archive)) = site().await else { return };
    let bundles: Vec<_> = (0..12).map(|seed| Generated { files: 4, size: 300_000, seed }).collect();
    let uploads = bundles.iter().map(|generated| site.upload(generated.bytes()));
    let jobs = futures::future::join_all(uploads).await;
    for job in jobs {
        let state = site.wait(job).await;
        assert_eq!(state.state, "OK", "{state:?}");
        // The API compares nothing; the digests of the rows were compared before, so what counts is what is kept.
        assert_eq!(kept(&site, &archive, job).await, site.files(job).await);
        assert_eq!(kept(&site, &archive, job).await.values().map(Vec::len).collect::<Vec<_>>(), [300_000; 4]);
    }
    let sizes: Vec<u64> = std::fs::read_dir(archive.files())
        .expect("a folder")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file").len())
        .collect();
    assert_eq!(sizes, vec![300_000; 48]);
}

#[tokio::test]
async fn a_move_is_made_by_the_interface_itself() {
    let Some((site, _ids, archive)) = site().await else { return };
    let source = site.incoming().join("beamline");
    let mut moved = tree(&test_data().join("move-files"));
    moved.remove("README.md");
    for (path, contents) in &moved {
        let target = source.join(path);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::write(target, contents).expect("a file to move");
    }
    let document = std::fs::read_to_string(test_data().join("move-md.json")).expect("a document");
    let job = site.move_(&document.replace("{SOURCE}", source.to_str().expect("UTF-8"))).await;
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "{state:?}");
    assert_eq!(kept(&site, &archive, job).await, moved);
    assert!(moved.keys().all(|path| !source.join(path).exists()), "the files have left");
}

#[tokio::test]
async fn a_whole_pacifica_stands_behind_the_gate() {
    let Some(database) = Database::create().await else { return };
    let url = database.url().to_owned();
    let start = move || {
        let metadata = Server::metadata(&url)?;
        let policy = Server::policy(metadata.url())?;
        Some((Server::unique_id()?, Server::archive_interface()?, metadata, policy))
    };
    let Some((ids, archive, metadata, policy)) = tokio::task::spawn_blocking(start).await.expect("no panic") else {
        return;
    };
    drop(rustls::crypto::ring::default_provider().install_default());
    fill(&metadata).await;
    let options = Options::default().env("UNIQUEID_URL", ids.url()).env("ARCHIVEINTERFACE_URL", archive.url());
    let options = options.env("METADATA_INGEST_URL", format!("{}/ingest", metadata.url()));
    let options = options.env("POLICY_INGEST_URL", format!("{}/ingest", policy.url()));
    let site = options.policy(r#"{"rules": [], "message": "the policy service alone"}"#).start().await;

    let job = site.upload(bundle("metadata-last")).await;
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "{state:?}");
    let asked = reqwest::get(format!("{}/files?transaction={job}&recursion_depth=0", metadata.url())).await;
    let files: Vec<serde_json::Value> = asked.expect("an answer").json().await.expect("files");
    let mut names: Vec<_> =
        files.iter().map(|file| format!("{}/{}", text(&file["subdir"]), text(&file["name"]))).collect();
    names.sort();
    assert_eq!(names, listed_files("metadata-last").into_keys().collect::<Vec<_>>());

    for (name, task) in [("foreign-submitter", "Policy Validation"), ("lame-mime-type", "ingest metadata")] {
        let job = site.upload(bundle(name)).await;
        let state = site.wait(job).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", task), "{name}: {state:?}");
        let words = ["Invalid values for", "Invalid metadata for file"];
        assert!(words.iter().any(|words| state.exception.contains(words)), "{name}: {state:?}");
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Tells a metadata service who may do what, as the sample bundles have it.
async fn fill(metadata: &Server) {
    let relationship = async |name: &str| {
        let asked = reqwest::get(format!("{}/relationships?name={name}&recursion_depth=0", metadata.url())).await;
        let known: serde_json::Value = asked.expect("an answer").json().await.expect("relationships");
        known[0]["uuid"].clone()
    };
    let (member, custodian) = (relationship("member_of").await, relationship("custodian").await);
    let rows = [
        (
            "users",
            json!([{"_id": 10, "network_id": "jane", "first_name": "Jane", "last_name": "Doe", "middle_initial": "",
            "email_address": "jane@example.org", "encoding": "UTF8"}]),
        ),
        ("projects", json!([{"_id": "1234a", "title": "t", "short_name": "s", "abstract": "a", "encoding": "UTF8"}])),
        (
            "instruments",
            json!([{"_id": 54, "display_name": "i", "name": "i", "name_short": "i", "active": true,
            "encoding": "UTF8"}]),
        ),
        ("project_user", json!([{"project": "1234a", "user": 10, "relationship": member}])),
        ("project_instrument", json!([{"project": "1234a", "instrument": 54, "relationship": member}])),
        ("instrument_user", json!([{"instrument": 54, "user": 10, "relationship": custodian}])),
    ];
    for (table, rows) in rows {
        let put = reqwest::Client::new().put(format!("{}/{table}", metadata.url())).json(&rows).send().await;
        let put = put.expect("an answer");
        assert!(put.status().is_success(), "{table}: {}", put.text().await.unwrap_or_default());
    }
}

#[tokio::test]
async fn a_retry_finds_what_it_has_put_there_before() {
    let started = tokio::task::spawn_blocking(|| Some((Server::unique_id()?, Server::archive_interface()?)));
    let Some((ids, archive)) = started.await.expect("no panic") else { return };
    let metadata = StandIn::start(|number, _| match number {
        0 => fault(StatusCode::BAD_REQUEST, "not yet"),
        _ => (StatusCode::OK, json!({"status": "success"})),
    });
    let metadata = metadata.await;
    let site = Options::default().env("UNIQUEID_URL", ids.url()).env("ARCHIVEINTERFACE_URL", archive.url());
    let site = site.env("METADATA_INGEST_URL", metadata.url()).start().await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    let first = tree(&archive.files());
    let retried = run(&site, env!("CARGO_BIN_EXE_sluice"), &["job", "retry", &job.to_string()], &[]).await;
    assert_eq!(retried.code, Some(0), "{}", retried.text);
    let state = site.wait_for(job, PATIENCE, "it has ended well", |state| state.complete && state.state == "OK").await;
    assert_eq!(state.task, "ingest metadata", "{state:?}");
    assert_eq!(tree(&archive.files()), first, "the same files under the same ids");
}

#[tokio::test]
async fn pacificas_own_uploader_is_served() {
    let Some(interpreter) = tool("python") else { return };
    let Some((site, _ids, archive)) = site().await else { return };
    let script = site.folder().join("upload.py");
    std::fs::write(&script, UPLOADER).expect("a script");
    std::fs::write(site.folder().join("測定.csv"), "1;2;3\n").expect("data");
    let mut command = python(&interpreter, site.folder());
    let (_, port) = site.address().rsplit_once(':').expect("a port");
    command.env("INGEST_ADDR", "127.0.0.1").env("INGEST_PORT", port).env("PYTHONUTF8", "1").arg(&script);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("a program");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let job: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(kept(&site, &archive, job).await, BTreeMap::from([("a/測定.csv".to_owned(), b"1;2;3\n".to_vec())]));
}

/// What somebody would write against the library `pacifica-uploader`: it bundles into a pipe while it uploads, and polls
/// the state until it is complete.
const UPLOADER: &str = r#"
import os, threading, time
from pacifica.uploader.bundler import Bundler
from pacifica.uploader.metadata import MetaData, MetaObj
from pacifica.uploader import Uploader

rows = [('Transactions.submitter', 10), ('Transactions.project', u'1234a'), ('Transactions.instrument', 54)]
metadata = MetaData([MetaObj(destinationTable=table, value=value) for table, value in rows])
path = '測定.csv'
data = [{'name': 'data/a/' + path, 'fileobj': open(path, 'rb'), 'size': os.path.getsize(path),
         'mtime': os.path.getmtime(path)}]
bundler = Bundler(metadata, data)
reading, writing = os.pipe()

def bundle():
    with os.fdopen(writing, 'wb') as pipe:
        bundler.stream(pipe)

thread = threading.Thread(target=bundle)
thread.start()
uploader = Uploader()
job = uploader.upload(os.fdopen(reading, 'rb'))
thread.join()
while True:
    state = uploader.getstate(job)
    if state['state'] != 'OK' or (state['task'] == 'ingest metadata' and int(float(state['task_percent'])) == 100):
        break
    time.sleep(0.05)
assert state['state'] == 'OK', state
print(job)
"#;
