use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::db::arg::args;
use crate::db::{Durability, JobFacts};
use crate::model::Change;

/// The jobs that have changed since, and the number to go on from.
async fn since(db: &Db, after: Change) -> (Vec<i64>, Change) {
    let changes = db.changes_after(after, 100).await.unwrap();
    let to = changes.last().map_or(after, |(change, _)| *change);
    (changes.into_iter().map(|(_, job)| job.id.get()).collect(), to)
}

on_both! {
    async fn what_a_client_can_see_is_a_change_and_the_renewal_of_a_lease_is_none(place) {
        let db = place.db().await;
        let mut at = db.newest_change().await.unwrap();
        let id = receiving(&db, 1).await;
        let mut changed = async |what: &str| {
            let (jobs, to) = since(&db, at).await;
            assert!(jobs == [1] && to > at, "{what}: {jobs:?}, {to} after {at}");
            assert_eq!(db.job_and_change(id).await.unwrap().unwrap().0, to, "{what}");
            at = to;
        };
        changed("made").await;
        took(&db, id, "http", at_second(1), 10, 2).await.unwrap();
        changed("received").await;
        let claim = db.claim(id, "worker", at_second(2), at_second(60)).await.unwrap().unwrap();
        changed("claimed").await;
        db.advance(id, claim.epoch, at_second(3), to(Task::OpenTar, &[])).await.unwrap();
        changed("advanced").await;
        db.progress(id, claim.epoch, at_second(4), 50.0).await.unwrap();
        changed("come on").await;
        let described = Advance { facts: Some(JobFacts::default()), ..to(Task::PolicyValidation, &[]) };
        db.advance(id, claim.epoch, at_second(4), described).await.unwrap();
        changed("described").await;
        db.cancel_job(id, at_second(5), "by hand").await.unwrap();
        changed("cancelled").await;

        let (id, _) = running(&db, 2).await;
        let (_, at) = since(&db, at).await;
        assert_eq!(db.heartbeat("worker", &[id], at_second(90)).await.unwrap(), [id]);
        assert_eq!(since(&db, at).await.0, Vec::<i64>::new());
    }

    async fn a_reader_goes_on_where_it_was_and_sees_each_job_as_it_is_now(place) {
        let db = place.db().await;
        let start = db.newest_change().await.unwrap();
        for id in 1..=5 {
            waiting(&db, id).await;
        }
        db.cancel_job(JobId::new(2), at_second(5), "by hand").await.unwrap();
        let first = db.changes_after(start, 3).await.unwrap();
        assert_eq!(first.iter().map(|(_, job)| job.id.get()).collect::<Vec<_>>(), [1, 3, 4]);
        let rest = db.changes_after(first[2].0, 3).await.unwrap();
        assert_eq!(rest.iter().map(|(_, job)| job.id.get()).collect::<Vec<_>>(), [5, 2]);
        assert_eq!(rest[1].1.exception, "by hand");
        assert_eq!(db.newest_change().await.unwrap().max(rest[1].0), db.newest_change().await.unwrap());
    }

    /// Writers hold their transactions open for a while and end them in any order, while a reader goes on and on.
    async fn transactions_that_end_in_another_order_than_they_began_hide_nothing_from_a_reader(place) {
        const JOBS: i64 = 6;
        const ROUNDS: i64 = 40;
        let db = place.db().await;
        for id in 1..=JOBS {
            waiting(&db, id).await;
        }
        let mut at = Change::new(0);
        let writers: Vec<_> = (1..=JOBS)
            .map(|id| {
                let db = db.clone();
                tokio::spawn(async move {
                    for round in 1..=ROUNDS {
                        let mut session = db.begin(Durability::Relaxed).await.unwrap();
                        let set = "UPDATE jobs SET percent = $2 WHERE id = $1";
                        session.execute(set, args![JobId::new(id), round as f64]).await.unwrap();
                        // Some soon, some late: on SQLite, where they take turns, this costs time and shows nothing.
                        let pause = if db_is_sqlite(&db) { 0 } else { (id * 7 + round * 5) % 11 };
                        tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
                        session.commit().await.unwrap();
                    }
                })
            })
            .collect();
        let mut seen = BTreeMap::new();
        loop {
            // Asked before the reader reads, so that it reads once more after the last writer.
            let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
            for (change, job) in db.changes_after(at, 2).await.unwrap() {
                assert!(change >= at, "{change} after {at}");
                at = change;
                seen.insert(job.id.get(), job.percent);
            }
            if over && db.changes_after(at, 2).await.unwrap().is_empty() {
                break;
            }
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let last: BTreeMap<_, _> = (1..=JOBS).map(|id| (id, ROUNDS as f64)).collect();
        assert_eq!(seen, last);
    }
}

/// `at`, where that is a change.
fn at_second(seconds: i64) -> Timestamp {
    at(seconds)
}

fn db_is_sqlite(db: &Db) -> bool {
    matches!(db.pools, crate::db::Pools::Sqlite { .. })
}

#[tokio::test]
async fn a_change_waits_for_those_that_began_before_it() {
    let Some(place) = Place::postgres().await else { return };
    let db = place.db().await;
    for id in 1..=2 {
        waiting(&db, id).await;
    }
    let (_, at) = since(&db, Change::new(0)).await;
    let mut early = db.begin(Durability::Relaxed).await.unwrap();
    early.execute("UPDATE jobs SET percent = 5 WHERE id = 1", &[]).await.unwrap();
    db.cancel_job(JobId::new(2), at_second(5), "by hand").await.unwrap();
    // The later one could be told, but then who goes on from there would never hear of the earlier one.
    assert_eq!(since(&db, at).await, (vec![], at));
    early.commit().await.unwrap();
    assert_eq!(since(&db, at).await.0, [1, 2]);
}

#[tokio::test]
async fn numbers_go_on_in_a_database_that_was_put_back_into_another_server() {
    let Some(place) = Place::postgres().await else { return };
    let db = place.db().await;
    waiting(&db, 1).await;
    // The transactions of the server that it comes from were counted far beyond those of this one.
    let far = "UPDATE job_changes SET change = change + 1000000000000";
    db.write().await.unwrap().execute(far, &[]).await.unwrap();
    db.sync(at(1)).await.unwrap();
    let at = db.newest_change().await.unwrap();
    assert!(at > db.job_and_change(JobId::new(1)).await.unwrap().unwrap().0);
    waiting(&db, 2).await;
    assert_eq!(since(&db, at).await.0, [2]);
    // Once is enough.
    db.sync(at_second(2)).await.unwrap();
    assert_eq!(since(&db, at).await.0, [2]);
}
