//! Compares what was promised with what is there. It knows what was sent and what was answered, and reads what the
//! servers keep (files or objects, rows, folders), by itself and by no code of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::StreamExt as _;
use sha1::{Digest as _, Sha1};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, FromRow};

use super::load::Load;
use super::parcel::{How, Thing, moved_files};
use crate::bundle::{paths, tree};
use crate::site::JobState;
use crate::wait::{PATIENCE, until, until_or_not};

/// How long all jobs may take to end after the last fault.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(300);
/// States that are asked for at a time.
const AT_ONCE: usize = 8;

/// The files of the metadata store, each beside its place in the archive. A file that has no place, or is there twice, is
/// one row too few or too many.
const ROWS: &str = "SELECT files.job_id, files.path, files.size FROM files
                    JOIN archive_files USING (file_id) JOIN transactions ON transactions.job_id = files.job_id
                    WHERE archive_files.archived_at IS NOT NULL";
/// Places that were given to a file and are not filled, or belong to no transaction.
const STRAY_PLACES: &str = "SELECT location FROM archive_files
                            WHERE archived_at IS NULL OR job_id NOT IN (SELECT job_id FROM transactions)";
const JOBS: &str = "SELECT id, user_name, stage, state, task FROM jobs";

/// The database of a site, asked plainly.
pub(super) enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    pub(super) async fn postgres(url: &str) -> Self {
        Self::Postgres(PgConnection::connect(url).await.expect("a connection"))
    }

    pub(super) async fn sqlite(file: &Path) -> Self {
        let url = format!("sqlite://{}?mode=rw", file.display());
        Self::Sqlite(SqliteConnection::connect(&url).await.expect("a connection"))
    }

    pub(super) async fn rows<T>(&mut self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await,
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await,
        }
        .expect("rows")
    }
}

/// A job as its row has it.
struct Job {
    id: u64,
    user: String,
    end: (String, String),
}

async fn jobs(database: &mut Database) -> Vec<Job> {
    let rows: Vec<(i64, String, String, String, String)> = database.rows(JOBS).await;
    let job = |(id, user, stage, state, task): (i64, String, String, String, String)| {
        assert_eq!(stage, "done", "job {id} has not ended");
        Job { id: id as u64, user, end: (state, task) }
    };
    rows.into_iter().map(job).collect()
}

/// Every job that was promised ended once and as it should, and the archive and the metadata store have what it brought,
/// and nothing else. Answers the jobs whose bundles were at fault.
///
/// `archive` answers everything that is in the archive, by its place.
pub(super) async fn every_promise_is_kept(
    address: &str,
    database: &mut Database,
    archive: impl FnOnce() -> BTreeMap<String, Vec<u8>>,
    load: &Load,
) -> BTreeSet<String> {
    let settled = std::time::Instant::now();
    loop {
        let left: Vec<(i64,)> = database.rows("SELECT COUNT(*) FROM jobs WHERE stage <> 'done'").await;
        if left[0].0 == 0 {
            break;
        }
        assert!(settled.elapsed() < SETTLED, "after {SETTLED:?} {} jobs have not ended", left[0].0);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let promised = load.promised();
    let ids: BTreeSet<u64> = promised.iter().map(|(_, _, job)| *job).collect();
    assert_eq!(ids.len(), promised.len(), "two parcels were promised one job");
    let client = &reqwest::Client::builder().no_proxy().build().expect("a client");
    let state = async |job: u64| {
        let url = format!("{address}/get_state?job_id={job}");
        let answer = client.get(&url).send().await.expect("an answer");
        answer.json::<JobState>().await.unwrap_or_else(|error| panic!("job {job} is not known any more: {error}"))
    };

    let mut by_user: BTreeMap<String, Vec<Job>> = BTreeMap::new();
    for job in jobs(database).await {
        by_user.entry(job.user.clone()).or_default().push(job);
    }
    let (mut objects, mut rows, mut at_fault) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let (mut attempts, mut archived) = (0, Vec::new());
    for (number, parcel, promised) in &promised {
        let jobs = by_user.remove(&Load::user(*number)).unwrap_or_default();
        assert!(jobs.iter().any(|job| job.id == *promised), "{parcel:?}: job {promised} is not there any more");
        let (wanted, task, reason) = parcel.thing.end();
        let mut done = Vec::new();
        for job in jobs {
            let (said, at) = (job.end.0.as_str(), job.end.1.as_str());
            if job.id != *promised && (said, at) == ("FAILED", "UPLOADING") {
                // An attempt whose gate died under it: it has made nothing.
                attempts += 1;
            } else if parcel.how == How::Bare
                && matches!(parcel.thing, Thing::Move(_))
                && (said, at) == ("FAILED", "move files")
            {
                // The files were gone, with another attempt.
                attempts += 1;
            } else {
                assert!(job.id == *promised || parcel.how == How::Bare, "{parcel:?} became job {} as well", job.id);
                assert_eq!((said, at), (wanted, task), "job {}: {parcel:?}", job.id);
                done.push(job.id);
            }
        }
        match parcel.thing {
            Thing::Move(root) => {
                assert_eq!(done.len(), 1, "{parcel:?} was not moved once: {done:?}");
                assert_eq!(paths(&load.source(*number, root)), BTreeSet::new(), "the originals of a move are gone");
            }
            Thing::LameMove(root) => {
                assert_eq!(tree(&load.source(*number, root)), moved_files(), "what was refused is back in its place");
            }
            _ => {}
        }
        if wanted == "OK" {
            archived.extend(done.into_iter().map(|job| (job, *parcel)));
        } else {
            at_fault.extend(done.iter().map(ToString::to_string));
            let exception = state(*promised).await.exception;
            assert!(exception.contains(reason), "{parcel:?} failed for another reason: {exception}");
        }
    }
    let left: Vec<&Job> = by_user.values().flatten().filter(|job| job.end.1 != "UPLOADING").collect();
    assert!(left.is_empty(), "jobs that no parcel knows: {:?}", left.iter().map(|job| job.id).collect::<Vec<_>>());

    let states = archived.into_iter().map(|(job, parcel)| async move { (job, parcel, state(job).await) });
    let mut states = futures::stream::iter(states).buffer_unordered(AT_ONCE);
    while let Some((job, parcel, state)) = states.next().await {
        assert_eq!((state.state.as_str(), state.task_percent.as_str()), ("OK", "100.00000"), "{state:?}");
        let place = format!("1234a/54/{}/{}/{job}", &state.created[0..4], &state.created[5..7]);
        for (path, contents) in parcel.thing.archived() {
            rows.insert((job as i64, path.clone(), contents.len() as i64));
            objects.insert(format!("{place}/{path}"), Sha1::digest(&contents));
        }
    }
    let there: BTreeMap<_, _> = archive().into_iter().map(|(name, contents)| (name, Sha1::digest(&contents))).collect();
    let names = |objects: &BTreeMap<String, _>| objects.keys().cloned().collect::<BTreeSet<_>>();
    let (has, should) = (names(&there), names(&objects));
    let (more, lacks) = (has.difference(&should).collect::<Vec<_>>(), should.difference(&has).collect::<Vec<_>>());
    assert!(more.is_empty() && lacks.is_empty(), "the archive has {more:?} and lacks {lacks:?}");
    for (name, contents) in &objects {
        assert!(there[name] == *contents, "{name} has other contents");
    }

    let mut found: Vec<(i64, String, i64)> = database.rows(ROWS).await;
    found.sort();
    assert_eq!(found, Vec::from_iter(rows), "what the metadata store has, and what it should have");
    let strays: Vec<(String,)> = database.rows(STRAY_PLACES).await;
    assert_eq!(strays, [], "places that nobody has filled or given up");
    println!(
        "{} bundles: {} files archived, {} at fault; {attempts} attempts came to nothing, {} requests were put off, \
         {} got no answer",
        promised.len(),
        objects.len(),
        at_fault.len(),
        load.refused(),
        load.lost()
    );
    at_fault
}

/// The spool has nothing but what is `kept` for a second try.
pub(super) async fn the_spool_is_empty(spool: &Path, kept: &BTreeSet<String>) {
    let mut extra = BTreeSet::new();
    let cleared = until_or_not(PATIENCE, || {
        let folders = std::fs::read_dir(spool).expect("a folder");
        let names = folders.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let there: BTreeSet<String> = names.filter(|name| name.parse::<u64>().is_ok()).collect();
        assert!(there.is_superset(kept), "a bundle at fault is not there to be tried again");
        extra = there.difference(kept).cloned().collect();
        extra.is_empty()
    })
    .await;
    assert!(cleared, "the spool has these besides what is kept: {extra:?}");
}

/// No upload in parts is left once they have had their time, and nothing lies aside.
pub(super) async fn nothing_is_left_aside(spool: &Path, archive: &Path) {
    for folder in [spool.join("uploads"), archive.join(".incoming")] {
        until(PATIENCE, &format!("{} is empty", folder.display()), || async {
            paths(&folder).is_empty().then_some(())
        })
        .await;
    }
}
