//! The metadata store: transactions, their files and their key-value pairs, written once.

use super::arg::{Arg, args, indexed, whole};
use super::session::{Row, Session};
use super::{Db, DbError, Durability, Result};
use crate::model::{Document, FileId, JobId, KeyValue, Timestamp, TransactionField};

/// A transaction to record.
#[derive(Clone, Debug)]
pub struct NewTransaction<'a> {
    /// The job, whose id it has.
    pub job: JobId,
    /// Who sent the bundle.
    pub user: &'a str,
    /// When it was on disk.
    pub received: Timestamp,
    /// Its metadata document.
    pub document: &'a Document,
    /// The ids of its files, in the order of their rows.
    pub file_ids: &'a [FileId],
}

/// Why a transaction was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum PutTransactionError {
    /// There is one of this id with another document.
    #[error("transaction {0} is recorded already, with other metadata")]
    TransactionExists(JobId),
    /// One of the files is recorded for another transaction.
    #[error("files of transaction {0} have ids that other files have: whatever gives out ids has given them out twice")]
    FileExists(JobId),
    /// Every Files row needs one id.
    #[error("{files} files and {ids} ids for them")]
    FileIds {
        /// Files rows of the document.
        files: usize,
        /// Ids given.
        ids: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A recorded transaction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StoredTransaction {
    /// The job, whose id it has.
    #[serde(rename = "job_id")]
    pub job: JobId,
    /// `Transactions.submitter`.
    pub submitter: Option<String>,
    /// `Transactions.project`.
    pub project: Option<String>,
    /// `Transactions.instrument`.
    pub instrument: Option<String>,
    /// Who sent the bundle.
    pub user: String,
    /// When it was on disk.
    pub received: Timestamp,
    /// metadata.txt, as it was sent.
    #[serde(skip)]
    pub document: String,
    /// The `TransactionKeyValue` rows, in order.
    pub key_values: Vec<KeyValue>,
    /// The `Files` rows, in order.
    pub files: Vec<StoredFile>,
}

/// What a transaction says of itself, without its files, which may be many.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct TransactionRows {
    /// `Transactions.submitter`.
    pub submitter: Option<String>,
    /// `Transactions.project`.
    pub project: Option<String>,
    /// `Transactions.instrument`.
    pub instrument: Option<String>,
    /// The `TransactionKeyValue` rows, in order.
    pub key_values: Vec<KeyValue>,
}

/// A recorded file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct StoredFile {
    /// Its id.
    #[serde(rename = "file_id")]
    pub id: FileId,
    /// The job that brought it.
    #[serde(rename = "job_id")]
    pub job: JobId,
    /// The place of its row among the Files rows of the document.
    pub row: usize,
    /// `name`, as it was sent.
    pub name: String,
    /// `subdir`, as it was sent.
    pub subdir: String,
    /// The path below `data/` that both mean.
    pub path: String,
    /// Size in bytes.
    pub size: Option<u64>,
    /// `mimetype`.
    pub mimetype: Option<String>,
    /// `hashtype`.
    pub hash_type: String,
    /// `hashsum`, in lower case and without a prefix.
    pub hash_sum: Option<String>,
    /// `ctime`, as it was sent.
    pub ctime: Option<String>,
    /// `mtime`, as it was sent.
    pub mtime: Option<String>,
    /// The `FileKeyValue` rows that name it.
    pub key_values: Vec<KeyValue>,
    /// Where it is in the archive; none where it has no place there.
    pub location: Option<String>,
}

impl Db {
    /// Records a transaction with all that belongs to it, or nothing. One that is recorded already with the same
    /// document is left as it is.
    pub async fn put_transaction(&self, new: &NewTransaction<'_>) -> Result<(), PutTransactionError> {
        let (files, ids) = (new.document.files().len(), new.file_ids.len());
        if files != ids {
            return Err(PutTransactionError::FileIds { files, ids });
        }
        let value = |field| new.document.value(field).map(indexed);
        let document: &str = new.document.text();
        let mut session = self.begin(Durability::Relaxed).await?;
        let made = session
            .execute(
                "INSERT INTO transactions (job_id, submitter, project, instrument, user_name, received, document)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (job_id) DO NOTHING",
                args![
                    new.job,
                    value(TransactionField::Submitter),
                    value(TransactionField::Project),
                    value(TransactionField::Instrument),
                    new.user,
                    new.received,
                    document
                ],
            )
            .await?;
        if made == 0 {
            // All of a transaction is written at once, so where its row is, the rest is.
            let same = "SELECT 1 AS one FROM transactions WHERE job_id = $1 AND document = $2";
            return match session.row(same, args![new.job, document]).await? {
                Some(_) => Ok(()),
                None => Err(PutTransactionError::TransactionExists(new.job)),
            };
        }
        if put_files(&mut session, new).await? < files as u64 {
            return Err(PutTransactionError::FileExists(new.job));
        }
        put_key_values(&mut session, new).await?;
        Ok(session.commit().await?)
    }

    /// What a transaction says of itself.
    pub async fn transaction_rows(&self, job: JobId) -> Result<Option<TransactionRows>> {
        let mut session = self.read().await?;
        let sql = "SELECT submitter, project, instrument FROM transactions WHERE job_id = $1";
        let Some(row) = session.row(sql, args![job]).await? else { return Ok(None) };
        Ok(Some(TransactionRows {
            submitter: row.get("submitter")?,
            project: row.get("project")?,
            instrument: row.get("instrument")?,
            key_values: key_values(&mut session, job).await?,
        }))
    }

    /// A transaction with all that belongs to it.
    pub async fn transaction(&self, job: JobId) -> Result<Option<StoredTransaction>> {
        let mut session = self.read().await?;
        let sql = "SELECT submitter, project, instrument, user_name, received, document
                   FROM transactions WHERE job_id = $1";
        let Some(row) = session.row(sql, args![job]).await? else { return Ok(None) };
        let key_values = key_values(&mut session, job).await?;
        let sql = "SELECT files.*, archive_files.location FROM files
                   LEFT JOIN archive_files ON archive_files.file_id = files.file_id
                   WHERE files.job_id = $1 ORDER BY files.row_index";
        let mut files =
            session.rows(sql, args![job]).await?.iter().map(read_file).collect::<Result<Vec<StoredFile>>>()?;
        let sql = "SELECT files.row_index, pairs.key, pairs.value FROM files
                   JOIN file_key_values AS pairs ON pairs.file_id = files.file_id
                   WHERE files.job_id = $1 ORDER BY files.row_index, pairs.position";
        for pair in session.rows(sql, args![job]).await? {
            let row = index(&pair)?;
            if let Ok(at) = files.binary_search_by_key(&row, |file| file.row) {
                files[at].key_values.push(read_key_value(&pair)?);
            }
        }
        Ok(Some(StoredTransaction {
            job,
            submitter: row.get("submitter")?,
            project: row.get("project")?,
            instrument: row.get("instrument")?,
            user: row.get("user_name")?,
            received: Timestamp::from_micros(row.get("received")?),
            document: row.get("document")?,
            key_values,
            files,
        }))
    }

    /// One file.
    pub async fn file(&self, id: FileId) -> Result<Option<StoredFile>> {
        let mut session = self.read().await?;
        let sql = "SELECT files.*, archive_files.location FROM files
                   LEFT JOIN archive_files ON archive_files.file_id = files.file_id
                   WHERE files.file_id = $1";
        let Some(row) = session.row(sql, args![id]).await? else { return Ok(None) };
        let mut file = read_file(&row)?;
        let sql = "SELECT key, value FROM file_key_values WHERE file_id = $1 ORDER BY position";
        file.key_values = session.rows(sql, args![id]).await?.iter().map(read_key_value).collect::<Result<_>>()?;
        Ok(Some(file))
    }
}

async fn key_values(session: &mut Session, job: JobId) -> Result<Vec<KeyValue>> {
    let sql = "SELECT key, value FROM transaction_key_values WHERE job_id = $1 ORDER BY position";
    session.rows(sql, args![job]).await?.iter().map(read_key_value).collect()
}

async fn put_files(session: &mut Session, new: &NewTransaction<'_>) -> Result<u64> {
    let mut values = Vec::with_capacity(12 * new.file_ids.len());
    for (index, (file, id)) in new.document.files().iter().zip(new.file_ids).enumerate() {
        values.extend([
            Arg::from(*id),
            Arg::from(new.job),
            Arg::from(whole(index as u64)),
            Arg::from(&file.name),
            Arg::from(&file.subdir),
            // A path that means nothing was refused long before; the row still says what was sent.
            Arg::from(file.path.as_ref().map_or("", |path| path.as_str())),
            Arg::from(file.size.map(whole)),
            Arg::from(file.mimetype.as_deref()),
            Arg::from(&file.hash_type),
            Arg::from(file.hash_sum.as_deref()),
            Arg::from(file.ctime.as_deref()),
            Arg::from(file.mtime.as_deref()),
        ]);
    }
    let head = "INSERT INTO files (file_id, job_id, row_index, name, subdir, path, size, mimetype, hash_type, hash_sum,
                    ctime, mtime)";
    session.insert(head, 12, &values, "ON CONFLICT DO NOTHING").await
}

async fn put_key_values(session: &mut Session, new: &NewTransaction<'_>) -> Result<()> {
    let mut values = Vec::new();
    for (position, pair) in new.document.key_values().iter().enumerate() {
        values.extend(key_value(Arg::from(new.job), position, pair));
    }
    let head = "INSERT INTO transaction_key_values (job_id, position, key, value)";
    session.insert(head, 4, &values, "").await?;

    let mut values = Vec::new();
    for (file, id) in new.document.files().iter().zip(new.file_ids) {
        for (position, pair) in file.key_values.iter().enumerate() {
            values.extend(key_value(Arg::from(*id), position, pair));
        }
    }
    session.insert("INSERT INTO file_key_values (file_id, position, key, value)", 4, &values, "").await?;
    Ok(())
}

fn key_value<'a>(of: Arg<'a>, position: usize, pair: &'a KeyValue) -> [Arg<'a>; 4] {
    [of, Arg::from(whole(position as u64)), Arg::from(&pair.key), Arg::from(&pair.value)]
}

fn read_key_value(row: &Row) -> Result<KeyValue> {
    Ok(KeyValue { key: row.get("key")?, value: row.get("value")? })
}

fn index(row: &Row) -> Result<usize> {
    Ok(usize::try_from(row.get::<i64>("row_index")?).unwrap_or(usize::MAX))
}

fn read_file(row: &Row) -> Result<StoredFile> {
    Ok(StoredFile {
        id: FileId::new(row.get("file_id")?),
        job: JobId::new(row.get("job_id")?),
        row: index(row)?,
        name: row.get("name")?,
        subdir: row.get("subdir")?,
        path: row.get("path")?,
        size: row.get::<Option<i64>>("size")?.map(|size| u64::try_from(size).unwrap_or(0)),
        mimetype: row.get("mimetype")?,
        hash_type: row.get("hash_type")?,
        hash_sum: row.get("hash_sum")?,
        ctime: row.get("ctime")?,
        mtime: row.get("mtime")?,
        key_values: Vec::new(),
        location: row.get("location")?,
    })
}
