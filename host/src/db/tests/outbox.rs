use super::*;
use crate::db::{Cancelled, DueEvent, EventFilter, EventState, Finish, Recorded, SetJob};
use crate::model::{Ending, Report, Revision, State, Task};

async fn end(db: &Db, id: JobId, epoch: i64, second: i64, state: State) {
    let task = if state == State::Ok { Task::IngestMetadata } else { Task::PolicyValidation };
    let revision = Some(Revision::new(1));
    let end = Finish { state, task, percent: 100.0, exception: "", steps: &[], revision, facts: None };
    db.finish(id, epoch, at(second), end).await.unwrap().flush().await.unwrap();
}

async fn told(db: &Db) -> Vec<(i64, Ending)> {
    let filter = EventFilter { limit: 100, ..EventFilter::default() };
    let mut told: Vec<_> =
        db.list_events(&filter).await.unwrap().iter().map(|event| (event.job.get(), event.outcome)).collect();
    told.sort_by_key(|(job, _)| *job);
    told
}

async fn due(db: &Db, second: i64, limit: usize) -> Vec<DueEvent> {
    db.claim_events(at(second), at(second + 10), limit).await.unwrap()
}

on_both! {
    async fn every_way_a_job_can_end_writes_one_event(place) {
        let db = place.db().await.recording(Recorded::Everything);
        let (done, claim) = running(&db, 1).await;
        end(&db, done, claim.epoch, 5, State::Ok).await;
        // The same end once more, by a caller who never heard the answer.
        end(&db, done, claim.epoch, 6, State::Ok).await;
        let (failed, claim) = running(&db, 2).await;
        end(&db, failed, claim.epoch, 5, State::Failed).await;
        let (rejected, claim) = running(&db, 3).await;
        let report = Report { job_id: rejected, revision: Revision::new(1), accepted: false, rules: Vec::new() };
        db.put_report(&report, claim.epoch, at(4)).await.unwrap();
        end(&db, rejected, claim.epoch, 5, State::Failed).await;
        let cancelled = waiting(&db, 4).await;
        assert_eq!(db.cancel_job(cancelled, at(5), "x").await.unwrap(), Cancelled::Now);
        assert_eq!(db.cancel_job(cancelled, at(6), "x").await.unwrap(), Cancelled::AlreadyDone);
        let lost = receiving(&db, 5).await;
        assert!(db.job_lost_upload(lost, at(5), "x").await.unwrap() && !db.job_lost_upload(lost, at(6), "x").await.unwrap());
        let by_hand = waiting(&db, 6).await;
        let change = SetJob { state: Some(State::Failed), ..SetJob::default() };
        db.set_job(by_hand, &change, at(5)).await.unwrap();
        db.set_job(by_hand, &change, at(6)).await.unwrap();
        let expected = [
            (1, Ending::Done), (2, Ending::Failed), (3, Ending::Rejected), (4, Ending::Cancelled),
            (5, Ending::Interrupted), (6, Ending::Failed),
        ];
        assert_eq!(told(&db).await, expected);
        assert_eq!(db.count_events().await.unwrap().waiting, 6);
    }

    async fn an_event_is_written_where_it_is_asked_for_and_not_for_an_end_that_was_not(place) {
        let silent = place.db().await;
        let (id, claim) = running(&silent, 1).await;
        end(&silent, id, claim.epoch, 5, State::Ok).await;
        let db = silent.recording(Recorded::Done);
        let (id, claim) = running(&db, 2).await;
        end(&db, id, claim.epoch, 5, State::Failed).await;
        let (id, claim) = running(&db, 3).await;
        db.cancel_job(id, at(5), "x").await.unwrap();
        let late = Finish {
            state: State::Ok, task: Task::IngestMetadata, percent: 100.0, exception: "", steps: &[], revision: None,
            facts: None,
        };
        assert!(db.finish(id, claim.epoch, at(6), late).await.is_err());
        assert_eq!(told(&db).await, []);
    }

    async fn an_event_is_taken_up_by_one_until_its_lease_runs_out(place) {
        let db = place.db().await.recording(Recorded::Everything);
        for id in 1..=20 {
            let (id, claim) = running(&db, id).await;
            end(&db, id, claim.epoch, 5, State::Ok).await;
        }
        let others: Vec<_> = futures::future::join_all((0..4).map(|_| place.open())).await;
        let taken = futures::future::join_all(others.iter().map(|db| due(db, 6, 3))).await;
        let mut ids: Vec<_> = taken.iter().flatten().map(|event| event.id.clone()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), taken.iter().map(Vec::len).sum::<usize>(), "none was taken up twice");
        let rest = due(&db, 6, 100).await;
        assert_eq!(ids.len() + rest.len(), 20);
        assert!(due(&db, 15, 100).await.is_empty());
        let again = due(&db, 16, 100).await;
        assert!(again.len() == 20 && again.iter().all(|event| event.attempts == 2));
        // Who was late changes nothing of what another has in hand.
        db.event_failed(&rest[0], at(99), "late").await.unwrap();
        db.event_given_up(&rest[0], at(17), "late").await.unwrap();
        assert_eq!(due(&db, 26, 100).await.len(), 20);
    }

    async fn the_events_of_a_job_are_taken_up_in_order(place) {
        let db = place.db().await.recording(Recorded::Everything);
        let (id, claim) = running(&db, 1).await;
        end(&db, id, claim.epoch, 5, State::Failed).await;
        db.retry_job(id, at(6)).await.unwrap();
        let claim = db.claim(id, "worker", at(7), at(60)).await.unwrap().unwrap();
        end(&db, id, claim.epoch, 8, State::Ok).await;
        let first = due(&db, 9, 100).await;
        assert!(first.len() == 1 && first[0].ended.outcome == Ending::Failed, "{first:?}");
        db.event_failed(&first[0], at(50), "not now").await.unwrap();
        assert!(due(&db, 30, 100).await.is_empty());
        let first = due(&db, 50, 100).await;
        db.event_delivered(first[0].number, at(51)).await.unwrap();
        let second = due(&db, 51, 100).await;
        assert!(second.len() == 1 && second[0].ended.outcome == Ending::Done, "{second:?}");
        db.event_given_up(&second[0], at(52), "gone").await.unwrap();
        let counts = db.count_events().await.unwrap();
        assert_eq!((counts.waiting, counts.given_up, counts.oldest), (0, 1, None));
        assert!(db.retry_event(&second[0].id, at(53)).await.unwrap() && !db.retry_event("x", at(53)).await.unwrap());
        assert_eq!(due(&db, 53, 100).await[0].since, at(53));
        let waiting = EventFilter { state: Some(EventState::Waiting), job: Some(id), limit: 9 };
        assert_eq!(db.list_events(&waiting).await.unwrap().len(), 1);
        assert_eq!((db.forget_events(at(51), 9).await.unwrap(), db.forget_events(at(52), 9).await.unwrap()), (0, 1));
        assert_eq!(db.retry_events(at(54)).await.unwrap(), 1);
    }
}
