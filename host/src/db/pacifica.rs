//! The jobs of a Pacifica Ingest, read from its own database and recorded here.
//!
//! Its table is peewee's: <https://github.com/pacifica/pacifica-ingest>, `pacifica/ingest/orm.py`, of schema 1.0 and
//! 2.0. It is only read, a page at a time.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use super::arg::{Arg, args, whole};
use super::error::{DbError, Result};
use super::session::Row;
use super::{Db, Durability, tls};
use crate::config::DatabaseUrl;
use crate::model::{JobId, JobKind, JobStatus, Stage, State, Task, Timestamp};

/// Jobs that are read and recorded at a time.
const PAGE: i64 = 1_000;

/// Whose jobs they are said to be: their own record does not tell.
const USER: &str = "pacifica";

/// What is said of a job that had not ended.
const UNENDED: &str = "it had not ended when this gate took the place of Pacifica Ingest; send the bundle again";

/// All jobs of such a database, in the order of their ids.
pub struct ForeignJobs {
    connection: Connection,
    statement: String,
    last: i64,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl std::fmt::Debug for ForeignJobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignJobs").field("last", &self.last).finish_non_exhaustive()
    }
}

impl ForeignJobs {
    /// Opens a database to read from it.
    pub async fn open(url: &DatabaseUrl) -> Result<Self> {
        let (mut connection, columns) = match url {
            DatabaseUrl::Sqlite(file) => {
                if !tokio::fs::try_exists(file).await.map_err(sqlx::Error::Io)? {
                    let what = format!("there is no file {}", file.display());
                    return Err(DbError::Schema(what));
                }
                let options = SqliteConnectOptions::new().filename(file).read_only(true);
                let connection = SqliteConnection::connect_with(&options).await?;
                (Connection::Sqlite(connection), "SELECT name FROM pragma_table_info('ingeststate')")
            }
            DatabaseUrl::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)?.application_name("sluice import");
                let columns = "SELECT CAST(column_name AS TEXT) AS name FROM information_schema.columns
                     WHERE table_name = 'ingeststate' AND table_schema = ANY (current_schemas(false))";
                let connected = PgConnection::connect_with(&options).await;
                let connected = connected.map_err(|error| tls::explained(error, &options))?;
                (Connection::Postgres(connected), columns)
            }
        };
        let columns: Vec<String> =
            connection.rows(columns, None).await?.iter().map(|row| row.get("name")).collect::<Result<_>>()?;
        let has = |name: &str| columns.iter().any(|column| column == name);
        let id = ["id", "job_id"].into_iter().find(|name| has(name));
        let needed = ["state", "task", "task_percent", "created", "updated"];
        let (Some(id), None) = (id, needed.iter().find(|name| !has(name))) else {
            let what =
                "it has no table ingeststate as a Pacifica Ingest has it; is it the database of another service?";
            return Err(DbError::Schema(what.to_owned()));
        };
        let exception = if has("exception") { "COALESCE(exception, '')" } else { "''" };
        // Everything as text: peewee's decimals and moments have another type in each kind of database.
        let statement = format!(
            "SELECT CAST({id} AS BIGINT) AS id, CAST(state AS TEXT) AS state, CAST(task AS TEXT) AS task,
                 CAST(task_percent AS TEXT) AS percent, CAST({exception} AS TEXT) AS exception,
                 CAST(created AS TEXT) AS created, CAST(updated AS TEXT) AS updated
             FROM ingeststate WHERE {id} > $1 ORDER BY {id} LIMIT {PAGE}"
        );
        Ok(Self { connection, statement, last: -1 })
    }

    /// The next jobs; none after the last.
    pub async fn page(&mut self) -> Result<Option<Vec<JobStatus>>> {
        let rows = self.connection.rows(&self.statement, Some(self.last)).await?;
        let jobs = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        let Some(last) = jobs.last() else { return Ok(None) };
        self.last = last.id.get();
        Ok(Some(jobs))
    }
}

impl Connection {
    async fn rows(&mut self, statement: &str, after: Option<i64>) -> Result<Vec<Row>> {
        let text = AssertSqlSafe(statement.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query(text);
                let query = if let Some(after) = after { query.bind(after) } else { query };
                query.fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(connection) => {
                let query = sqlx::query(text);
                let query = if let Some(after) = after { query.bind(after) } else { query };
                query.fetch_all(connection).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

fn read(row: &Row) -> Result<JobStatus> {
    let text = |column: &str| row.get::<Option<String>>(column).map(Option::unwrap_or_default);
    let moment = |column: &str| {
        let text = text(column)?;
        moment(&text).ok_or_else(|| DbError::unreadable(column, format!("{text:?} is no moment")))
    };
    let (state, task, percent) = (text("state")?, text("task")?, text("percent")?);
    let percent: f64 = percent.parse().unwrap_or_default();
    let done = task == Task::IngestMetadata.name() && percent >= 100.0;
    Ok(JobStatus {
        id: JobId::new(row.get("id")?),
        state: state.parse().unwrap_or(State::Failed),
        task: task.parse().unwrap_or(Task::Uploading),
        percent: percent.clamp(0.0, 100.0),
        exception: text("exception")?,
        created: moment("created")?,
        updated: moment("updated")?,
        // As upstream concludes it; the column of that name came with its schema 2.0.
        complete: state != State::Ok.name() || done,
    })
}

/// `2018-01-25 16:54:50.123456`, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let moment = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

impl Db {
    /// Records jobs of a Pacifica Ingest, but for those that are known already, and lets ids be counted on above them.
    /// How many were recorded. Durable.
    pub async fn import_jobs(&self, jobs: &[JobStatus]) -> Result<u64> {
        let mut values = Vec::new();
        for job in jobs {
            let kind = if job.task == Task::MoveFiles { JobKind::Move } else { JobKind::Upload };
            let (state, exception) = match (job.complete, job.exception.as_str()) {
                (true, exception) => (job.state, exception),
                (false, "") => (State::Failed, UNENDED),
                (false, exception) => (State::Failed, exception),
            };
            let percent = if job.complete { job.percent } else { 0.0 };
            values.extend([
                Arg::from(job.id),
                Arg::from(kind.name()),
                Arg::from(USER),
                Arg::from(Stage::Done.name()),
                Arg::from(state.name()),
                Arg::from(job.task.name()),
                Arg::from(percent),
                Arg::from(exception),
                Arg::from(job.created),
                Arg::from(job.updated),
                Arg::from(job.updated),
            ]);
        }
        let highest = jobs.iter().map(|job| job.id.get()).max().unwrap_or_default();
        let mut session = self.begin(Durability::Durable).await?;
        let head =
            "INSERT INTO jobs (id, kind, user_name, stage, state, task, percent, exception, created, updated, due)";
        let made = session.insert(head, 11, &values, "ON CONFLICT (id) DO NOTHING").await?;
        let raise = "UPDATE ids SET next = $1 WHERE mode = 'job' AND next < $1";
        session.execute(raise, args![whole(highest.unsigned_abs()).saturating_add(1)]).await?;
        session.commit().await?;
        Ok(made)
    }
}
