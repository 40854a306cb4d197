//! Places in the archive: reserved before a file is put there, marked when it is there.

use std::collections::HashMap;

use super::arg::{Arg, args, numbers, whole};
use super::batch::Batch;
use super::reports::{report_args, report_text};
use super::session::{Row, Session, Statement, insert_text, rows_at_once};
use super::{Db, DbError, Durability, Result};
use crate::model::{Digest, FileId, JobId, Report, Timestamp};

const RESERVE: &str = "INSERT INTO archive_files (file_id, job_id, row_index, location, size, hash_type, hash_sum)";

/// Up to so many places are reserved with a report.
const FEW: usize = 16;

/// The longest location, in bytes. Not all databases and stores can look up longer names.
const LONGEST_LOCATION: usize = 2000;

/// Locations named in one answer.
const NAMED_LOCATIONS: usize = 20;

/// How often places are tried for that were taken and then were not.
const RESERVE_ATTEMPTS: usize = 5;

const COLUMNS: &str = "file_id, job_id, row_index, location, size, hash_type, hash_sum, archived_at";

pub(super) const FAILED_WITH_PLACES: &str =
    "SELECT id FROM jobs WHERE id IN (SELECT job_id FROM archive_files WHERE archived_at IS NULL)
     AND stage = 'done' AND state = 'FAILED' AND updated < $1 ORDER BY id";

/// A place that a file shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The file.
    pub file_id: FileId,
    /// The place of its row among the Files rows of the document.
    pub row: usize,
    /// The path below the root of the archive.
    pub location: String,
    /// Size in bytes.
    pub size: u64,
    /// Its digest.
    pub hash: Digest,
}

/// A file's place in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedFile {
    /// The file.
    pub file_id: FileId,
    /// The job that brought it.
    pub job: JobId,
    /// The place of its row among the Files rows of the document.
    pub row: usize,
    /// The path below the root of the archive.
    pub location: String,
    /// Size in bytes.
    pub size: u64,
    /// Its digest.
    pub hash: Digest,
    /// When it was in its place; none while that is only intended.
    pub archived_at: Option<Timestamp>,
}

/// A location that another file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenLocation {
    /// The location.
    pub location: String,
    /// The job whose file it is; the same job where two of its own files were to have it.
    pub job: JobId,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Other files have these places; the first ones are named.
    #[error("{}", taken_text(.0))]
    Taken(Vec<TakenLocation>),
    /// The job reserved other places in an earlier attempt. Its files are to be taken back from these and
    /// [released](Db::release) before it can have others.
    #[error("the job has other places in the archive from an earlier attempt")]
    Changed(Vec<ArchivedFile>),
    /// Another job has a file with this id.
    #[error("file id {file} belongs to job {job} already: whatever gives out ids has given it out twice")]
    IdTaken {
        /// The id.
        file: FileId,
        /// Whose it is.
        job: JobId,
    },
    /// A location is longer than 2,000 bytes.
    #[error("the archive takes no location longer than {LONGEST_LOCATION} bytes: {0}")]
    TooLong(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

fn taken_text(taken: &[TakenLocation]) -> String {
    let lines: Vec<_> = taken
        .iter()
        .map(|taken| format!("{} is in the archive already, from job {}", taken.location, taken.job))
        .collect();
    lines.join("\n")
}

impl Db {
    /// Reserves places for all files of a job, or for none. Durable. Done again with the same files, it returns them as
    /// they stand by then.
    pub async fn reserve(&self, job: JobId, reservations: &[Reservation]) -> Result<Vec<ArchivedFile>, ReserveError> {
        if let Some(long) = too_long(reservations) {
            return Err(ReserveError::TooLong(long.location.clone()));
        }
        let ordered = in_order(reservations);
        let values: Vec<_> = ordered.iter().flat_map(|wanted| values(job, wanted)).collect();
        for _ in 0..RESERVE_ATTEMPTS {
            let mut session = if reservations.len() <= rows_at_once(WIDTH) {
                self.begin_one(Durability::Durable).await?
            } else {
                self.begin(Durability::Durable).await?
            };
            match session.insert(RESERVE, WIDTH, &values, "").await {
                Ok(_) => {
                    session.commit().await?;
                    return Ok(reservations.iter().map(|wanted| placed(job, wanted)).collect());
                }
                Err(error) if error.is_taken() => drop(session),
                Err(error) => return Err(error.into()),
            }
            if let Some(known) = self.why_not_reserved(job, &ordered).await? {
                return Ok(known);
            }
            // What was in the way has been released since.
        }
        let what = "places in the archive are reserved and released too quickly".to_owned();
        Err(DbError::Unavailable(sqlx::Error::Protocol(what)).into())
    }

    /// The same for a job that is worked on for the first time, and records its report with it.
    pub async fn reserve_reported(
        &self,
        reservations: &[Reservation],
        report: &Report,
        epoch: i64,
        now: Timestamp,
    ) -> Result<Vec<ArchivedFile>, ReserveError> {
        let job = report.job_id;
        if too_long(reservations).is_none() && (1..=FEW).contains(&reservations.len()) {
            let document = report_text(report);
            let mut batch = Batch::new(true);
            batch.add(self.report_statement(), report_args(report, epoch, now, &document));
            let mut args = args![job, epoch].to_vec();
            args.extend(in_order(reservations).into_iter().flat_map(|wanted| values(job, wanted)));
            batch.add(reserve_held(reservations.len()), args);
            match self.carry_out(Durability::Durable, batch).await {
                Ok(answers) if answers.last().is_some_and(|rows| rows.len() == reservations.len()) => {
                    return Ok(reservations.iter().map(|wanted| placed(job, wanted)).collect());
                }
                Ok(_) => return Err(DbError::LeaseLost(job).into()),
                // The longer way tells what.
                Err(error) if error.is_taken() => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.put_report(report, epoch, now).await?;
        self.reserve(job, reservations).await
    }

    /// Finds what kept files, ordered by location, from being reserved; their rows where they had been reserved before,
    /// none where nothing is in the way any more.
    async fn why_not_reserved(
        &self,
        job: JobId,
        ordered: &[&Reservation],
    ) -> Result<Option<Vec<ArchivedFile>>, ReserveError> {
        let mut session = self.read().await?;
        let known = of_job(&mut session, job).await?;
        let by_id: HashMap<_, _> = known.iter().map(|file| (file.file_id, file)).collect();
        let reserved = |wanted: &&Reservation| by_id.get(&wanted.file_id).is_some_and(|file| same(file, wanted));
        if known.len() == ordered.len() && ordered.iter().all(reserved) {
            return Ok(Some(known));
        }
        let mut taken: Vec<_> = ordered
            .windows(2)
            .filter(|pair| pair[0].location == pair[1].location)
            .map(|pair| TakenLocation { location: pair[0].location.clone(), job })
            .collect();
        for chunk in ordered.chunks(500) {
            let (locations, ids) = (numbers(2, chunk.len()), numbers(2 + chunk.len(), chunk.len()));
            let text = format!(
                "SELECT {COLUMNS} FROM archive_files
                 WHERE job_id <> $1 AND (location IN ({locations}) OR file_id IN ({ids})) ORDER BY location"
            );
            let mut args = vec![Arg::from(job)];
            args.extend(chunk.iter().map(|wanted| Arg::from(&wanted.location)));
            args.extend(chunk.iter().map(|wanted| Arg::from(wanted.file_id)));
            for row in session.rows(Statement::built(text, false), &args).await? {
                let file = read_file(&row)?;
                if chunk.binary_search_by(|wanted| wanted.location.cmp(&file.location)).is_err() {
                    return Err(ReserveError::IdTaken { file: file.file_id, job: file.job });
                }
                taken.push(TakenLocation { location: file.location, job: file.job });
            }
            if taken.len() >= NAMED_LOCATIONS {
                break;
            }
        }
        match (taken.is_empty(), known.is_empty()) {
            (false, _) => {
                taken.truncate(NAMED_LOCATIONS);
                Err(ReserveError::Taken(taken))
            }
            (true, false) => Err(ReserveError::Changed(known)),
            (true, true) => Ok(None),
        }
    }

    /// Records that these files are in their places; those of a job are recorded with its [end](Db::finish).
    #[cfg(test)]
    pub(crate) async fn mark_archived(&self, files: &[FileId], now: Timestamp) -> Result<()> {
        for chunk in files.chunks(1000) {
            let text = format!(
                "UPDATE archive_files SET archived_at = $1 WHERE archived_at IS NULL AND file_id IN ({})",
                numbers(2, chunk.len())
            );
            let mut args = vec![Arg::from(now)];
            args.extend(chunk.iter().map(|id| Arg::from(*id)));
            self.write().await?.execute(Statement::built(text, chunk.len() <= 16), &args).await?;
        }
        Ok(())
    }

    /// Forgets the places of a job, after its files were taken back from them. How many there were.
    pub async fn release(&self, job: JobId) -> Result<u64> {
        self.write().await?.execute("DELETE FROM archive_files WHERE job_id = $1", args![job]).await
    }

    /// Failed jobs, unchanged since before this moment, whose places were never filled for good nor given up: they were
    /// ended by hand while a worker was at them, and their files are to be taken back.
    pub async fn failed_with_places(&self, before: Timestamp) -> Result<Vec<JobId>> {
        let rows = self.read().await?.rows(FAILED_WITH_PLACES, args![before]).await?;
        rows.iter().map(|row| Ok(JobId::new(row.get("id")?))).collect()
    }

    /// The places of a job's files, in the order of its rows.
    pub async fn archived(&self, job: JobId) -> Result<Vec<ArchivedFile>> {
        of_job(&mut self.read().await?, job).await
    }

    /// The place of a file.
    pub async fn archived_file(&self, file: FileId) -> Result<Option<ArchivedFile>> {
        let text = format!("SELECT {COLUMNS} FROM archive_files WHERE file_id = $1");
        let row = self.read().await?.row(Statement::built(text, true), args![file]).await?;
        row.as_ref().map(read_file).transpose()
    }

    /// Files that are in their places, in the order of their ids, after this one.
    pub async fn archived_after(&self, file: FileId, limit: u32) -> Result<Vec<ArchivedFile>> {
        let text = format!(
            "SELECT {COLUMNS} FROM archive_files WHERE file_id > $1 AND archived_at IS NOT NULL ORDER BY file_id LIMIT $2"
        );
        let rows = self.read().await?.rows(Statement::built(text, true), args![file, i64::from(limit)]).await?;
        rows.iter().map(read_file).collect()
    }
}

fn too_long(reservations: &[Reservation]) -> Option<&Reservation> {
    reservations.iter().find(|wanted| wanted.location.len() > LONGEST_LOCATION)
}

/// In one order, so that two jobs which want the same places do not wait for each other.
fn in_order(reservations: &[Reservation]) -> Vec<&Reservation> {
    let mut ordered: Vec<_> = reservations.iter().collect();
    ordered.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    ordered
}

/// Values of a row.
const WIDTH: usize = 7;

/// Reserves so many places, if the job is held under this epoch.
fn reserve_held(files: usize) -> String {
    let held = ") AS wanted
         WHERE EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND lease_epoch = $2 AND stage = 'running') RETURNING file_id";
    insert_text(&format!("{RESERVE} SELECT * FROM ("), files, |row| numbers(row * WIDTH + 3, WIDTH), held)
}

fn values(job: JobId, wanted: &Reservation) -> [Arg<'_>; WIDTH] {
    [
        Arg::from(wanted.file_id),
        Arg::from(job),
        Arg::from(whole(wanted.row as u64)),
        Arg::from(&wanted.location),
        Arg::from(whole(wanted.size)),
        Arg::from(wanted.hash.kind.name()),
        Arg::from(&wanted.hash.hex),
    ]
}

fn placed(job: JobId, wanted: &Reservation) -> ArchivedFile {
    ArchivedFile {
        file_id: wanted.file_id,
        job,
        row: wanted.row,
        location: wanted.location.clone(),
        size: wanted.size,
        hash: wanted.hash.clone(),
        archived_at: None,
    }
}

fn same(file: &ArchivedFile, wanted: &Reservation) -> bool {
    file.row == wanted.row && file.location == wanted.location && file.size == wanted.size && file.hash == wanted.hash
}

async fn of_job(session: &mut Session, job: JobId) -> Result<Vec<ArchivedFile>> {
    let text = format!("SELECT {COLUMNS} FROM archive_files WHERE job_id = $1 ORDER BY row_index");
    session.rows(Statement::built(text, true), args![job]).await?.iter().map(read_file).collect()
}

fn read_file(row: &Row) -> Result<ArchivedFile> {
    let count = |column| row.get::<i64>(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(ArchivedFile {
        file_id: FileId::new(row.get("file_id")?),
        job: JobId::new(row.get("job_id")?),
        row: usize::try_from(count("row_index")?).unwrap_or(usize::MAX),
        location: row.get("location")?,
        size: count("size")?,
        hash: Digest { kind: row.parse("hash_type")?, hex: row.get("hash_sum")? },
        archived_at: row.get::<Option<i64>>("archived_at")?.map(Timestamp::from_micros),
    })
}
