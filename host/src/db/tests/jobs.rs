use super::*;
use crate::db::{Cancelled, DbError, Finish, JobFacts, JobFilter, Reservation, Retried, SetJob};
use crate::model::{Digest, FileId, HashKind, Job, Stage, State};

async fn job(db: &Db, id: JobId) -> Job {
    db.get_job(id).await.unwrap().expect("a job")
}

/// A job that failed in its policy validation.
async fn failed(db: &Db, id: i64) -> JobId {
    let (id, claim) = running(db, id).await;
    let steps = [StepRecord { task: Task::OpenTar, started: at(2), ended: Some(at(3)) }];
    let end = Finish {
        state: State::Failed,
        task: Task::PolicyValidation,
        percent: 0.0,
        exception: "no such project",
        steps: &steps,
        revision: Some(crate::model::Revision::new(1)),
        facts: None,
    };
    db.finish(id, claim.epoch, at(4), end).await.unwrap().flush().await.unwrap();
    id
}

on_both! {
    async fn a_job_is_there_before_its_bytes_and_waits_after_them(place) {
        let db = place.db().await;
        let id = receiving(&db, 7).await;
        let new = job(&db, id).await;
        assert_eq!((new.stage, new.state, new.task), (Stage::Receiving, State::Ok, Task::Uploading));
        assert_eq!((new.percent, new.exception.as_str(), new.user.as_str()), (0.0, "", "ada"));
        assert_eq!((new.created, new.updated, new.attempts), (at(0), at(0), 0));
        took(&db, id, "http", at(1), 10, 2).await.unwrap();
        let received = job(&db, id).await;
        assert_eq!((received.stage, received.bytes, received.files), (Stage::Waiting, 10, 2));
        assert_eq!((received.created, received.updated), (at(0), at(1)));
        assert_eq!(db.get_job(JobId::new(8)).await.unwrap(), None);
    }

    async fn a_receipt_may_be_recorded_twice_but_only_by_its_owner(place) {
        let db = place.db().await;
        let id = receiving(&db, 1).await;
        let error = took(&db, id, "another", at(1), 1, 1).await.unwrap_err();
        assert!(matches!(error, DbError::LeaseLost(lost) if lost == id));
        took(&db, id, "http", at(1), 1, 1).await.unwrap();
        took(&db, id, "http", at(2), 1, 1).await.unwrap();
        assert_eq!(job(&db, id).await.updated, at(1));
        db.claim(id, "worker", at(3), at(60)).await.unwrap().unwrap();
        took(&db, id, "http", at(4), 1, 1).await.unwrap();
        assert_eq!(job(&db, id).await.stage, Stage::Running);
    }

    async fn a_lost_upload_ends_as_failed_and_cannot_come_back(place) {
        let db = place.db().await;
        let id = receiving(&db, 1).await;
        assert!(db.job_lost_upload(id, at(1), "the client hung up").await.unwrap());
        assert!(!db.job_lost_upload(id, at(2), "again").await.unwrap());
        let lost = job(&db, id).await;
        assert_eq!((lost.stage, lost.state, lost.task), (Stage::Done, State::Failed, Task::Uploading));
        assert_eq!((lost.exception.as_str(), lost.updated), ("the client hung up", at(1)));
        assert!(matches!(took(&db, id, "http", at(3), 1, 1).await, Err(DbError::LeaseLost(_))));
        assert_eq!(db.retry_job(id, at(4)).await.unwrap(), Retried::NotReceived);
        let received = waiting(&db, 2).await;
        assert!(!db.job_lost_upload(received, at(2), "too late").await.unwrap());
        assert_eq!(job(&db, received).await.state, State::Ok);
    }

    async fn jobs_are_listed_newest_first_page_by_page(place) {
        let db = place.db().await;
        for id in 1..=7 {
            waiting(&db, id).await;
        }
        let mut filter = JobFilter { limit: 3, ..JobFilter::default() };
        let mut pages = Vec::new();
        loop {
            let page: Vec<_> = db.list_jobs(&filter).await.unwrap().iter().map(|job| job.id.get()).collect();
            let Some(last) = page.last() else { break };
            filter.before = Some(JobId::new(*last));
            pages.push(page);
        }
        assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    }

    async fn a_list_has_the_jobs_that_every_filter_fits(place) {
        let db = place.db().await;
        receiving(&db, 1).await;
        waiting(&db, 2).await;
        let (third, claim) = running(&db, 3).await;
        let facts = JobFacts { submitter: Some("10"), project: Some("1234a"), instrument: Some("54"), files: 1, bytes: 5 };
        let described = Advance { facts: Some(facts), ..to(Task::PolicyValidation, &[]) };
        db.advance(third, claim.epoch, at(3), described).await.unwrap();
        failed(&db, 4).await;
        let all = || JobFilter { limit: 10, ..JobFilter::default() };
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            (all(), vec![4, 3, 2, 1]),
            (JobFilter { state: Some(State::Failed), ..all() }, vec![4]),
            (JobFilter { state: Some(State::Ok), stage: Some(Stage::Waiting), ..all() }, vec![2]),
            (JobFilter { stage: Some(Stage::Done), ..all() }, vec![4]),
            (JobFilter { kind: Some(JobKind::Move), ..all() }, vec![]),
            (JobFilter { kind: Some(JobKind::Upload), before: Some(JobId::new(3)), ..all() }, vec![2, 1]),
            (JobFilter { user: text("ada"), project: text("1234a"), ..all() }, vec![3]),
            (JobFilter { submitter: text("10"), instrument: text("54"), ..all() }, vec![3]),
            (JobFilter { submitter: text("10"), instrument: text("' OR 1=1 --"), ..all() }, vec![]),
            (JobFilter { user: text("bob"), ..all() }, vec![]),
        ];
        for (filter, expected) in cases {
            let ids: Vec<_> = db.list_jobs(&filter).await.unwrap().iter().map(|job| job.id.get()).collect();
            assert_eq!(ids, expected, "{filter:?}");
        }
    }

    async fn an_administrator_changes_only_what_is_given(place) {
        let db = place.db().await;
        let id = waiting(&db, 1).await;
        let change = SetJob { percent: Some(12.5), task: Some(Task::IngestFiles), ..SetJob::default() };
        let set = db.set_job(id, &change, at(9)).await.unwrap().unwrap();
        assert_eq!((set.task, set.percent, set.stage), (Task::IngestFiles, 12.5, Stage::Waiting));
        assert_eq!((set.state, set.exception.as_str(), set.updated), (State::Ok, "", at(9)));
        assert_eq!(db.set_job(JobId::new(99), &change, at(9)).await.unwrap(), None);
    }

    async fn an_administrator_who_fails_a_job_stops_its_worker(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        let change = SetJob { state: Some(State::Failed), exception: Some("by hand".to_owned()), ..SetJob::default() };
        let set = db.set_job(id, &change, at(9)).await.unwrap().unwrap();
        assert_eq!((set.stage, set.state, set.exception.as_str()), (Stage::Done, State::Failed, "by hand"));
        assert!(matches!(db.progress(id, claim.epoch, at(10), 1.0).await, Err(DbError::LeaseLost(_))));
        assert_eq!(db.heartbeat("worker", &[id], at(99)).await.unwrap(), []);
        assert_eq!(job(&db, id).await, set);
    }

    async fn a_failed_job_waits_again_from_its_first_task(place) {
        let db = place.db().await;
        let id = failed(&db, 1).await;
        assert_eq!(db.retry_job(id, at(8)).await.unwrap(), Retried::Waiting);
        let again = job(&db, id).await;
        assert_eq!((again.stage, again.state, again.task), (Stage::Waiting, State::Ok, Task::Uploading));
        assert_eq!((again.exception.as_str(), again.attempts, again.revision), ("", 0, None));
        assert_eq!((again.percent, again.steps.len()), (0.0, 0));
        assert_eq!(db.retry_job(id, at(9)).await.unwrap(), Retried::NotFailed);
        assert_eq!(db.retry_job(JobId::new(99), at(9)).await.unwrap(), Retried::NoSuchJob);
        let claim = db.claim(id, "worker", at(9), at(60)).await.unwrap().unwrap();
        assert_eq!((claim.epoch, claim.fault_since), (2, None));
    }

    async fn a_cancelled_job_whose_files_are_still_in_the_archive_is_found(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        let hash = Digest::of(HashKind::Sha1, b"x");
        let place = Reservation { file_id: FileId::new(1), row: 0, location: "1/x".to_owned(), size: 1, hash };
        db.reserve(id, &[place]).await.unwrap();
        assert_eq!(db.cancel_job(id, at(5), "cancelled by ada").await.unwrap(), Cancelled::Now);
        assert_eq!(db.failed_with_places(at(5)).await.unwrap(), []);
        assert_eq!(db.failed_with_places(at(6)).await.unwrap(), [id]);
        db.release(id).await.unwrap();
        assert_eq!(db.failed_with_places(at(6)).await.unwrap(), []);
        assert_eq!(db.retry_job(id, at(7)).await.unwrap(), Retried::Waiting);
        assert!(matches!(db.progress(id, claim.epoch, at(8), 1.0).await, Err(DbError::LeaseLost(_))));
    }

    async fn a_job_is_cancelled_once_wherever_it_stands(place) {
        let db = place.db().await;
        for id in [receiving(&db, 1).await, waiting(&db, 2).await, running(&db, 3).await.0] {
            assert_eq!(db.cancel_job(id, at(5), "cancelled").await.unwrap(), Cancelled::Now);
            assert_eq!(db.cancel_job(id, at(6), "again").await.unwrap(), Cancelled::AlreadyDone);
            let cancelled = job(&db, id).await;
            assert_eq!((cancelled.stage, cancelled.exception.as_str()), (Stage::Done, "cancelled"));
            assert_eq!(db.claim(id, "worker", at(100), at(160)).await.unwrap(), None);
        }
        assert!(matches!(took(&db, JobId::new(1), "http", at(7), 1, 1).await, Err(DbError::LeaseLost(_))));
        assert_eq!(db.cancel_job(JobId::new(9), at(5), "").await.unwrap(), Cancelled::NoSuchJob);
    }

    async fn jobs_are_counted_by_stage(place) {
        let db = place.db().await;
        assert_eq!(db.count_by_stage().await.unwrap(), [(Stage::Done, 0)]);
        receiving(&db, 1).await;
        waiting(&db, 2).await;
        waiting(&db, 3).await;
        running(&db, 4).await;
        failed(&db, 5).await;
        let unfinished = [(Stage::Receiving, 1), (Stage::Running, 1), (Stage::Waiting, 2)];
        assert_eq!(db.count_unfinished().await.unwrap(), unfinished);
        assert_eq!(db.count_by_stage().await.unwrap()[3], (Stage::Done, 1));
    }

    async fn those_that_have_not_ended_are_found_among_many(place) {
        let db = place.db().await;
        waiting(&db, 1).await;
        failed(&db, 2).await;
        running(&db, 2500).await;
        let asked: Vec<_> = (1..=3000).map(JobId::new).collect();
        let mut unfinished = db.which_unfinished(&asked).await.unwrap();
        unfinished.sort_unstable();
        assert_eq!(unfinished, [JobId::new(1), JobId::new(2500)]);
        assert_eq!(db.which_unfinished(&[]).await.unwrap(), []);
    }

    async fn hostile_texts_do_not_keep_a_job_from_its_end(place) {
        let db = place.db().await;
        let id = JobId::new(1);
        let long = "日".repeat(5_000);
        let new = NewJob { kind: JobKind::Move, user: &long, owner: "http", now: at(0), lease_until: at(9) };
        db.create_job(id, new).await.unwrap();
        took(&db, id, "http", at(1), u64::MAX, 1).await.unwrap();
        let claim = db.claim(id, "worker", at(2), at(60)).await.unwrap().unwrap();
        let facts = JobFacts { project: Some(&long), submitter: Some("a\0b"), ..JobFacts::default() };
        let described = Advance { facts: Some(facts), ..to(Task::PolicyValidation, &[]) };
        db.advance(id, claim.epoch, at(3), described).await.unwrap();
        let exception = "line\n\0'; DROP TABLE jobs; --";
        let end = Finish {
            state: State::Failed,
            task: Task::LoadMetadata,
            percent: 0.0,
            exception,
            steps: &[],
            revision: None,
            facts: None,
        };
        db.finish(id, claim.epoch, at(3), end).await.unwrap().flush().await.unwrap();
        let ended = job(&db, id).await;
        assert_eq!(ended.exception, "line\n\u{fffd}'; DROP TABLE jobs; --");
        assert_eq!(ended.submitter.as_deref(), Some("a\u{fffd}b"));
        let found = db.list_jobs(&JobFilter { project: Some(long), limit: 5, ..JobFilter::default() }).await.unwrap();
        assert_eq!(found, [ended]);
    }
}
