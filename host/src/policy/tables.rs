//! The tables of the site, as rules are given them.
//!
//! The database says which version is the newest, with every job anew: what one node has loaded, all read from the next
//! job on. Reading a version takes a while for a large table, so those in use are held.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::book::PolicyError;
use super::snapshot::Snapshot;
use crate::db::{Db, DbError, TableRecord, TableUse};
use crate::model::{Table, TableName, Timestamp};

/// The tables of the site.
pub struct Tables {
    db: Db,
    held: Mutex<Held>,
    /// One at a time: a hundred jobs that want the same new version are not to read it a hundred times.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    /// The newest version of each table that a rule has asked for.
    newest: HashMap<TableName, Arc<Table>>,
    /// All that are in use, by digest.
    in_use: HashMap<String, Weak<Table>>,
}

/// The versions that one job is judged with.
#[derive(Clone, Debug, Default)]
pub struct PinnedTables(BTreeMap<TableName, Arc<Table>>);

impl PinnedTables {
    /// Those of these names.
    pub(super) fn of(&self, names: &[TableName]) -> BTreeMap<String, Arc<Table>> {
        let found = names.iter().filter_map(|name| Some((name.to_string(), self.0.get(name)?.clone())));
        found.collect()
    }
}

/// Why tables cannot be given to a job.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A version is not kept.
    #[error("the version {digest} of the table {name} is not kept any more")]
    Gone {
        /// The table.
        name: TableName,
        /// The version.
        digest: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<PinError> for PolicyError {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Db(error) => Self::Db(error),
            gone @ PinError::Gone { .. } => Self::Failed(gone.into()),
        }
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

impl Tables {
    /// The tables of this database.
    pub(super) fn new(db: Db) -> Self {
        Self { db, held: Mutex::default(), reading: tokio::sync::Mutex::new(()) }
    }

    /// Makes a table the newest version of its name. What it is now, and whether that is new.
    pub async fn put(&self, name: TableName, table: &Table, author: &str) -> Result<(TableRecord, bool), DbError> {
        let contents = table.to_csv();
        let record = TableRecord {
            name,
            version: 0,
            digest: table.digest().to_owned(),
            columns: table.columns().to_vec(),
            rows: table.row_count() as u64,
            size: contents.len() as u64,
            author: author.to_owned(),
            created: Timestamp::now(),
        };
        self.db.put_table(&record, &contents).await
    }

    /// The newest version of each table.
    pub async fn list(&self) -> Result<Vec<TableRecord>, DbError> {
        self.db.tables().await
    }

    /// All versions of a table, newest first.
    pub async fn versions(&self, name: &TableName) -> Result<Vec<TableRecord>, DbError> {
        self.db.table_versions(name).await
    }

    /// A version as CSV.
    pub async fn csv(&self, name: &TableName, digest: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.db.table_contents(name, digest).await
    }

    /// Removes a table, unless a revision of the policy grants it.
    pub async fn remove(&self, name: &TableName) -> Result<TableUse, DbError> {
        let removed = self.db.delete_table(name).await?;
        if removed == TableUse::Removed {
            self.held().newest.remove(name);
        }
        Ok(removed)
    }

    /// Whether there is a table of this name.
    pub(super) async fn has(&self, name: &TableName) -> Result<bool, DbError> {
        Ok(self.db.table_digest(name).await?.is_some())
    }

    /// The names of all tables.
    pub(super) async fn names(&self) -> Result<Vec<String>, DbError> {
        Ok(self.db.tables().await?.into_iter().map(|record| record.name.into()).collect())
    }

    /// The tables that a snapshot's rules are granted: the version that `versions` names for a table, otherwise the
    /// newest at this moment.
    pub async fn pin(
        &self,
        snapshot: &Snapshot,
        versions: &BTreeMap<String, String>,
    ) -> Result<PinnedTables, PinError> {
        let mut pinned = BTreeMap::new();
        for name in snapshot.rules.iter().flat_map(|rule| &rule.grants.tables) {
            if pinned.contains_key(name) {
                continue;
            }
            let named = versions.get(name.as_str());
            let digest = match named {
                Some(digest) => digest.clone(),
                None => match self.db.table_digest(name).await? {
                    Some(digest) => digest,
                    None => continue,
                },
            };
            match self.version(name, &digest, named.is_none()).await? {
                Some(table) => drop(pinned.insert(name.clone(), table)),
                None => return Err(PinError::Gone { name: name.clone(), digest }),
            }
        }
        Ok(PinnedTables(pinned))
    }

    async fn version(&self, name: &TableName, digest: &str, newest: bool) -> Result<Option<Arc<Table>>, DbError> {
        if let Some(table) = self.find(name, digest, newest) {
            return Ok(Some(table));
        }
        let _turn = self.reading.lock().await;
        // Another one may have read it meanwhile.
        if let Some(table) = self.find(name, digest, newest) {
            return Ok(Some(table));
        }
        let Some(table) = self.db.table(name, digest).await? else { return Ok(None) };
        let table = Arc::new(table);
        let mut held = self.held();
        held.in_use.retain(|_, table| table.strong_count() > 0);
        held.in_use.insert(digest.to_owned(), Arc::downgrade(&table));
        if newest {
            held.newest.insert(name.clone(), table.clone());
        }
        Ok(Some(table))
    }

    fn find(&self, name: &TableName, digest: &str, newest: bool) -> Option<Arc<Table>> {
        let mut held = self.held();
        let table = held.in_use.get(digest).and_then(Weak::upgrade)?;
        if newest && held.newest.get(name).is_none_or(|held| !Arc::ptr_eq(held, &table)) {
            held.newest.insert(name.clone(), table.clone());
        }
        Some(table)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
