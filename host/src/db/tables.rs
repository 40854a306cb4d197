//! Lookup tables and their versions. Versions are only ever added.

use super::arg::{args, whole};
use super::session::{Row, Session};
use super::{Db, DbError, Durability, Result};
use crate::model::{Revision, Table, TableFormat, TableName, Timestamp};

/// A version of a table without its contents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct TableRecord {
    /// The table.
    pub name: TableName,
    /// Which version of it, counted from 1.
    pub version: u64,
    /// `sha256:` and the digest of its contents.
    pub digest: String,
    /// The names of its columns; the first one holds the keys.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
    /// Bytes of its contents.
    pub size: u64,
    /// Who loaded it.
    pub author: String,
    /// When.
    pub created: Timestamp,
}

/// What became of the wish to remove a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableUse {
    /// It is gone, with all its versions.
    Removed,
    /// This revision, the latest that does, grants it to a rule.
    Revision(Revision),
    /// There is none.
    NoSuchTable,
}

macro_rules! table_columns {
    () => {
        "name, version, digest, columns, table_rows, size, author, created"
    };
}

impl Db {
    /// Adds a version of a table, whose number is set here. Durable. The version that is the newest now, and whether it
    /// was added: the newest one once more is no new version.
    pub async fn put_table(&self, record: &TableRecord, contents: &[u8]) -> Result<(TableRecord, bool)> {
        let (name, digest) = (record.name.as_str(), record.digest.as_str());
        let mut session = self.begin(Durability::Durable).await?;
        // This holds the table's row: of two that come together, one waits for the other.
        let made = session
            .execute(
                "INSERT INTO lookup_tables (name, version, digest) VALUES ($1, 1, $2)
                 ON CONFLICT (name) DO UPDATE SET version = lookup_tables.version + 1, digest = excluded.digest
                 WHERE lookup_tables.digest <> excluded.digest",
                args![name, digest],
            )
            .await?;
        if made > 0 {
            let columns = serde_json::to_string(&record.columns).expect("names are always JSON");
            let sql = concat!(
                "INSERT INTO lookup_table_versions (",
                table_columns!(),
                ", contents) SELECT name, version, digest, $2, $3, $4, $5, $6, $7 FROM lookup_tables WHERE name = $1"
            );
            let (rows, size) = (whole(record.rows), whole(record.size));
            session.execute(sql, args![name, &columns, rows, size, &record.author, record.created, contents]).await?;
        }
        let newest = newest(&mut session, name).await?;
        session.commit().await?;
        Ok((newest.unwrap_or_else(|| record.clone()), made > 0))
    }

    /// The newest version of each table, by name.
    pub async fn tables(&self) -> Result<Vec<TableRecord>> {
        let sql = concat!(
            "SELECT ",
            table_columns!(),
            " FROM lookup_table_versions WHERE (name, version) IN (SELECT name, version FROM lookup_tables) ORDER BY name"
        );
        self.read().await?.rows(sql, &[]).await?.iter().map(read_table).collect()
    }

    /// All versions of a table, newest first; none where there is no such table.
    pub async fn table_versions(&self, name: &TableName) -> Result<Vec<TableRecord>> {
        let sql =
            concat!("SELECT ", table_columns!(), " FROM lookup_table_versions WHERE name = $1 ORDER BY version DESC");
        self.read().await?.rows(sql, args![name.as_str()]).await?.iter().map(read_table).collect()
    }

    /// The digest of a table's newest version: cheap enough to be asked for with every job.
    pub async fn table_digest(&self, name: &TableName) -> Result<Option<String>> {
        let sql = "SELECT digest FROM lookup_tables WHERE name = $1";
        self.read().await?.row(sql, args![name.as_str()]).await?.map(|row| row.get("digest")).transpose()
    }

    /// The contents of a version.
    pub async fn table_contents(&self, name: &TableName, digest: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT contents FROM lookup_table_versions WHERE name = $1 AND digest = $2 LIMIT 1";
        self.read().await?.row(sql, args![name.as_str(), digest]).await?.map(|row| row.get("contents")).transpose()
    }

    /// A version, read off the threads that serve others.
    pub async fn table(&self, name: &TableName, digest: &str) -> Result<Option<Table>> {
        let Some(contents) = self.table_contents(name, digest).await? else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || Table::parse(&contents, TableFormat::Csv, None));
        let read = read.await.map_err(|error| DbError::unreadable("contents", error))?;
        Ok(Some(read.map_err(|mistakes| DbError::unreadable("contents", mistakes.join("; ")))?))
    }

    /// Removes a table with all its versions, unless a revision grants it to a rule: a report of that revision names a
    /// version, and its verdict could not be run again otherwise. Durable.
    pub async fn delete_table(&self, name: &TableName) -> Result<TableUse> {
        let name = name.as_str();
        let mut session = self.begin(Durability::Durable).await?;
        // A revision that is just being made holds the row, and is seen once it is there.
        if !hold_table(&mut session, name).await? {
            return Ok(TableUse::NoSuchTable);
        }
        let row = session.row("SELECT MAX(revision) AS latest FROM table_grants WHERE name = $1", args![name]).await?;
        if let Some(revision) = row.map_or(Ok(None), |row| row.get::<Option<i64>>("latest"))? {
            return Ok(TableUse::Revision(Revision::new(revision)));
        }
        session.execute("DELETE FROM lookup_table_versions WHERE name = $1", args![name]).await?;
        session.execute("DELETE FROM lookup_tables WHERE name = $1", args![name]).await?;
        session.commit().await?;
        Ok(TableUse::Removed)
    }
}

/// Holds a table's row until the transaction ends. Whether there is one.
pub(super) async fn hold_table(session: &mut Session, name: &str) -> Result<bool> {
    Ok(session.execute("UPDATE lookup_tables SET version = version WHERE name = $1", args![name]).await? > 0)
}

async fn newest(session: &mut Session, name: &str) -> Result<Option<TableRecord>> {
    let sql = concat!(
        "SELECT ",
        table_columns!(),
        " FROM lookup_table_versions WHERE name = $1 ORDER BY version DESC LIMIT 1"
    );
    session.row(sql, args![name]).await?.as_ref().map(read_table).transpose()
}

fn read_table(row: &Row) -> Result<TableRecord> {
    let columns: String = row.get("columns")?;
    let count = |column: &str| Ok::<_, DbError>(u64::try_from(row.get::<i64>(column)?).unwrap_or(0));
    Ok(TableRecord {
        name: row.parse("name")?,
        version: count("version")?,
        digest: row.get("digest")?,
        columns: serde_json::from_str(&columns).map_err(|error| DbError::unreadable("columns", error))?,
        rows: count("table_rows")?,
        size: count("size")?,
        author: row.get("author")?,
        created: Timestamp::from_micros(row.get("created")?),
    })
}
