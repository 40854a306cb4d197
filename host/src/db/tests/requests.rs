use super::*;
use crate::db::Created;

fn new(user: &'static str) -> NewJob<'static> {
    NewJob { kind: JobKind::Upload, user, owner: "http", now: at(0), lease_until: at(30) }
}

/// The job that ada's key stands for.
async fn known(db: &Db) -> Option<JobId> {
    db.job_of_key("ada", "k").await.unwrap().map(|job| job.id)
}

on_both! {
    async fn a_key_stands_for_one_job_of_one_user(place) {
        let db = place.db().await;
        assert_eq!(known(&db).await, None);
        assert_eq!(db.create_job_once(JobId::new(1), new("ada"), "k").await.unwrap(), Created::Now);
        assert_eq!(db.create_job_once(JobId::new(2), new("ada"), "k").await.unwrap(), Created::Before(JobId::new(1)));
        assert_eq!(db.get_job(JobId::new(2)).await.unwrap(), None);
        assert_eq!(known(&db).await, Some(JobId::new(1)));
        assert_eq!(db.create_job_once(JobId::new(3), new("bob"), "k").await.unwrap(), Created::Now);
        assert_eq!(db.create_job_once(JobId::new(4), new("ada"), "l").await.unwrap(), Created::Now);
    }

    async fn of_requests_that_come_together_one_makes_the_job(place) {
        let db = place.db().await;
        let racing = (1..=8).map(|id| {
            let db = db.clone();
            async move { db.create_job_once(JobId::new(id), new("ada"), "k").await.unwrap() }
        });
        let made = futures::future::join_all(racing).await;
        assert_eq!(made.iter().filter(|made| **made == Created::Now).count(), 1, "{made:?}");
        let one = known(&db).await.unwrap();
        assert!(made.iter().all(|made| matches!(made, Created::Now) || *made == Created::Before(one)), "{made:?}");
    }

    async fn a_job_whose_bytes_were_lost_frees_its_key_and_a_failed_one_does_not(place) {
        let db = place.db().await;
        db.create_job_once(JobId::new(1), new("ada"), "k").await.unwrap();
        db.job_lost_upload(JobId::new(1), at(1), "gone").await.unwrap();
        assert_eq!(known(&db).await, None);
        assert_eq!(db.create_job_once(JobId::new(2), new("ada"), "k").await.unwrap(), Created::Now);
        took(&db, JobId::new(2), "http", at(2), 1, 1).await.unwrap();
        db.cancel_job(JobId::new(2), at(3), "by hand").await.unwrap();
        assert_eq!(known(&db).await, Some(JobId::new(2)));
    }

    async fn old_keys_are_forgotten(place) {
        let db = place.db().await;
        db.create_job_once(JobId::new(1), new("ada"), "k").await.unwrap();
        assert_eq!(db.forget_keys(at(0), 9).await.unwrap(), 0);
        assert_eq!(db.forget_keys(at(1), 9).await.unwrap(), 1);
        assert_eq!(known(&db).await, None);
    }
}
