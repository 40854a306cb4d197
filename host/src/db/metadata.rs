//! The metadata store: transactions, their files and their key-value pairs, written once.

use super::arg::{Arg, args, indexed, numbers, whole};
use super::batch::Batch;
use super::flush::Unflushed;
use super::jobs::steps_text;
use super::leases::{FINISH, Finish, ended};
use super::session::{Row, Session, insert_text};
use super::{Db, DbError, Durability, Result};
use crate::model::{Document, FileId, JobId, KeyValue, Timestamp, TransactionField};

const FILES: &str =
    "INSERT INTO files (file_id, job_id, row_index, name, subdir, path, size, mimetype, hash_type, hash_sum,
                         ctime, mtime)";
const KEY_VALUES: &str = "INSERT INTO transaction_key_values (job_id, position, key, value)";
const FILE_KEY_VALUES: &str = "INSERT INTO file_key_values (file_id, position, key, value)";
/// Values of a row of the first, and of one of the others.
const FILE: usize = 12;
const PAIR: usize = 4;

/// Transactions with as many values as so many files have are written in one go.
const FEW: usize = 16;
/// The statements of transactions with so many rows come again and again.
const REMEMBERED: usize = 8;

macro_rules! put_transaction {
    ($user:literal) => {
        concat!(
            "INSERT INTO transactions (job_id, submitter, project, instrument, user_name, received, document)
             VALUES ($1, $2, $3, $4, ",
            $user,
            ", $6, $7)"
        )
    };
}

/// Every transaction has a user. One of a job that has not just ended well, under this epoch, has none, and so the whole batch is
/// refused.
const PUT_WITH_END: &str = put_transaction!(
    "CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND lease_epoch = $8 AND stage = 'done' AND state = 'OK') THEN $5 END"
);

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
        let rows = Rows::of(new)?;
        if rows.are_few() {
            let mut batch = Batch::new(rows.are_usual());
            batch.add(put_transaction!("$5"), transaction(new));
            rows.add_to(&mut batch);
            match self.carry_out(Durability::Relaxed, batch).await {
                Ok(_) => return Ok(()),
                // Some of it is there already: what, the longer way tells.
                Err(error) if error.is_taken() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut session = self.begin(Durability::Relaxed).await?;
        let made = session
            .execute(concat!(put_transaction!("$5"), " ON CONFLICT (job_id) DO NOTHING"), &transaction(new))
            .await?;
        if made == 0 {
            // All of a transaction is written at once, so where its row is, the rest is.
            let same = "SELECT 1 AS one FROM transactions WHERE job_id = $1 AND document = $2";
            let document: &str = new.document.text();
            return match session.row(same, args![new.job, document]).await? {
                Some(_) => Ok(()),
                None => Err(PutTransactionError::TransactionExists(new.job)),
            };
        }
        if session.insert(FILES, FILE, &rows.files, "ON CONFLICT DO NOTHING").await? < new.file_ids.len() as u64 {
            return Err(PutTransactionError::FileExists(new.job));
        }
        session.insert(KEY_VALUES, PAIR, &rows.key_values, "").await?;
        session.insert(FILE_KEY_VALUES, PAIR, &rows.file_key_values, "").await?;
        Ok(session.commit().await?)
    }

    /// [Ends](Self::finish) a job well and records its transaction, both or none; done again, it says so. Durable when it has been
    /// flushed.
    pub async fn finish_with(
        &self,
        id: JobId,
        epoch: i64,
        now: Timestamp,
        end: Finish<'_>,
        new: &NewTransaction<'_>,
    ) -> Result<Unflushed, PutTransactionError> {
        let rows = Rows::of(new)?;
        if rows.are_few() && !self.tells() {
            let steps = steps_text(end.steps);
            let mut batch = Batch::new(rows.are_usual());
            end.add_to(&mut batch, FINISH, id, epoch, now, &steps);
            let mut values = transaction(new);
            values.push(Arg::from(epoch));
            batch.add(PUT_WITH_END, values);
            rows.add_to(&mut batch);
            match self.commit(Durability::Durable, batch).await {
                Ok((_, unflushed)) => return Ok(unflushed),
                // The longer way tells what is there already.
                Err(error) if error.is_taken() => {}
                Err(error) if error.is_missing() => {
                    ended(&mut self.read().await?, id, epoch, end.state).await?;
                    return Ok(self.unflushed());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.put_transaction(new).await?;
        Ok(self.finish(id, epoch, now, end).await?)
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

/// The values of a transaction's own row.
fn transaction<'a>(new: &'a NewTransaction<'_>) -> Vec<Arg<'a>> {
    let value = |field| new.document.value(field).map(indexed);
    let document: &str = new.document.text();
    args![
        new.job,
        value(TransactionField::Submitter),
        value(TransactionField::Project),
        value(TransactionField::Instrument),
        new.user,
        new.received,
        document
    ]
    .to_vec()
}

/// The values of the rows that belong to a transaction, one row after the other.
struct Rows<'a> {
    files: Vec<Arg<'a>>,
    key_values: Vec<Arg<'a>>,
    file_key_values: Vec<Arg<'a>>,
}

impl<'a> Rows<'a> {
    fn of(new: &'a NewTransaction<'_>) -> Result<Self, PutTransactionError> {
        let (files, ids) = (new.document.files().len(), new.file_ids.len());
        if files != ids {
            return Err(PutTransactionError::FileIds { files, ids });
        }
        let (mut files, mut file_key_values) = (Vec::with_capacity(FILE * new.file_ids.len()), Vec::new());
        for (index, (file, id)) in new.document.files().iter().zip(new.file_ids).enumerate() {
            files.extend([
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
            for (position, pair) in file.key_values.iter().enumerate() {
                file_key_values.extend(key_value(Arg::from(*id), position, pair));
            }
        }
        let pairs = new.document.key_values().iter().enumerate();
        let key_values = pairs.flat_map(|(position, pair)| key_value(Arg::from(new.job), position, pair)).collect();
        Ok(Self { files, key_values, file_key_values })
    }

    /// Whether they can be written in one go. A placeholder is looked for among all the others.
    fn are_few(&self) -> bool {
        self.files.len() + self.key_values.len() + self.file_key_values.len() <= FEW * FILE
    }

    /// Whether as many are likely to come again.
    fn are_usual(&self) -> bool {
        self.files.len() / FILE + (self.key_values.len() + self.file_key_values.len()) / PAIR <= REMEMBERED
    }

    fn add_to(&self, batch: &mut Batch<'a>) {
        let parts = [
            (FILES, FILE, &self.files),
            (KEY_VALUES, PAIR, &self.key_values),
            (FILE_KEY_VALUES, PAIR, &self.file_key_values),
        ];
        for (head, width, values) in parts.into_iter().filter(|(_, _, values)| !values.is_empty()) {
            let row = |row| numbers(row * width + 1, width);
            batch.add(insert_text(head, values.len() / width, row, ""), values.clone());
        }
    }
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
