//! The schema and its versions.
//!
//! Migrations are part of the program and are applied in the order of their numbers, all that are pending in one
//! transaction: a database has either all of them or is as it was. Processes that start together take turns.

use super::arg::args;
use super::error::{DbError, Result};
use super::session::Session;
use super::{Db, Durability, Pools};
use crate::model::{Digest, HashKind, Timestamp};

/// Any number that no other program locks on the same server.
const LOCK: &str = "SELECT pg_advisory_xact_lock(5784131246)";

/// How the schema of a database compares to the one that this program was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// The same.
    Equal,
    /// These migrations are missing; [`Db::sync`] applies them.
    Behind(Vec<String>),
    /// A newer program has applied these migrations.
    Ahead(Vec<String>),
}

pub(super) struct Migration {
    /// `0001_jobs`; the number in front orders them.
    pub(super) name: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// All migrations, in order. They are added to, never edited: databases have them already.
pub(super) const MIGRATIONS: &[Migration] = migrations![
    "0001_jobs",
    "0002_archive",
    "0003_metadata",
    "0004_policy",
    "0005_open_places",
    "0006_access",
    "0007_requests",
    "0008_tables",
    "0009_changes",
    "0010_sessions",
    "0011_outbox",
    "0012_store_uploads",
    "0013_retention"
];

impl Db {
    /// Applies the migrations that are missing, and returns their names. A database that is ahead of this program is
    /// refused.
    pub async fn sync(&self, now: Timestamp) -> Result<Vec<String>> {
        let applied = self.apply(MIGRATIONS, now).await?;
        self.count_changes_on().await?;
        Ok(applied)
    }

    /// Compares the schema to this program's.
    pub async fn check(&self) -> Result<SchemaState> {
        let mut session = self.read().await?;
        let exists = match self.pools {
            Pools::Sqlite { .. } => "SELECT 1 AS one FROM sqlite_schema WHERE name = 'schema_migrations'",
            Pools::Postgres(_) => "SELECT 1 AS one WHERE to_regclass('schema_migrations') IS NOT NULL",
        };
        let applied = match session.row(exists, &[]).await? {
            Some(_) => self.applied(&mut session).await?,
            None => Vec::new(),
        };
        self.compare(MIGRATIONS, &applied)
    }

    pub(super) async fn apply(&self, migrations: &[Migration], now: Timestamp) -> Result<Vec<String>> {
        let mut session = self.begin(Durability::Durable).await?;
        if let Pools::Postgres(_) = self.pools {
            session.rows(LOCK, &[]).await?;
        }
        let table = "CREATE TABLE IF NOT EXISTS schema_migrations
            (name TEXT PRIMARY KEY, digest TEXT NOT NULL, applied BIGINT NOT NULL)";
        session.execute(table, &[]).await?;
        let applied = self.applied(&mut session).await?;
        let pending = match self.compare(migrations, &applied)? {
            SchemaState::Equal => Vec::new(),
            SchemaState::Behind(pending) => pending,
            SchemaState::Ahead(newer) => {
                return Err(DbError::Schema(format!(
                    "the database is ahead of this program by {}; run the newer program",
                    newer.join(", ")
                )));
            }
        };
        for migration in migrations.iter().filter(|migration| pending.iter().any(|name| name == migration.name)) {
            let text = self.text(migration);
            session.script(text).await?;
            session
                .execute(
                    "INSERT INTO schema_migrations (name, digest, applied) VALUES ($1, $2, $3)",
                    args![migration.name, &digest(text), now],
                )
                .await?;
        }
        session.commit().await?;
        Ok(pending)
    }

    async fn applied(&self, session: &mut Session) -> Result<Vec<(String, String)>> {
        let rows = session.rows("SELECT name, digest FROM schema_migrations ORDER BY name", &[]).await?;
        rows.iter().map(|row| Ok((row.get("name")?, row.get("digest")?))).collect()
    }

    fn compare(&self, migrations: &[Migration], applied: &[(String, String)]) -> Result<SchemaState> {
        let mut newer = Vec::new();
        for (name, known) in applied {
            match migrations.iter().find(|migration| migration.name == name) {
                None => newer.push(name.clone()),
                Some(migration) if digest(self.text(migration)) != *known => {
                    return Err(DbError::Schema(format!(
                        "the database has another migration {name} than this program: they are of different builds; \
                         run the program that made the database"
                    )));
                }
                Some(_) => {}
            }
        }
        let missing = migrations.iter().filter(|migration| applied.iter().all(|(name, _)| name != migration.name));
        let missing: Vec<_> = missing.map(|migration| migration.name.to_owned()).collect();
        Ok(match (newer.is_empty(), missing.is_empty()) {
            (true, true) => SchemaState::Equal,
            (true, false) => SchemaState::Behind(missing),
            (false, _) => SchemaState::Ahead(newer),
        })
    }

    fn text(&self, migration: &Migration) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => migration.sqlite,
            Pools::Postgres(_) => migration.postgres,
        }
    }
}

fn digest(text: &str) -> String {
    Digest::of(HashKind::Sha256, text.as_bytes()).hex
}
