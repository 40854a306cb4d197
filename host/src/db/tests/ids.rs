use std::collections::HashSet;

use super::*;
use crate::db::IdMode;
use crate::model::FileId;

on_both! {
    async fn ids_count_from_1_for_jobs_and_files_each(place) {
        let db = place.db().await;
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 1..2);
        assert_eq!(db.take_ids(IdMode::Job, 3).await.unwrap(), 2..5);
        assert_eq!(db.take_ids(IdMode::File, 2).await.unwrap(), 1..3);
        assert_eq!(db.take_ids(IdMode::File, 0).await.unwrap(), 3..3);
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
        let given = db.keep_file_ids(JobId::new(1), 1..4).await.unwrap();
        assert_eq!(given, [1, 2, 3].map(FileId::new));
        assert_eq!(db.file_ids(JobId::new(1)).await.unwrap(), Some(given.clone()));
        // A second run that has not looked loses what it took.
        assert_eq!(db.keep_file_ids(JobId::new(1), 50..53).await.unwrap(), given);
        // One with another document needs others.
        assert_eq!(db.keep_file_ids(JobId::new(1), 60..61).await.unwrap(), [FileId::new(60)]);
        assert_eq!(db.file_ids(JobId::new(9)).await.unwrap(), None);
    }
}
