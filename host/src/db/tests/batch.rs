use futures::FutureExt as _;

use super::*;
use crate::db::arg::args;
use crate::db::batch::Batch;
use crate::db::{Durability, IdMode};

/// Two statements that count, of which the second may fail.
fn counting(second: &'static str) -> Batch<'static> {
    let mut batch = Batch::new(true);
    batch.add("UPDATE ids SET next = next + $2 WHERE mode = $1", args!["job", 10_i64].to_vec());
    batch.add(second, args!["file", 5_i64].to_vec());
    batch
}

const WELL: &str = "UPDATE ids SET next = next + $2 WHERE mode = $1 RETURNING next";

on_both! {
    async fn a_batch_is_carried_out_whole_and_answers_in_order(place) {
        let db = place.db().await;
        let answers = db.carry_out(Durability::Durable, counting(WELL)).await.unwrap();
        assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(answers[1][0].get::<i64>("next").unwrap(), 6);
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 11..12);
    }

    async fn a_batch_that_fails_half_way_changes_nothing_and_holds_up_nobody(place) {
        let db = place.db().await;
        let twice = "INSERT INTO ids (mode, next) VALUES ($1, $2)";
        let error = db.carry_out(Durability::Relaxed, counting(twice)).await.err().unwrap();
        assert!(error.is_taken(), "{error}");
        assert_eq!(db.take_ids(IdMode::Job, 1).await.unwrap(), 1..2);
        // Others can write as well: no transaction is left open.
        assert_eq!(place.open().await.take_ids(IdMode::Job, 1).await.unwrap(), 2..3);
    }

    async fn a_batch_that_nobody_waits_for_any_more_is_carried_out_or_not_and_leaves_nothing_open(place) {
        let db = place.db().await;
        for _ in 0..200 {
            // Polled once, and dropped wherever that has brought it.
            drop(db.carry_out(Durability::Relaxed, counting(WELL)).now_or_never());
            db.take_ids(IdMode::Job, 1).await.unwrap();
        }
        let mut both = Batch::new(true);
        for mode in ["job", "file"] {
            both.add("UPDATE ids SET next = next + 1 WHERE mode = $1 RETURNING next", args![mode].to_vec());
        }
        let answers = place.open().await.carry_out(Durability::Relaxed, both).await.unwrap();
        let next = |answer: usize| answers[answer][0].get::<i64>("next").unwrap() - 2;
        // Each batch has counted ten jobs and five files, or neither.
        assert_eq!((next(0) - 200) / 10, next(1) / 5, "{} jobs and {} files", next(0), next(1));
        assert_eq!(((next(0) - 200) % 10, next(1) % 5), (0, 0));
    }
}
