use super::*;
use crate::db::{DbError, NewTransaction, PutTransactionError, Reservation};
use crate::model::{Digest, Document, FileId, HashKind, KeyValue, Stage};

fn document(title: &str, files: usize) -> Document {
    let mut rows = vec![
        r#"{"destinationTable": "Transactions.submitter", "value": 10}"#.to_owned(),
        r#"{"destinationTable": "Transactions.project", "value": "1234a"}"#.to_owned(),
        format!(r#"{{"destinationTable": "TransactionKeyValue", "key": "title", "value": "{title}"}}"#),
        r#"{"destinationTable": "TransactionKeyValue", "key": "nul", "value": "a\u0000b"}"#.to_owned(),
    ];
    for file in 0..files {
        rows.push(format!(
            r#"{{"destinationTable": "Files", "_id": {file}, "name": "日本{file}.dat", "subdir": "data/a//b", "size": {file},
                "mimetype": "text/plain", "hashtype": "sha1", "hashsum": "SHA1:AB", "ctime": "2018-01-25", "mtime": "now"}}"#
        ));
    }
    if files > 0 {
        for key in ["one", "two"] {
            rows.push(format!(r#"{{"destinationTable": "FileKeyValue", "file_id": 0, "key": "{key}", "value": 1}}"#));
        }
    }
    Document::parse(format!("[{}]", rows.join(",")).into_bytes()).unwrap()
}

fn ids(from: i64, count: i64) -> Vec<FileId> {
    (from..from + count).map(FileId::new).collect()
}

fn new<'a>(job: i64, document: &'a Document, file_ids: &'a [FileId]) -> NewTransaction<'a> {
    NewTransaction { job: JobId::new(job), user: "ada", received: at(1), document, file_ids }
}

on_both! {
    async fn a_transaction_comes_back_whole(place) {
        let db = place.db().await;
        let document = document("first", 2);
        let ids = ids(7, 2);
        let hash = Digest::of(HashKind::Sha1, b"");
        let place = Reservation { file_id: ids[1], row: 1, location: "1/somewhere".to_owned(), size: 1, hash };
        db.reserve(JobId::new(1), &[place]).await.unwrap();
        db.put_transaction(&new(1, &document, &ids)).await.unwrap();
        let stored = db.transaction(JobId::new(1)).await.unwrap().unwrap();
        assert_eq!((stored.submitter.as_deref(), stored.project.as_deref()), (Some("10"), Some("1234a")));
        assert_eq!((stored.instrument, stored.user.as_str(), stored.received), (None, "ada", at(1)));
        assert_eq!(stored.document, **document.text());
        let pair = |key: &str, value: &str| KeyValue { key: key.to_owned(), value: value.to_owned() };
        assert_eq!(stored.key_values, [pair("title", "first"), pair("nul", "a\u{fffd}b")]);
        let [first, second] = &stored.files[..] else { panic!("two files") };
        assert_eq!((first.id, first.row, first.path.as_str()), (FileId::new(7), 0, "a/b/日本0.dat"));
        assert_eq!((first.name.as_str(), first.subdir.as_str(), first.size), ("日本0.dat", "data/a//b", Some(0)));
        assert_eq!((first.hash_type.as_str(), first.hash_sum.as_deref()), ("sha1", Some("ab")));
        assert_eq!(first.key_values, [pair("one", "1"), pair("two", "1")]);
        assert_eq!((&first.location, second.location.as_deref()), (&None, Some("1/somewhere")));
        for file in &stored.files {
            assert_eq!(db.file(file.id).await.unwrap().as_ref(), Some(file));
        }
        assert_eq!(db.transaction(JobId::new(2)).await.unwrap(), None);
        assert_eq!(db.file(FileId::new(99)).await.unwrap(), None);
    }

    async fn a_transaction_is_recorded_once_and_never_changed(place) {
        let db = place.db().await;
        let (first, other) = (document("first", 1), document("other", 1));
        let ids = ids(1, 1);
        db.put_transaction(&new(1, &first, &ids)).await.unwrap();
        db.put_transaction(&new(1, &first, &ids)).await.unwrap();
        let error = db.put_transaction(&new(1, &other, &ids)).await.unwrap_err();
        assert!(matches!(error, PutTransactionError::TransactionExists(job) if job.get() == 1), "{error}");
        let error = db.put_transaction(&new(2, &other, &ids)).await.unwrap_err();
        assert!(matches!(error, PutTransactionError::FileExists(job) if job.get() == 2), "{error}");
        assert_eq!(db.transaction(JobId::new(2)).await.unwrap(), None);
        let error = db.put_transaction(&new(3, &other, &[])).await.unwrap_err();
        assert!(matches!(error, PutTransactionError::FileIds { files: 1, ids: 0 }), "{error}");
        assert_eq!(db.transaction(JobId::new(1)).await.unwrap().unwrap().document, **first.text());
    }

    async fn a_transaction_and_the_end_of_its_job_are_recorded_both_or_none(place) {
        let db = place.db().await;
        // A few rows, and more than go in one piece.
        for (id, files) in [(1, 2), (2, 40)] {
            let document = document("first", files);
            let ids = ids(id * 100, i64::try_from(files).unwrap());
            let (job, claim) = running(&db, id).await;
            let transaction = new(id, &document, &ids);
            let again = db.finish_with(job, claim.epoch + 1, at(5), end(State::Ok), &transaction).await;
            assert!(matches!(again, Err(PutTransactionError::Db(DbError::LeaseLost(lost))) if lost == job), "{again:?}");
            if files == 2 {
                assert_eq!(db.transaction(job).await.unwrap(), None, "of a job that another worker has");
            }
            for _ in 0..2 {
                db.finish_with(job, claim.epoch, at(6), end(State::Ok), &transaction).await.unwrap().flush().await.unwrap();
            }
            assert_eq!(db.get_job(job).await.unwrap().unwrap().stage, Stage::Done);
            let stored = db.transaction(job).await.unwrap().unwrap();
            assert_eq!((stored.document, stored.files.len()), ((**document.text()).to_owned(), files));
        }
        // One that other files have taken the ids of goes on as it was.
        let (document, taken) = (document("other", 2), ids(101, 2));
        let (job, claim) = running(&db, 3).await;
        let error = db.finish_with(job, claim.epoch, at(7), end(State::Ok), &new(3, &document, &taken)).await.unwrap_err();
        assert!(matches!(error, PutTransactionError::FileExists(_)), "{error}");
        assert_eq!(db.transaction(job).await.unwrap(), None);
        assert_eq!(db.get_job(job).await.unwrap().unwrap().stage, Stage::Running);
    }

    async fn of_two_at_once_both_find_the_transaction_recorded(place) {
        let (db, other) = (place.db().await, place.open().await);
        let tasks: Vec<_> = [db.clone(), other, db.clone()]
            .into_iter()
            .map(|db| {
                tokio::spawn(async move {
                    let (document, ids) = (document("same", 3), ids(1, 3));
                    db.put_transaction(&new(1, &document, &ids)).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(db.transaction(JobId::new(1)).await.unwrap().unwrap().files.len(), 3);
    }

    async fn a_hundred_thousand_files_are_no_trouble(place) {
        let db = place.db().await;
        let count = 100_000;
        let document = document("many", usize::try_from(count).unwrap());
        let ids = ids(1, count);
        let begun = std::time::Instant::now();
        db.put_transaction(&new(1, &document, &ids)).await.unwrap();
        let put = begun.elapsed();
        let stored = db.transaction(JobId::new(1)).await.unwrap().unwrap();
        println!("put in {put:?}, read in {:?}", begun.elapsed() - put);
        assert_eq!(stored.files.len(), 100_000);
        assert!(stored.files.iter().zip(&ids).all(|(file, id)| file.id == *id));
    }
}
