use super::*;
use crate::db::{DbError, Finish, JobFacts, Reservation, ReserveError, TakenLocation};
use crate::model::{Digest, FileId, HashKind, Report, State};

fn reservation(file: i64, location: &str) -> Reservation {
    Reservation {
        file_id: FileId::new(file),
        row: usize::try_from(file % 10).unwrap(),
        location: location.to_owned(),
        size: 5,
        hash: Digest::of(HashKind::Sha256, location.as_bytes()),
    }
}

on_both! {
    async fn a_second_run_finds_its_places_as_they_stand(place) {
        let db = place.db().await;
        let job = JobId::new(1);
        // Not in the order of their locations, which is the order in which they are made.
        let wanted = [reservation(10, "b"), reservation(11, "a"), reservation(12, "c")];
        let first = db.reserve(job, &wanted).await.unwrap();
        assert_eq!(first.iter().map(|file| file.location.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
        db.mark_archived(&[FileId::new(11)], at(5)).await.unwrap();
        db.mark_archived(&[FileId::new(11)], at(6)).await.unwrap();
        let second = db.reserve(job, &wanted).await.unwrap();
        assert_eq!(second.iter().map(|file| file.archived_at).collect::<Vec<_>>(), [None, Some(at(5)), None]);
        assert_eq!(second, db.archived(job).await.unwrap());
        db.mark_archived(&[FileId::new(10), FileId::new(11), FileId::new(12)], at(7)).await.unwrap();
        let third = db.reserve(job, &wanted).await.unwrap();
        assert_eq!(third.iter().map(|file| file.archived_at).collect::<Vec<_>>(), [Some(at(7)), Some(at(5)), Some(at(7))]);
        assert_eq!(db.archived_file(FileId::new(11)).await.unwrap().unwrap(), third[1]);
        assert_eq!(db.archived_file(FileId::new(99)).await.unwrap(), None);
        assert_eq!(db.reserve(JobId::new(2), &[]).await.unwrap(), []);
    }

    async fn a_report_is_written_with_the_places_and_without_them_where_they_are_taken(place) {
        let db = place.db().await;
        let (job, claim) = running(&db, 1).await;
        let wanted = [reservation(10, "b"), reservation(11, "a")];
        let late = db.reserve_reported(&wanted, &report(job, 1), claim.epoch + 1, at(3)).await;
        assert!(matches!(late, Err(ReserveError::Db(DbError::LeaseLost(_)))), "{late:?}");
        assert_eq!((db.archived(job).await.unwrap(), db.get_report(job).await.unwrap()), (vec![], None));
        let placed = db.reserve_reported(&wanted, &report(job, 1), claim.epoch, at(3)).await.unwrap();
        assert_eq!(placed, db.archived(job).await.unwrap());
        let said: Report = serde_json::from_str(&db.get_report(job).await.unwrap().unwrap()).unwrap();
        assert_eq!(said, report(job, 1));
        // Done again, it finds them.
        assert_eq!(db.reserve_reported(&wanted, &report(job, 1), claim.epoch, at(4)).await.unwrap(), placed);

        let (other, claim) = running(&db, 2).await;
        let taken = db.reserve_reported(&[reservation(20, "a")], &report(other, 1), claim.epoch, at(5)).await;
        assert!(matches!(taken, Err(ReserveError::Taken(_))), "{taken:?}");
        assert!(db.get_report(other).await.unwrap().is_some());
        let many: Vec<_> = (30..60).map(|file| reservation(file, &format!("c/{file}"))).collect();
        assert_eq!(db.reserve_reported(&many, &report(other, 2), claim.epoch, at(6)).await.unwrap().len(), 30);
        assert!(db.reserve_reported(&[], &report(other, 3), claim.epoch, at(7)).await.is_ok());
    }

    async fn all_places_are_reserved_or_none(place) {
        let db = place.db().await;
        db.reserve(JobId::new(1), &[reservation(1, "x"), reservation(2, "y")]).await.unwrap();
        let error = db.reserve(JobId::new(2), &[reservation(3, "w"), reservation(4, "y")]).await.unwrap_err();
        assert!(error.to_string().contains("y is in the archive already, from job 1"), "{error}");
        let ReserveError::Taken(taken) = error else { panic!("taken") };
        assert_eq!(taken, [TakenLocation { location: "y".to_owned(), job: JobId::new(1) }]);
        assert_eq!(db.archived(JobId::new(2)).await.unwrap(), []);
        assert_eq!(db.release(JobId::new(1)).await.unwrap(), 2);
        db.reserve(JobId::new(2), &[reservation(3, "w"), reservation(4, "y")]).await.unwrap();
    }

    async fn of_many_jobs_one_gets_a_place(place) {
        let (db, other) = (place.db().await, place.open().await);
        let jobs: Vec<_> = (1..=20)
            .map(|job| {
                let db = if job % 2 == 0 { db.clone() } else { other.clone() };
                // Every job wants the same places, each in an order of its own.
                let mut wanted: Vec<_> = (0..10).map(|file| reservation(job * 100 + file, &format!("same/{file}"))).collect();
                wanted.rotate_left(usize::try_from(job).unwrap() % 10);
                tokio::spawn(async move { (job, db.reserve(JobId::new(job), &wanted).await) })
            })
            .collect();
        let mut winners = Vec::new();
        for one in jobs {
            match one.await.unwrap() {
                (job, Ok(places)) => winners.push((job, places.len())),
                (_, Err(ReserveError::Taken(taken))) => assert_eq!(taken.len(), 10),
                (job, Err(error)) => panic!("job {job}: {error}"),
            }
        }
        assert!(matches!(winners[..], [(_, 10)]), "{winners:?}");
        assert_eq!(db.archived(JobId::new(winners[0].0)).await.unwrap().len(), 10);
    }

    async fn two_files_of_one_bundle_do_not_share_a_place(place) {
        let db = place.db().await;
        let twice = [reservation(1, "x"), reservation(2, "y"), reservation(3, "x")];
        let Err(ReserveError::Taken(taken)) = db.reserve(JobId::new(7), &twice).await else { panic!("taken") };
        assert_eq!(taken, [TakenLocation { location: "x".to_owned(), job: JobId::new(7) }]);
    }

    async fn a_job_leaves_its_old_places_before_it_gets_others(place) {
        let db = place.db().await;
        let job = JobId::new(1);
        let before = db.reserve(job, &[reservation(1, "old")]).await.unwrap();
        let Err(ReserveError::Changed(places)) = db.reserve(job, &[reservation(1, "new")]).await else {
            panic!("changed")
        };
        assert_eq!(places, before);
        db.release(job).await.unwrap();
        assert_eq!(db.release(job).await.unwrap(), 0);
        db.reserve(job, &[reservation(1, "new")]).await.unwrap();
    }

    async fn an_id_that_was_given_out_twice_is_named(place) {
        let db = place.db().await;
        db.reserve(JobId::new(1), &[reservation(1, "x")]).await.unwrap();
        let error = db.reserve(JobId::new(2), &[reservation(1, "y")]).await.unwrap_err();
        assert!(matches!(error, ReserveError::IdTaken { file, job } if file.get() == 1 && job.get() == 1), "{error}");
        let long = "x".repeat(2001);
        assert!(matches!(db.reserve(JobId::new(3), &[reservation(9, &long)]).await, Err(ReserveError::TooLong(_))));
        // The longest that may be, of characters that hardly compress.
        let long: String = (0..500).map(|n| char::from_u32(0x20000 + n * 37 % 40_000).unwrap()).collect();
        db.reserve(JobId::new(3), &[reservation(9, &long)]).await.unwrap();
    }

    async fn files_in_their_places_are_paged_by_id(place) {
        let db = place.db().await;
        let wanted: Vec<_> = (1..=2_500).map(|file| reservation(file, &format!("p/{file}"))).collect();
        db.reserve(JobId::new(1), &wanted).await.unwrap();
        let ids: Vec<_> = (1..=2_499).map(FileId::new).collect();
        db.mark_archived(&ids, at(1)).await.unwrap();
        db.reserve(JobId::new(2), &[reservation(3_000, "q")]).await.unwrap();
        db.mark_archived(&[FileId::new(3_000)], at(2)).await.unwrap();
        let page = db.archived_after(FileId::new(2_497), 10).await.unwrap();
        assert_eq!(page.iter().map(|file| file.file_id.get()).collect::<Vec<_>>(), [2_498, 2_499, 3_000]);
        assert_eq!(db.archived_after(FileId::new(0), 2).await.unwrap().len(), 2);
        let again = db.reserve(JobId::new(1), &wanted).await.unwrap();
        assert_eq!(again.iter().filter(|file| file.archived_at.is_none()).count(), 1);
    }

    /// The end of a job says both that it is over and that its files are where they belong, or neither.
    async fn the_end_of_a_job_marks_its_files_and_describes_it(place) {
        let db = place.db().await;
        let (job, claim) = running(&db, 1).await;
        db.reserve(job, &[reservation(1, "x"), reservation(2, "y")]).await.unwrap();
        let end = |state, facts| Finish { facts, ..end(state) };
        let late = db.finish(job, claim.epoch + 1, at(5), end(State::Ok, None)).await;
        assert!(matches!(late, Err(DbError::LeaseLost(_))));
        assert!(db.archived(job).await.unwrap().iter().all(|file| file.archived_at.is_none()));
        let facts = JobFacts { submitter: Some("10"), project: None, instrument: Some("54"), files: 2, bytes: 10 };
        db.finish(job, claim.epoch, at(6), end(State::Ok, Some(facts))).await.unwrap().flush().await.unwrap();
        assert!(db.archived(job).await.unwrap().iter().all(|file| file.archived_at == Some(at(6))));
        let ended = db.get_job(job).await.unwrap().unwrap();
        assert_eq!((ended.submitter.as_deref(), ended.instrument.as_deref(), ended.files), (Some("10"), Some("54"), 2));

        let (failed, claim) = running(&db, 2).await;
        db.reserve(failed, &[reservation(3, "z")]).await.unwrap();
        db.finish(failed, claim.epoch, at(7), end(State::Failed, None)).await.unwrap().flush().await.unwrap();
        assert_eq!(db.archived(failed).await.unwrap()[0].archived_at, None);
        assert_eq!(db.failed_with_places(at(8)).await.unwrap(), [failed]);
    }
}
