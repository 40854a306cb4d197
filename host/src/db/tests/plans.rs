//! What is asked for all the time must not become slower with every job that ends.

use super::*;
use crate::db::JobFilter;
use crate::db::archive::FAILED_WITH_PLACES;
use crate::db::arg::{Arg, args};
use crate::db::changes::{CHANGES_POSTGRES, CHANGES_SQLITE};
use crate::db::jobs::{COUNT_UNFINISHED, OLDEST_WAITING, list_statement};
use crate::db::leases::{HOLDERS, LOST_JOBS, LOST_UPLOADS};
use crate::db::outbox::DUE_EVENTS;
use crate::db::retention::{JOBS_FROM, OLD_EVENTS, OLD_KEYS, OLD_REPORTS};
use crate::db::session::Statement;
use crate::model::{Stage, State};

/// How the database would answer a statement.
async fn plan(place: &Place, db: &Db, statement: &str, args: &[Arg<'_>]) -> String {
    let (explain, column) =
        if place.is_sqlite() { ("EXPLAIN QUERY PLAN", "detail") } else { ("EXPLAIN", "QUERY PLAN") };
    let statement = Statement::built(format!("{explain} {statement}"), false);
    let rows = db.read().await.unwrap().rows(statement, args).await.unwrap();
    rows.iter().map(|row| row.get::<String>(column).unwrap()).collect::<Vec<_>>().join("\n")
}

/// Finished jobs with an archived file each, a few of them failed.
const MANY: &str = "
    INSERT INTO jobs (id, kind, user_name, stage, state, task, created, updated, due, project, submitter, instrument)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
    SELECT n, 'upload', 'user', 'done', CASE WHEN n % 10 = 0 THEN 'FAILED' ELSE 'OK' END, 'ingest metadata', n, n, n,
        'project', 'submitter', 'instrument' FROM numbers;
    INSERT INTO archive_files (file_id, job_id, row_index, location, size, hash_type, hash_sum, archived_at)
    SELECT id, id, 0, id, 1, 'sha1', '', 1 FROM jobs;
    INSERT INTO outbox (event_id, job_id, state, ended, since, due, settled)
    SELECT id, id, 'delivered', '', 1, 1, 1 FROM jobs;
    INSERT INTO reports (job_id, revision, accepted, recorded, document) SELECT id, 1, 1, id, '{}' FROM jobs;
    INSERT INTO idempotency_keys (user_name, key, job_id, created) SELECT 'user', CAST(id AS TEXT), id, id FROM jobs;
    ANALYZE;";

/// Jobs that wait, and none that has ended.
const BACKLOG: &str = "
    INSERT INTO jobs (id, kind, user_name, stage, state, task, created, updated, received, due)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
    SELECT n, 'upload', 'user', 'waiting', 'OK', 'UPLOADING', n, n, n, n FROM numbers;
    ANALYZE;";

on_both! {
    async fn finished_jobs_cost_nothing_where_unfinished_ones_are_looked_for(place) {
        let db = place.db().await;
        db.write().await.unwrap().script(MANY).await.unwrap();
        for id in 60_000..60_020 {
            waiting(&db, id).await;
        }
        let failed = JobFilter { state: Some(State::Failed), limit: 50, ..JobFilter::default() };
        let waiting = JobFilter { stage: Some(Stage::Waiting), limit: 50, ..JobFilter::default() };
        let newest = JobFilter { before: Some(JobId::new(9)), limit: 50, ..JobFilter::default() };
        let project = JobFilter { project: Some("rare".to_owned()), limit: 50, ..JobFilter::default() };
        let moves = JobFilter { kind: Some(JobKind::Move), limit: 50, ..JobFilter::default() };
        let lists = [failed, waiting, newest, project, moves];
        let lists = lists.iter().map(list_statement).collect::<Vec<_>>();
        let mut statements = vec![
            (LOST_JOBS, vec![Arg::from(at(2)), Arg::from(10)]),
            (LOST_UPLOADS, vec![Arg::from(at(2))]),
            (COUNT_UNFINISHED, vec![]),
            (HOLDERS, vec![]),
            (FAILED_WITH_PLACES, vec![Arg::from(at(2))]),
            (DUE_EVENTS, vec![Arg::from(at(2)), Arg::from(8)]),
            (OLDEST_WAITING, vec![]),
            // Few are so old, and the others are not looked at.
            (OLD_REPORTS, vec![Arg::from(9), Arg::from(100)]),
            (OLD_EVENTS, vec![Arg::from(0), Arg::from(100)]),
            (OLD_KEYS, vec![Arg::from(9), Arg::from(100)]),
            (JOBS_FROM, vec![Arg::from(9), Arg::from(100)]),
        ];
        let changes = if place.is_sqlite() { CHANGES_SQLITE } else { CHANGES_POSTGRES };
        statements.push((changes, vec![Arg::from(db.newest_change().await.unwrap()), Arg::from(100)]));
        statements.extend(lists.iter().map(|(text, args)| (text.as_str(), args.clone())));
        for (statement, args) in statements {
            let plan = plan(&place, &db, statement, &args).await;
            for line in plan.lines() {
                let all = ["SCAN jobs", "SCAN archive_files", "SCAN event", "SCAN reports", "SCAN idempotency_keys", "SCAN outbox"].iter().any(|scan| line.contains(scan));
                let all = all && !line.contains("INDEX");
                // One row, whatever there is.
                let all = all || line.contains("Seq Scan") && !line.contains("job_change_base");
                assert!(!all, "{statement}\n{plan}");
            }
        }
        let plan = plan(&place, &db, LOST_JOBS, args![at(2), 10]).await;
        assert!(plan.contains("jobs_due"), "{plan}");
    }

    async fn waiting_jobs_cost_nothing_where_a_few_are_asked_for(place) {
        let db = place.db().await;
        db.write().await.unwrap().script(BACKLOG).await.unwrap();
        let newest = JobFilter { limit: 50, ..JobFilter::default() };
        let waiting = JobFilter { stage: Some(Stage::Waiting), limit: 50, ..JobFilter::default() };
        let lists = [newest, waiting];
        let lists = lists.iter().map(list_statement).collect::<Vec<_>>();
        let mut statements = vec![
            (LOST_JOBS, vec![Arg::from(Timestamp::from_micros(100_000)), Arg::from(4)]),
            (LOST_UPLOADS, vec![Arg::from(at(2))]),
            (OLDEST_WAITING, vec![]),
        ];
        statements.extend(lists.iter().map(|(text, args)| (text.as_str(), args.clone())));
        for (statement, args) in statements {
            let plan = plan(&place, &db, statement, &args).await;
            // Neither all of them, nor all of them sorted. The lost ones are few, put in order.
            let all = plan.contains("Seq Scan");
            let sorted = plan.contains("TEMP B-TREE") || plan.contains("Sort Key");
            let sorted = sorted && statement != LOST_JOBS && statement != LOST_UPLOADS;
            assert!(!all && !sorted, "{statement}\n{plan}");
            assert!(statement != LOST_JOBS || plan.contains("jobs_due"), "{plan}");
        }
    }
}
