//! Plugins and the revisions of the policy. Both are only ever added.

use super::arg::args;
use super::session::{Row, Session};
use super::tables::hold_table;
use super::{Db, DbError, Durability, Result};
use crate::model::{Revision, TableName, Timestamp};

/// A plugin without its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginRecord {
    /// `sha256:` and the digest of the component.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which interface it exports.
    pub kind: String,
    /// What it does, in a line.
    pub summary: String,
    /// JSON Schema of its configuration.
    pub config_schema: String,
    /// JSON array of the interfaces that it imports.
    pub imports: String,
    /// Size of the component in bytes.
    pub size: u64,
    /// When it was added.
    pub added: Timestamp,
}

/// A plugin and its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlugin {
    /// What is known of it.
    pub record: PluginRecord,
    /// The component.
    pub wasm: Vec<u8>,
}

/// A revision to add.
#[derive(Clone, Copy, Debug)]
pub struct NewRevision<'a> {
    /// JSON array of its rules.
    pub rules: &'a str,
    /// The plugins that these rules name, which must be there.
    pub plugins: &'a [String],
    /// The tables that these rules are granted, which must be there.
    pub tables: &'a [TableName],
    /// Why it was made.
    pub message: &'a str,
    /// Who made it.
    pub author: &'a str,
    /// What it came from: a call, a file, a rollback.
    pub origin: &'a str,
    /// When it was made.
    pub created: Timestamp,
}

/// A revision of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRevision {
    /// Its number.
    pub revision: Revision,
    /// JSON array of its rules.
    pub rules: String,
    /// Why it was made.
    pub message: String,
    /// Who made it.
    pub author: String,
    /// What it came from.
    pub origin: String,
    /// When it was made.
    pub created: Timestamp,
}

/// What became of the wish to remove a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginUse {
    /// It is gone.
    Removed,
    /// This revision, the latest that does, names it.
    Revision(Revision),
    /// There is none.
    NoSuchPlugin,
}

/// Why a revision was not added.
#[derive(Debug, thiserror::Error)]
pub enum PutRevisionError {
    /// The policy was changed since the caller looked at it; this is the latest revision now.
    #[error("{}", conflict_text(.latest))]
    Conflict {
        /// None where there is no revision at all.
        latest: Option<Revision>,
    },
    /// A plugin of its rules was removed meanwhile.
    #[error("the plugin {0} was removed just now; add it again")]
    PluginGone(String),
    /// A table that its rules are granted is not there.
    #[error("there is no table {0}; load it with `sluice table put {0} FILE`")]
    TableGone(TableName),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

fn conflict_text(latest: &Option<Revision>) -> String {
    match latest {
        Some(latest) => format!("the policy is at revision {latest} by now; look at it and change that one"),
        None => "there is no policy yet; add the first revision".to_owned(),
    }
}

macro_rules! plugin_columns {
    () => {
        "digest, name, version, kind, summary, config_schema, imports, size, added"
    };
}

macro_rules! revision_columns {
    () => {
        "revision, rules, message, author, origin, created"
    };
}

impl Db {
    /// Adds a plugin. Durable. Whether it is a new one; the same component again is left as it was.
    pub async fn put_plugin(&self, record: &PluginRecord, wasm: &[u8]) -> Result<bool> {
        let mut session = self.begin(Durability::Durable).await?;
        let made = session
            .execute(
                concat!(
                    "INSERT INTO plugins (",
                    plugin_columns!(),
                    ", wasm) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (digest) DO NOTHING"
                ),
                args![
                    &record.digest,
                    &record.name,
                    &record.version,
                    &record.kind,
                    &record.summary,
                    &record.config_schema,
                    &record.imports,
                    super::arg::whole(record.size),
                    record.added,
                    wasm
                ],
            )
            .await?;
        session.commit().await?;
        Ok(made > 0)
    }

    /// Whether there is a plugin of this digest.
    pub async fn has_plugin(&self, digest: &str) -> Result<bool> {
        let sql = "SELECT 1 AS one FROM plugins WHERE digest = $1";
        Ok(self.read().await?.row(sql, args![digest]).await?.is_some())
    }

    /// A plugin and its code.
    pub async fn plugin(&self, digest: &str) -> Result<Option<StoredPlugin>> {
        let sql = concat!("SELECT ", plugin_columns!(), ", wasm FROM plugins WHERE digest = $1");
        let row = self.read().await?.row(sql, args![digest]).await?;
        row.map(|row| Ok(StoredPlugin { record: read_plugin(&row)?, wasm: row.get("wasm")? })).transpose()
    }

    /// All plugins without their code, by name, those of one name in the order in which they were added.
    pub async fn plugins(&self) -> Result<Vec<PluginRecord>> {
        let sql = concat!("SELECT ", plugin_columns!(), " FROM plugins ORDER BY name, added, digest");
        self.read().await?.rows(sql, &[]).await?.iter().map(read_plugin).collect()
    }

    /// What is known of a plugin, without its code.
    pub async fn plugin_record(&self, digest: &str) -> Result<Option<PluginRecord>> {
        let sql = concat!("SELECT ", plugin_columns!(), " FROM plugins WHERE digest = $1");
        self.read().await?.row(sql, args![digest]).await?.as_ref().map(read_plugin).transpose()
    }

    /// Removes a plugin that no revision names. Durable. A revision that names it keeps it for good: it could not be
    /// run again otherwise.
    pub async fn delete_plugin(&self, digest: &str) -> Result<PluginUse> {
        let mut session = self.begin(Durability::Durable).await?;
        // A revision that is just being made holds the row, and is seen once it is there.
        if !hold_plugin(&mut session, digest).await? {
            return Ok(PluginUse::NoSuchPlugin);
        }
        // Rules are kept without spaces, and nothing else in them is followed by a digest.
        let sql = "SELECT MAX(revision) AS latest FROM policy_revisions WHERE rules LIKE $1";
        let row = session.row(sql, args![&format!("%\"digest\":\"{digest}\"%")]).await?;
        if let Some(revision) = row.map_or(Ok(None), |row| row.get::<Option<i64>>("latest"))? {
            return Ok(PluginUse::Revision(Revision::new(revision)));
        }
        session.execute("DELETE FROM plugins WHERE digest = $1", args![digest]).await?;
        session.commit().await?;
        Ok(PluginUse::Removed)
    }

    /// The number of the latest revision: cheap enough to be asked for every second.
    pub async fn latest_revision_number(&self) -> Result<Option<Revision>> {
        let row = self.read().await?.row("SELECT MAX(revision) AS latest FROM policy_revisions", &[]).await?;
        Ok(row.map_or(Ok(None), |row| row.get::<Option<i64>>("latest"))?.map(Revision::new))
    }

    /// The latest revision; none where no policy was ever set.
    pub async fn latest_revision(&self) -> Result<Option<StoredRevision>> {
        Ok(self.revisions(None, 1).await?.pop())
    }

    /// One revision.
    pub async fn revision(&self, revision: Revision) -> Result<Option<StoredRevision>> {
        let sql = concat!("SELECT ", revision_columns!(), " FROM policy_revisions WHERE revision = $1");
        self.read().await?.row(sql, args![revision]).await?.as_ref().map(read_revision).transpose()
    }

    /// Revisions, newest first, those before the given one.
    pub async fn revisions(&self, before: Option<Revision>, limit: u32) -> Result<Vec<StoredRevision>> {
        let sql = concat!(
            "SELECT ",
            revision_columns!(),
            " FROM policy_revisions WHERE revision < $1 ORDER BY revision DESC LIMIT $2"
        );
        let before = before.map_or(i64::MAX, Revision::get);
        self.read().await?.rows(sql, args![before, i64::from(limit)]).await?.iter().map(read_revision).collect()
    }

    /// The latest revision whose origin begins so.
    pub async fn latest_revision_from(&self, origin: &str) -> Result<Option<StoredRevision>> {
        let sql = concat!(
            "SELECT ",
            revision_columns!(),
            " FROM policy_revisions WHERE origin LIKE $1 ORDER BY revision DESC LIMIT 1"
        );
        let pattern = format!("{}%", origin.replace(['%', '_'], ""));
        self.read().await?.row(sql, args![&pattern]).await?.as_ref().map(read_revision).transpose()
    }

    /// Adds the revision that follows the latest, if the latest is the one that the caller knows. Durable.
    pub async fn put_revision(
        &self,
        expected_latest: Option<Revision>,
        new: NewRevision<'_>,
    ) -> Result<Revision, PutRevisionError> {
        let expected = expected_latest.map_or(0, Revision::get);
        let mut session = self.begin(Durability::Durable).await?;
        // In one order, so that two revisions do not wait for each other.
        let mut plugins: Vec<&String> = new.plugins.iter().collect();
        plugins.sort();
        plugins.dedup();
        for digest in plugins {
            if !hold_plugin(&mut session, digest).await? {
                return Err(PutRevisionError::PluginGone(digest.clone()));
            }
        }
        let mut tables: Vec<&TableName> = new.tables.iter().collect();
        tables.sort();
        tables.dedup();
        for name in &tables {
            if !hold_table(&mut session, name.as_str()).await? {
                return Err(PutRevisionError::TableGone((*name).clone()));
            }
        }
        // Of two that follow the same revision, the key lets one in.
        let made = session
            .execute(
                concat!(
                    "INSERT INTO policy_revisions (",
                    revision_columns!(),
                    ") SELECT $1, $2, $3, $4, $5, $6
                     WHERE COALESCE((SELECT MAX(revision) FROM policy_revisions), 0) = $7
                     ON CONFLICT (revision) DO NOTHING"
                ),
                args![expected + 1, new.rules, new.message, new.author, new.origin, new.created, expected],
            )
            .await?;
        if made == 0 {
            drop(session);
            return Err(PutRevisionError::Conflict { latest: self.latest_revision_number().await? });
        }
        for name in tables {
            let sql = "INSERT INTO table_grants (name, revision) VALUES ($1, $2)";
            session.execute(sql, args![name.as_str(), expected + 1]).await?;
        }
        session.commit().await?;
        Ok(Revision::new(expected + 1))
    }
}

/// Holds a plugin's row until the transaction ends. Whether there is one.
async fn hold_plugin(session: &mut Session, digest: &str) -> Result<bool> {
    Ok(session.execute("UPDATE plugins SET added = added WHERE digest = $1", args![digest]).await? > 0)
}

fn read_plugin(row: &Row) -> Result<PluginRecord> {
    Ok(PluginRecord {
        digest: row.get("digest")?,
        name: row.get("name")?,
        version: row.get("version")?,
        kind: row.get("kind")?,
        summary: row.get("summary")?,
        config_schema: row.get("config_schema")?,
        imports: row.get("imports")?,
        size: u64::try_from(row.get::<i64>("size")?).unwrap_or(0),
        added: Timestamp::from_micros(row.get("added")?),
    })
}

fn read_revision(row: &Row) -> Result<StoredRevision> {
    Ok(StoredRevision {
        revision: Revision::new(row.get("revision")?),
        rules: row.get("rules")?,
        message: row.get("message")?,
        author: row.get("author")?,
        origin: row.get("origin")?,
        created: Timestamp::from_micros(row.get("created")?),
    })
}
