use super::*;
use crate::db::{NewRevision, PutRevisionError, TableRecord, TableUse};
use crate::model::{Revision, TableName};

fn name(text: &str) -> TableName {
    text.parse().unwrap()
}

fn record(table: &str, digest: &str, second: i64) -> TableRecord {
    TableRecord {
        name: name(table),
        version: 0,
        digest: digest.to_owned(),
        columns: vec!["id".to_owned(), "pi".to_owned()],
        rows: 2,
        size: 9,
        author: "ada".to_owned(),
        created: at(second),
    }
}

on_both! {
    async fn every_change_of_a_table_is_a_version_and_old_ones_stay(place) {
        let db = place.db().await;
        let (one, two) = (record("projects", "sha256:aa", 1), record("projects", "sha256:bb", 2));
        let (put, fresh) = db.put_table(&one, b"first").await.unwrap();
        assert_eq!((&put, fresh), (&TableRecord { version: 1, ..one.clone() }, true));
        // The newest once more is no new version; an older one is.
        assert_eq!(db.put_table(&record("projects", "sha256:aa", 5), b"first").await.unwrap(), (put, false));
        assert_eq!(db.put_table(&two, b"second").await.unwrap().0.version, 2);
        assert_eq!(db.put_table(&one, b"first").await.unwrap().0.version, 3);
        db.put_table(&record("instruments", "sha256:aa", 3), b"other").await.unwrap();

        let versions = db.table_versions(&name("projects")).await.unwrap();
        assert_eq!(versions.iter().map(|record| record.version).collect::<Vec<_>>(), [3, 2, 1]);
        let newest: Vec<_> = db.tables().await.unwrap().into_iter().map(|one| (one.name, one.version)).collect();
        assert_eq!(newest, [(name("instruments"), 1), (name("projects"), 3)]);
        assert_eq!(db.table_digest(&name("projects")).await.unwrap().as_deref(), Some("sha256:aa"));
        assert_eq!(db.table_digest(&name("ghosts")).await.unwrap(), None);
        let contents = |table: &'static str, digest| {
            let db = db.clone();
            async move { db.table_contents(&name(table), digest).await.unwrap() }
        };
        assert_eq!(contents("projects", "sha256:bb").await.as_deref(), Some(&b"second"[..]));
        assert_eq!(contents("instruments", "sha256:aa").await.as_deref(), Some(&b"other"[..]));
        assert_eq!(contents("instruments", "sha256:bb").await, None);
    }

    async fn a_table_that_a_revision_grants_is_not_removed(place) {
        let db = place.db().await;
        let projects = [name("projects")];
        let revision = |tables| NewRevision {
            rules: "[]", plugins: &[], tables, message: "why", author: "ada", origin: "test", created: at(1),
        };
        let refused = db.put_revision(None, revision(&projects)).await.unwrap_err();
        assert!(matches!(refused, PutRevisionError::TableGone(_)), "{refused}");
        db.put_table(&record("projects", "sha256:aa", 1), b"first").await.unwrap();
        db.put_table(&record("spare", "sha256:aa", 1), b"first").await.unwrap();
        let first = db.put_revision(None, revision(&projects)).await.unwrap();
        db.put_revision(Some(first), revision(&[])).await.unwrap();
        assert_eq!(db.delete_table(&projects[0]).await.unwrap(), TableUse::Revision(Revision::new(1)));
        assert_eq!(db.delete_table(&name("spare")).await.unwrap(), TableUse::Removed);
        assert_eq!(db.delete_table(&name("spare")).await.unwrap(), TableUse::NoSuchTable);
        assert_eq!(db.table_versions(&name("spare")).await.unwrap(), []);
        assert!(db.table_contents(&projects[0], "sha256:aa").await.unwrap().is_some());
    }
}
