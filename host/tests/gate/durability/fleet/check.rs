//! Compares what was promised with what is there. It knows what was sent and what was answered, and reads what the
//! servers keep: objects, rows, folders.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection as _, PgConnection, Row as _};

use super::load::{Load, Parcel, moved_files};
use super::{Fleet, SETTLED};
use crate::bundle::{Generated, paths};
use crate::site::JobState;
use crate::wait::{PATIENCE, until, until_or_not};

/// The files of the metadata store, each beside its place in the archive. A file that has no place, or is there twice, is
/// one row too few or too many.
const ROWS: &str = "SELECT files.job_id AS job, files.path, files.size FROM files
                    JOIN archive_files USING (file_id) JOIN transactions ON transactions.job_id = files.job_id
                    WHERE archive_files.archived_at IS NOT NULL";
const JOBS: &str = "SELECT id, stage, task FROM jobs";

/// Every job that was promised ended once and as it should, and the archive and the metadata store have what it brought,
/// and nothing else. Answers the jobs that were rejected.
pub(super) async fn every_promise_is_kept(fleet: &Fleet, load: &Load) -> BTreeSet<String> {
    let promised = load.promised();
    let jobs: BTreeSet<u64> = promised.iter().map(|(_, _, job)| *job).collect();
    assert_eq!(jobs.len(), promised.len(), "two parcels were promised one job");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");

    let (mut objects, mut rows, mut rejected) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for (number, parcel, job) in &promised {
        let url = format!("{}/get_state?job_id={job}", fleet.address());
        let state = until(SETTLED, &format!("job {job} is complete"), || async {
            let answer = client.get(&url).send().await.ok()?;
            let state: JobState = answer.json().await.ok()?;
            state.complete.then_some(state)
        })
        .await;
        let end = (state.state.as_str(), state.task.as_str());
        if *parcel == Parcel::Foreign {
            assert_eq!(end, ("FAILED", "Policy Validation"), "{parcel:?}: {state:?}");
            rejected.insert(job.to_string());
            continue;
        }
        assert_eq!(end, ("OK", "ingest metadata"), "{parcel:?}: {state:?}");
        let place = format!("1234a/54/{}/{}/{job}", &state.created[0..4], &state.created[5..7]);
        for (path, contents) in files(*parcel) {
            rows.insert((*job as i64, path.clone(), contents.len() as i64));
            objects.insert(format!("{place}/{path}"), contents);
        }
        if *parcel == Parcel::Move {
            assert_eq!(paths(&load.source(*number)), BTreeSet::new(), "the originals of a move are gone");
        }
    }

    let there = fleet.objects.contents();
    let names = |objects: &BTreeMap<String, Vec<u8>>| objects.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&there), names(&objects), "what the archive has, and what it should have");
    for (name, contents) in &objects {
        assert!(there[name] == *contents, "{name} has other contents");
    }

    let mut database = PgConnection::connect(&fleet.postgres.url()).await.expect("a connection");
    let found = sqlx::query(ROWS).fetch_all(&mut database).await.expect("rows");
    let mut found: Vec<(i64, String, i64)> =
        found.iter().map(|row| (row.get("job"), row.get("path"), row.get("size"))).collect();
    found.sort();
    assert_eq!(found, Vec::from_iter(rows), "what the metadata store has, and what it should have");
    for row in sqlx::query(JOBS).fetch_all(&mut database).await.expect("rows") {
        // An attempt whose gate died under it: it has made nothing.
        let (job, stage, task): (i64, String, String) = (row.get("id"), row.get("stage"), row.get("task"));
        if !jobs.contains(&(job as u64)) {
            assert_eq!((stage.as_str(), task.as_str()), ("done", "UPLOADING"), "job {job} was promised to nobody");
        }
    }

    println!(
        "{} bundles: {} files archived, {} rejected; {} requests were put off, {} got no answer",
        promised.len(),
        objects.len(),
        rejected.len(),
        load.refused(),
        load.lost()
    );
    rejected
}

/// What was rejected is kept in the spool for a second try; of all else nothing is, there or in the store.
pub(super) async fn nothing_is_left_over(fleet: &Fleet, rejected: &BTreeSet<String>) {
    let mut database = PgConnection::connect(&fleet.postgres.url()).await.expect("a connection");
    let known = sqlx::query(JOBS).fetch_all(&mut database).await.expect("rows");
    let known: BTreeSet<String> = known.iter().map(|row| row.get::<i64, _>("id").to_string()).collect();
    let mut extra = BTreeSet::new();
    let cleared = until_or_not(PATIENCE, || {
        let folders = std::fs::read_dir(fleet.spool()).expect("a folder");
        let names = folders.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let kept: BTreeSet<String> = names.filter(|name| name.parse::<u64>().is_ok()).collect();
        assert!(kept.is_superset(rejected), "a rejected bundle is not there to be tried again");
        // The database may have lost the row of an upload with its last moment before a crash, of which nothing was
        // promised; a folder that no row knows goes when it is an hour old.
        extra = kept.difference(rejected).filter(|job| known.contains(*job)).cloned().collect();
        extra.is_empty()
    })
    .await;
    assert!(cleared, "the spool has these besides what was rejected: {extra:?}");
    let mut unfinished = Vec::new();
    let finished = until_or_not(PATIENCE, || {
        unfinished = fleet.objects.unfinished();
        unfinished.is_empty()
    })
    .await;
    assert!(finished, "the store has uploads that nobody ended: {unfinished:?}");
}

/// What a parcel's job leaves in the archive.
fn files(parcel: Parcel) -> BTreeMap<String, Vec<u8>> {
    match parcel {
        Parcel::Good(generated) => contents(generated),
        Parcel::Move => moved_files(),
        Parcel::Foreign => BTreeMap::new(),
    }
}

/// The files of a generated bundle, as the tar has them.
fn contents(generated: Generated) -> BTreeMap<String, Vec<u8>> {
    let bytes = generated.bytes();
    let mut archive = tar::Archive::new(&bytes[..]);
    let entries = archive.entries().expect("a tar").map(|entry| entry.expect("a member"));
    entries
        .filter_map(|mut entry| {
            let path = entry.path().expect("a path").to_str().expect("UTF-8").strip_prefix("data/")?.to_owned();
            let mut contents = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut contents).expect("contents");
            Some((path, contents))
        })
        .collect()
}
