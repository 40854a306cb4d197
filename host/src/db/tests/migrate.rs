use super::*;
use crate::db::migrate::{MIGRATIONS, Migration};
use crate::db::{DbError, SchemaState};

fn names(migrations: &[Migration]) -> Vec<String> {
    migrations.iter().map(|migration| migration.name.to_owned()).collect()
}

/// Today's migrations and one of tomorrow's.
fn with_a_newer_one(sqlite: &'static str, postgres: &'static str) -> Vec<Migration> {
    let copy = |migration: &Migration| Migration { ..*migration };
    MIGRATIONS.iter().map(copy).chain([Migration { name: "9999_newer", sqlite, postgres }]).collect()
}

on_both! {
    async fn an_empty_database_gets_all_tables_once(place) {
        let db = place.open().await;
        assert_eq!(db.check().await.unwrap(), SchemaState::Behind(names(MIGRATIONS)));
        assert_eq!(db.sync(at(0)).await.unwrap(), names(MIGRATIONS));
        assert_eq!(db.check().await.unwrap(), SchemaState::Equal);
        assert_eq!(db.sync(at(1)).await.unwrap(), Vec::<String>::new());
        db.ping().await.unwrap();
    }

    async fn of_processes_that_start_at_once_one_applies_the_migrations(place) {
        let starts: Vec<_> = (0..6)
            .map(|_| {
                let place = place.clone();
                tokio::spawn(async move { place.open().await.sync(at(0)).await.unwrap() })
            })
            .collect();
        let mut applied = Vec::new();
        for start in starts {
            applied.extend(start.await.unwrap());
        }
        assert_eq!(applied, names(MIGRATIONS));
    }

    async fn a_database_with_jobs_keeps_them_through_a_migration(place) {
        let db = place.db().await;
        let id = waiting(&db, 1).await;
        let before = db.get_job(id).await.unwrap();
        let add = "ALTER TABLE jobs ADD COLUMN colour TEXT; CREATE INDEX jobs_colour ON jobs (colour);";
        let newer = with_a_newer_one(add, add);
        assert_eq!(db.apply(&newer, at(5)).await.unwrap(), ["9999_newer"]);
        assert_eq!(place.open().await.get_job(id).await.unwrap(), before);
    }

    async fn a_migration_that_fails_changes_nothing(place) {
        let db = place.open().await;
        let broken = "CREATE TABLE one (a BIGINT); CREATE TABLE one (a BIGINT);";
        assert!(db.apply(&with_a_newer_one(broken, broken), at(0)).await.is_err());
        assert_eq!(db.check().await.unwrap(), SchemaState::Behind(names(MIGRATIONS)));
        assert_eq!(db.sync(at(0)).await.unwrap(), names(MIGRATIONS));
    }

    async fn a_database_of_a_newer_program_is_refused(place) {
        let db = place.db().await;
        db.apply(&with_a_newer_one("SELECT 1", "SELECT 1"), at(0)).await.unwrap();
        assert_eq!(db.check().await.unwrap(), SchemaState::Ahead(vec!["9999_newer".to_owned()]));
        let error = db.sync(at(1)).await.unwrap_err();
        assert!(matches!(&error, DbError::Schema(what) if what.contains("9999_newer")), "{error}");
    }

    async fn a_migration_that_was_edited_is_noticed(place) {
        let db = place.db().await;
        db.apply(&with_a_newer_one("SELECT 1", "SELECT 1"), at(0)).await.unwrap();
        let error = db.apply(&with_a_newer_one("SELECT 2", "SELECT 2"), at(0)).await.unwrap_err();
        assert!(matches!(error, DbError::Schema(_)), "{error}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_and_not_made() {
    let place = Place::sqlite();
    let error = Db::open(&place.url, false).await.unwrap_err();
    assert!(matches!(&error, DbError::NoDatabase(file) if file.ends_with("sluice.db")), "{error}");
    let DatabaseUrl::Sqlite(file) = &place.url else { panic!("a file") };
    assert!(!file.exists());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_temporary_fault() {
    let nobody = DatabaseUrl::Postgres("postgres://nobody@127.0.0.1:1/none".to_owned());
    let error = Db::open(&nobody, false).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
}

#[test]
fn migrations_are_in_the_order_of_their_numbers() {
    assert!(names(MIGRATIONS).is_sorted());
}
