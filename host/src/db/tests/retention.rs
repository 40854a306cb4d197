use super::*;
use crate::db::{Finish, Forgotten};
use crate::model::{Revision, State, Task};

/// A job that was judged in second 3 and ended at this one.
async fn ended(db: &Db, id: i64, second: i64) -> JobId {
    let (id, claim) = running(db, id).await;
    db.put_report(&report(id, 1), claim.epoch, at(second - 1)).await.unwrap();
    let (state, task, revision) = (State::Ok, Task::IngestMetadata, Some(Revision::new(1)));
    let end = Finish { state, task, percent: 100.0, exception: "", steps: &[], revision, facts: None };
    db.finish(id, claim.epoch, at(second), end).await.unwrap().flush().await.unwrap();
    id
}

on_both! {
    async fn old_reports_go_in_batches_and_their_jobs_stay(place) {
        let (db, other) = (place.db().await, place.open().await);
        for id in 1..=5 {
            ended(&db, id, 10).await;
        }
        let young = ended(&db, 6, 100).await;
        // Judged as long ago, and not ended.
        let (open, claim) = running(&db, 7).await;
        db.put_report(&report(open, 1), claim.epoch, at(3)).await.unwrap();

        assert_eq!(db.forget_reports(at(9), 10).await.unwrap(), 0);
        assert_eq!(db.forget_reports(at(50), 2).await.unwrap(), 2);
        // Two processes at the same time forget each report once.
        let (one, two) = tokio::join!(db.forget_reports(at(50), 10), other.forget_reports(at(50), 10));
        assert_eq!(one.unwrap() + two.unwrap(), 3);
        for id in 1..=5 {
            let job = db.get_job(JobId::new(id)).await.unwrap().expect("the job stays");
            assert!(job.complete() && job.revision == Some(Revision::new(1)));
            assert_eq!(db.get_report(job.id).await.unwrap(), None);
        }
        for id in [young, open] {
            assert!(db.get_report(id).await.unwrap().is_some(), "the report of {id}");
        }
    }

    async fn old_jobs_go_oldest_first_and_what_is_open_of_one_keeps_it(place) {
        let db = place.db().await;
        for id in 1..=4 {
            ended(&db, id, 10).await;
        }
        waiting(&db, 5).await;
        let part = ended(&db, 6, 10).await;
        db.upload_begun(part, "a", "b", at(4)).await.unwrap();
        let newest = ended(&db, 7, 100).await;
        let there = async || {
            let filter = crate::db::JobFilter { limit: 50, ..Default::default() };
            let jobs = db.list_jobs(&filter).await.unwrap();
            jobs.iter().map(|job| job.id.get()).collect::<Vec<_>>()
        };
        assert_eq!(db.forget_jobs(at(9), None, 10).await.unwrap(), Forgotten { jobs: 0, next: None });
        let first = db.forget_jobs(at(50), None, 3).await.unwrap();
        assert_eq!(first, Forgotten { jobs: 3, next: Some(JobId::new(3)) });
        assert_eq!(there().await, [7, 6, 5, 4]);
        assert_eq!(db.forget_jobs(at(50), first.next, 10).await.unwrap(), Forgotten { jobs: 1, next: None });
        assert_eq!(there().await, [7, 6, 5]);
        assert_eq!(db.get_report(JobId::new(1)).await.unwrap(), None);
        assert_eq!(db.job_and_change(JobId::new(1)).await.unwrap(), None);

        db.upload_ended(part, "b").await.unwrap();
        // The one that changed last stays, so that no listener's number is given once more.
        let last = db.newest_change().await.unwrap();
        assert_eq!(db.forget_jobs(at(500), None, 10).await.unwrap().jobs, 1);
        assert_eq!(there().await, [newest.get(), 5]);
        ended(&db, 8, 600).await;
        assert!(db.changes_after(last, 10).await.unwrap().iter().any(|(change, job)| *change > last && job.id.get() == 8));
    }

    async fn jobs_younger_than_all_that_is_forgotten_are_not_looked_through(place) {
        let db = place.db().await;
        for id in 1..=6 {
            ended(&db, id, 10).await;
        }
        // Made in second 0, so none is older than the moment before it.
        assert_eq!(db.forget_jobs(at(0), None, 2).await.unwrap(), Forgotten { jobs: 0, next: None });
        let look = db.forget_jobs(at(1), None, 2).await.unwrap();
        assert_eq!(look, Forgotten { jobs: 0, next: Some(JobId::new(2)) });
    }

    async fn keys_of_requests_go_in_batches(place) {
        let db = place.db().await;
        for id in 1..=5 {
            let (key, id) = (id.to_string(), JobId::new(id));
            let new = NewJob { kind: JobKind::Upload, user: "ada", owner: "http", now: at(0), lease_until: at(30) };
            db.create_job_once(id, new, &key).await.unwrap();
        }
        assert_eq!(db.forget_keys(at(0), 10).await.unwrap(), 0);
        assert_eq!(db.forget_keys(at(1), 3).await.unwrap(), 3);
        assert_eq!(db.forget_keys(at(1), 3).await.unwrap(), 2);
    }
}
