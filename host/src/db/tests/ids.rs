use std::collections::HashSet;

use super::*;
use crate::db::IdMode;
use crate::model::{FileId, Stage};

on_both! {
    async fn ids_count_from_1_for_jobs_and_files_each(place) {
        let db = place.db().await;
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 1..2);
        assert_eq!(db.take_ids(IdMode::Job, 3).await.unwrap(), 2..5);
        assert_eq!(db.take_ids(IdMode::File, 2).await.unwrap(), 1..3);
        assert_eq!(db.take_ids(IdMode::File, 0).await.unwrap(), 3..3);
    }

    async fn a_job_can_be_made_with_the_next_id_and_is_not_where_another_has_it(place) {
        let db = place.db().await;
        let new = NewJob { kind: JobKind::Move, user: "ada", owner: "http", now: at(0), lease_until: at(30) };
        assert_eq!(db.create_counted_job(new).await.unwrap(), JobId::new(1));
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 2..3);
        let made = db.create_counted_job(new).await.unwrap();
        let job = db.get_job(made).await.unwrap().unwrap();
        assert_eq!((job.id, job.kind, job.stage), (JobId::new(3), JobKind::Move, Stage::Receiving));
        assert_eq!((job.user.as_str(), job.created), ("ada", at(0)));
        receiving(&db, 4).await;
        assert!(db.create_counted_job(new).await.unwrap_err().is_taken());
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 4..5, "what was not made took no id");
    }

    async fn no_two_callers_get_the_same_id(place) {
        let db = place.db().await;
        let other = place.open().await;
        let takers: Vec<_> = (0..40)
            .map(|number| {
                let db = if number % 2 == 0 { db.clone() } else { other.clone() };
                tokio::spawn(async move { db.take_ids(IdMode::File, 5).await.unwrap() })
            })
            .collect();
        let mut seen = HashSet::new();
        for taker in takers {
            for id in taker.await.unwrap() {
                assert!(seen.insert(id), "{id} twice");
            }
        }
        assert_eq!(seen.len(), 200);
    }

    async fn the_files_of_a_job_keep_their_ids_when_the_job_runs_again(place) {
        let db = place.db().await;
        let given = db.give_file_ids(JobId::new(1), 3, true).await.unwrap();
        assert_eq!(given, [1, 2, 3].map(FileId::new));
        assert_eq!(db.give_file_ids(JobId::new(2), 1, false).await.unwrap(), [FileId::new(4)]);
        assert_eq!(db.give_file_ids(JobId::new(1), 3, true).await.unwrap(), given);
        assert_eq!(db.file_ids(JobId::new(1)).await.unwrap(), Some(given.clone()));
        // A second run that has not looked loses what it took.
        assert_eq!(db.keep_file_ids(JobId::new(1), 50..53).await.unwrap(), given);
        assert_eq!(db.file_ids(JobId::new(9)).await.unwrap(), None);
        assert_eq!(db.give_file_ids(JobId::new(3), 0, false).await.unwrap(), []);
    }
}
