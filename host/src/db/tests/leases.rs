use super::*;
use crate::db::{DbError, Finish, JobFacts};
use crate::model::{FileId, JobStatus, Report, Revision, Stage, State};

fn well(steps: &[StepRecord]) -> Finish<'_> {
    Finish { steps, ..end(State::Ok) }
}

on_both! {
    async fn whoever_has_jobs_in_hand_is_told_and_so_is_what_was_reported_last(place) {
        let db = place.db().await;
        receiving(&db, 1).await;
        for id in 2..=4 {
            let (id, claim) = running(&db, id).await;
            db.put_report(&report(id, id.get()), claim.epoch, at(3)).await.unwrap();
        }
        waiting(&db, 5).await;
        let holders = db.holders().await.unwrap();
        let told: Vec<_> = holders.iter().map(|one| (one.owner.as_str(), one.stage, one.jobs, one.until)).collect();
        assert_eq!(told, [("http", Stage::Receiving, 1, at(30)), ("worker", Stage::Running, 3, at(60))]);
        let newest = db.newest_reports(2).await.unwrap();
        let jobs: Vec<Report> = newest.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(jobs.iter().map(|report| report.job_id.get()).collect::<Vec<_>>(), [4, 3]);
    }

    async fn of_many_workers_one_gets_the_job(place) {
        let (db, other) = (place.db().await, place.open().await);
        for id in 1..=5 {
            let id = waiting(&db, id).await;
            let workers: Vec<_> = (0..30)
                .map(|number| {
                    let db = if number % 2 == 0 { db.clone() } else { other.clone() };
                    tokio::spawn(async move { db.claim(id, &format!("worker-{number}"), at(2), at(60)).await.unwrap() })
                })
                .collect();
            let mut winners = Vec::new();
            for worker in workers {
                winners.extend(worker.await.unwrap());
            }
            let [winner] = &winners[..] else { panic!("{} workers got job {id}", winners.len()) };
            assert_eq!((winner.epoch, winner.job.attempts, winner.received), (1, 1, at(1)));
            assert_eq!(db.get_job(id).await.unwrap(), Some(winner.job.clone()));
        }
    }

    async fn a_silent_worker_loses_its_job_to_one_of_many(place) {
        let db = place.db().await;
        let (id, late) = running(&db, 1).await;
        assert_eq!(db.claim(id, "other", at(60), at(90)).await.unwrap(), None, "the lease is still good");
        let workers: Vec<_> = (0..20)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move { db.claim(id, &format!("w{number}"), at(61), at(120)).await.unwrap() })
            })
            .collect();
        let mut winners = Vec::new();
        for worker in workers {
            winners.extend(worker.await.unwrap());
        }
        let [winner] = &winners[..] else { panic!("{} winners", winners.len()) };
        assert_eq!((winner.epoch, winner.job.attempts), (late.epoch + 1, 2));
    }

    async fn a_claim_tells_the_ids_that_the_files_have_been_given(place) {
        let db = place.db().await;
        let arrival = |now, files, file_ids| Arrival { owner: "http", now, bytes: 10, files, file_ids, lease_until: None };
        for (id, ids, wanted) in [(1, Some(1..3), Some(vec![1, 2])), (2, None, None)] {
            let id = receiving(&db, id).await;
            let (_, _, unflushed) = db.job_received(id, arrival(at(1), 2, ids)).await.unwrap();
            unflushed.flush().await.unwrap();
            let claim = db.claim(id, "worker", at(2), at(60)).await.unwrap().unwrap();
            assert_eq!(claim.file_ids, wanted.map(|ids| ids.into_iter().map(FileId::new).collect()));
        }
        // Said again, it is the same.
        let (id, claim) = (JobId::new(1), vec![FileId::new(1), FileId::new(2)]);
        db.job_received(id, arrival(at(3), 2, Some(8..10))).await.unwrap().2.flush().await.unwrap();
        assert_eq!(db.file_ids(id).await.unwrap(), Some(claim));
    }

    async fn who_has_received_a_job_can_claim_it_at_once(place) {
        let db = place.db().await;
        let id = receiving(&db, 1).await;
        let arrival =
            Arrival { owner: "http", now: at(1), bytes: 10, files: 2, file_ids: Some(1..3), lease_until: Some(at(60)) };
        let (job, claim, unflushed) = db.job_received(id, arrival.clone()).await.unwrap();
        unflushed.flush().await.unwrap();
        let claim = claim.unwrap();
        assert_eq!((job.stage, job.attempts, job.bytes, &claim.job), (Stage::Running, 1, 10, &job));
        let ids = vec![FileId::new(1), FileId::new(2)];
        let wanted = Claim { job, epoch: 1, received: at(1), fault_since: None, file_ids: Some(ids) };
        assert_eq!(claim, wanted);
        // It is as good as any other.
        assert_eq!(db.claim(id, "worker", at(2), at(60)).await.unwrap(), None);
        db.advance(id, claim.epoch, at(3), to(Task::OpenTar, &[])).await.unwrap();
        assert_eq!(db.heartbeat("http", &[id], at(70)).await.unwrap(), [id]);
        // Said again, it claims nothing.
        let (again, none, _) = db.job_received(id, Arrival { now: at(4), ..arrival }).await.unwrap();
        assert_eq!((again.task, none), (Task::OpenTar, None));
        let next = db.claim(id, "worker", at(71), at(90)).await.unwrap().unwrap();
        assert_eq!((next.epoch, next.job.attempts, next.received, next.file_ids), (2, 2, at(1), claim.file_ids));
    }

    async fn a_bundle_that_is_on_disk_can_be_recorded_at_once(place) {
        let db = place.db().await;
        let new = NewJob { kind: JobKind::Move, user: "ada", owner: "http", now: at(0), lease_until: at(30) };
        let arrival = |file_ids, lease_until| Arrival { owner: "http", now: at(1), bytes: 10, files: 2, file_ids, lease_until };
        // For any worker, and for the one that has received it: the same as if it had been made before.
        for (id, until) in [(1, None), (2, Some(at(60)))] {
            let (id, as_ever) = (JobId::new(id), JobId::new(10 + id));
            let (job, claim, unflushed) = db.create_received_job(id, new, arrival(None, until)).await.unwrap();
            unflushed.flush().await.unwrap();
            db.create_job(as_ever, new).await.unwrap();
            let (other, other_claim, unflushed) = db.job_received(as_ever, arrival(None, until)).await.unwrap();
            unflushed.flush().await.unwrap();
            assert_eq!(job, Job { id, ..other });
            assert_eq!(db.get_job(id).await.unwrap(), Some(job.clone()));
            assert_eq!(claim, other_claim.map(|claim| Claim { job: job.clone(), ..claim }));
            assert_eq!(claim.is_some(), until.is_some());
            // It is not known to have failed while it was received.
            assert_eq!(db.which_never_received(&[id]).await.unwrap(), []);
        }
        let claim = db.claim(JobId::new(1), "worker", at(2), at(60)).await.unwrap().unwrap();
        assert_eq!((claim.epoch, claim.received, claim.file_ids), (1, at(1), None));
        db.advance(JobId::new(2), 1, at(3), to(Task::OpenTar, &[])).await.unwrap();
        assert_eq!(db.heartbeat("http", &[JobId::new(2)], at(70)).await.unwrap(), [JobId::new(2)]);

        let (_, claim, _) = db.create_received_job(JobId::new(3), new, arrival(Some(5..7), Some(at(60)))).await.unwrap();
        let ids = vec![FileId::new(5), FileId::new(6)];
        assert_eq!((db.file_ids(JobId::new(3)).await.unwrap(), claim.unwrap().file_ids), (Some(ids.clone()), Some(ids)));
        // Another one has the id: it stays as it is, and what came with this is not there.
        receiving(&db, 4).await;
        let taken = db.create_received_job(JobId::new(4), new, arrival(Some(7..9), None)).await.unwrap_err();
        assert!(taken.is_taken(), "{taken}");
        assert_eq!(db.file_ids(JobId::new(4)).await.unwrap(), None);
        assert_eq!(db.get_job(JobId::new(4)).await.unwrap().unwrap().stage, Stage::Receiving);
    }

    async fn what_clients_ask_for_is_what_the_record_says(place) {
        let db = place.db().await;
        assert_eq!(db.job_status(JobId::new(1)).await.unwrap(), None);
        let (id, claim) = running(&db, 1).await;
        db.progress(id, claim.epoch, at(4), 41.5).await.unwrap();
        let status = db.job_status(id).await.unwrap().unwrap();
        assert_eq!(status, JobStatus::from(db.get_job(id).await.unwrap().unwrap()));
        assert_eq!((status.percent, status.complete), (41.5, false));
        let failed = Finish { exception: "why", ..end(State::Failed) };
        db.finish(id, claim.epoch, at(5), failed).await.unwrap().flush().await.unwrap();
        let status = db.job_status(id).await.unwrap().unwrap();
        assert_eq!(status, JobStatus::from(db.get_job(id).await.unwrap().unwrap()));
        assert_eq!((status.state, status.exception.as_str(), status.complete), (State::Failed, "why", true));
    }

    async fn a_late_worker_changes_nothing(place) {
        let db = place.db().await;
        let (id, late) = running(&db, 1).await;
        let present = db.claim(id, "other", at(61), at(120)).await.unwrap().unwrap();
        let before = db.get_job(id).await.unwrap();
        let (old, now) = (late.epoch, at(62));
        let refusals = [
            db.advance(id, old, now, to(Task::OpenTar, &[])).await,
            db.progress(id, old, now, 50.0).await,
            db.advance(id, old, now, Advance { facts: Some(JobFacts::default()), ..to(Task::OpenTar, &[]) }).await,
            db.put_report(&report(id, 1), old, now).await,
            db.hand_back(id, old, now, now, None, true).await,
            db.finish(id, old, now, well(&[])).await.map(drop),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(DbError::LeaseLost(lost)) if lost == id), "{refusal:?}");
        }
        assert_eq!(db.heartbeat("worker", &[id], at(500)).await.unwrap(), []);
        assert_eq!(db.get_job(id).await.unwrap(), before);
        assert_eq!(db.get_report(id).await.unwrap(), None);
        db.finish(id, present.epoch, at(63), well(&[])).await.unwrap().flush().await.unwrap();
    }

    async fn the_holder_brings_the_job_from_task_to_task(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        let mut steps = vec![StepRecord { task: Task::OpenTar, started: at(3), ended: None }];
        let facts = JobFacts { submitter: Some("10"), project: None, instrument: Some("54"), files: 3, bytes: 30 };
        let described = Advance { facts: Some(facts), revision: Some(Revision::new(2)), ..to(Task::OpenTar, &steps) };
        db.advance(id, claim.epoch, at(3), described).await.unwrap();
        // What is not said anew stays.
        db.advance(id, claim.epoch, at(3), to(Task::OpenTar, &steps)).await.unwrap();
        db.progress(id, claim.epoch, at(4), 41.5).await.unwrap();
        let job = db.get_job(id).await.unwrap().unwrap();
        assert_eq!((job.task, job.percent, job.updated), (Task::OpenTar, 41.5, at(4)));
        assert_eq!(job.revision, Some(Revision::new(2)));
        assert_eq!((job.submitter.as_deref(), job.project, job.files, job.bytes), (Some("10"), None, 3, 30));
        assert_eq!(job.steps, steps);
        steps[0].ended = Some(at(5));
        db.finish(id, claim.epoch, at(6), well(&steps)).await.unwrap().flush().await.unwrap();
        let job = db.get_job(id).await.unwrap().unwrap();
        assert_eq!((job.stage, job.state, job.task, job.percent), (Stage::Done, State::Ok, Task::IngestMetadata, 100.0));
        assert_eq!((job.revision, job.steps, job.updated), (Some(Revision::new(3)), steps, at(6)));
    }

    async fn an_end_may_be_recorded_twice_but_not_turned_round(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        db.finish(id, claim.epoch, at(6), well(&[])).await.unwrap().flush().await.unwrap();
        db.finish(id, claim.epoch, at(6), well(&[])).await.unwrap().flush().await.unwrap();
        let other = Finish { state: State::Failed, ..well(&[]) };
        assert!(matches!(db.finish(id, claim.epoch, at(7), other).await, Err(DbError::LeaseLost(_))));
        assert_eq!(db.get_job(id).await.unwrap().unwrap().state, State::Ok);
        assert_eq!(db.claim(id, "other", at(500), at(600)).await.unwrap(), None);
    }

    async fn a_job_handed_back_waits_until_it_is_due(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        db.hand_back(id, claim.epoch, at(3), at(10), Some(at(3)), true).await.unwrap();
        assert_eq!(db.claim(id, "other", at(9), at(60)).await.unwrap(), None);
        assert_eq!(db.lost_jobs(at(9), 10).await.unwrap(), []);
        assert_eq!(db.lost_jobs(at(10), 10).await.unwrap(), [(id, JobKind::Upload)]);
        let again = db.claim(id, "other", at(10), at(60)).await.unwrap().unwrap();
        assert_eq!((again.epoch, again.job.attempts, again.fault_since), (2, 2, Some(at(3))));
    }

    async fn a_graceful_stop_costs_no_attempt_however_often_it_is_said(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        for _ in 0..3 {
            db.hand_back(id, claim.epoch, at(3), at(3), None, false).await.unwrap();
        }
        let again = db.claim(id, "other", at(4), at(60)).await.unwrap().unwrap();
        assert_eq!(again.job.attempts, 1);
        assert!(matches!(db.hand_back(id, claim.epoch, at(5), at(5), None, false).await, Err(DbError::LeaseLost(_))));
    }

    async fn a_heartbeat_keeps_the_jobs_it_names_and_no_other(place) {
        let db = place.db().await;
        let (kept, _) = running(&db, 1).await;
        let (forgotten, _) = running(&db, 2).await;
        let upload = receiving(&db, 3).await;
        assert_eq!(db.heartbeat("worker", &[kept, upload], at(200)).await.unwrap(), [kept]);
        assert_eq!(db.heartbeat("http", &[upload], at(200)).await.unwrap(), [upload]);
        assert_eq!(db.heartbeat("worker", &[], at(900)).await.unwrap(), []);
        assert_eq!(db.lost_jobs(at(100), 10).await.unwrap(), [(forgotten, JobKind::Upload)]);
        assert_eq!(db.lost_uploads(at(100)).await.unwrap(), []);
        assert_eq!(db.lost_uploads(at(201)).await.unwrap(), [upload]);
    }

    async fn lost_jobs_are_those_that_nobody_works_on_oldest_first(place) {
        let db = place.db().await;
        let silent = running(&db, 1).await.0;
        let waits = waiting(&db, 2).await;
        receiving(&db, 3).await;
        let (done, claim) = running(&db, 4).await;
        db.finish(done, claim.epoch, at(5), well(&[])).await.unwrap().flush().await.unwrap();
        let ids = |found: Vec<(JobId, JobKind)>| found.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(ids(db.lost_jobs(at(2), 10).await.unwrap()), [waits]);
        assert_eq!(ids(db.lost_jobs(at(61), 10).await.unwrap()), [waits, silent]);
        assert_eq!(ids(db.lost_jobs(at(61), 1).await.unwrap()), [waits]);
        assert_eq!(db.lost_uploads(at(31)).await.unwrap(), [JobId::new(3)]);
    }

    async fn a_report_takes_the_place_of_the_one_before(place) {
        let db = place.db().await;
        let (id, claim) = running(&db, 1).await;
        for revision in [1, 2, 2] {
            db.put_report(&report(id, revision), claim.epoch, at(3)).await.unwrap();
        }
        let json = db.get_report(id).await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report(id, 2));
        assert_eq!(db.get_report(JobId::new(2)).await.unwrap(), None);
    }
}
