//! One way to speak to both kinds of database: the same statements, values and rows.
//!
//! Both number their placeholders `$1`, `$2`; columns hold 64-bit integers, doubles, text and bytes alone.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Encode, Row as _, SqlSafeStr, SqlStr, Transaction, Type};
use tokio::sync::Notify;

use super::arg::{Arg, numbers};
use super::error::{DbError, Result};
use super::flush::Flush;
use super::lanes::Lane;
use crate::failpoint::{self, Point};

/// Values of one multi-row statement, well below what either database takes (32,766 and 65,535).
const VALUES_AT_ONCE: usize = 6_000;

/// Statements for up to so many rows are worth remembering; the rest differ every time.
const REMEMBERED_ROWS: usize = 16;

/// A connection taken for a while, with or without a transaction around what is said on it.
pub(super) struct Session {
    connection: Connection,
    /// What a commit must wait for before it may be called durable.
    flush: Option<Flush>,
    /// Last, so that it is told when the rest is over.
    _told: Option<Told>,
}

/// Tells, at its end, that something was written.
pub(super) struct Told(pub(super) Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

enum Connection {
    /// It knows whether there is a transaction on it.
    Sqlite(Lane),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
}

enum Wire<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// The text of a statement and whether it is the same at the next call.
pub(super) struct Statement {
    pub(super) text: SqlStr,
    remembered: bool,
}

impl From<&'static str> for Statement {
    fn from(text: &'static str) -> Self {
        Self { text: text.into_sql_str(), remembered: true }
    }
}

impl From<Cow<'static, str>> for Statement {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => Self::built(text, true),
        }
    }
}

impl Statement {
    /// A statement put together from fixed parts and placeholders: never from values.
    pub(super) fn built(text: String, remembered: bool) -> Self {
        Self { text: AssertSqlSafe(text).into_sql_str(), remembered }
    }
}

impl Session {
    pub(super) fn sqlite(lane: Lane, flush: Option<Flush>) -> Self {
        Self { connection: Connection::Sqlite(lane), flush, _told: None }
    }

    /// For one statement that commits itself.
    pub(super) fn sqlite_one(lane: Lane, flush: Option<Flush>) -> Result<Self> {
        // A commit that fails leaves nothing behind: so it has to fail here.
        failpoint::reach(Point::DbCommit).map_err(sqlx::Error::Io)?;
        Ok(Self::sqlite(lane, flush))
    }

    pub(super) fn postgres(connection: PoolConnection<Postgres>) -> Self {
        Self { connection: Connection::Postgres(connection), flush: None, _told: None }
    }

    pub(super) fn postgres_transaction(transaction: Transaction<'static, Postgres>) -> Self {
        Self { connection: Connection::PostgresTransaction(transaction), flush: None, _told: None }
    }

    /// A session to write on: whoever waits for that is told when it is over.
    pub(super) fn writes(mut self, written: &Arc<Notify>) -> Self {
        self._told = Some(Told(written.clone()));
        self
    }

    fn wire(&mut self) -> Wire<'_> {
        match &mut self.connection {
            Connection::Sqlite(lane) => Wire::Sqlite(lane),
            Connection::Postgres(connection) => Wire::Postgres(connection),
            Connection::PostgresTransaction(transaction) => Wire::Postgres(transaction),
        }
    }

    /// Runs a statement; the number of rows that it touched.
    pub(super) async fn execute(&mut self, statement: impl Into<Statement>, args: &[Arg<'_>]) -> Result<u64> {
        let Statement { text, remembered } = statement.into();
        Ok(match self.wire() {
            Wire::Sqlite(connection) => {
                let query = bind(sqlx::query(text), args).persistent(remembered);
                query.execute(connection).await?.rows_affected()
            }
            Wire::Postgres(connection) => {
                let query = bind(sqlx::query(text), args).persistent(remembered);
                query.execute(connection).await?.rows_affected()
            }
        })
    }

    /// All rows of a statement's answer.
    pub(super) async fn rows(&mut self, statement: impl Into<Statement>, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        let Statement { text, remembered } = statement.into();
        Ok(match self.wire() {
            Wire::Sqlite(connection) => {
                let query = bind(sqlx::query(text), args).persistent(remembered);
                query.fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect()
            }
            Wire::Postgres(connection) => {
                let query = bind(sqlx::query(text), args).persistent(remembered);
                query.fetch_all(connection).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The only row of an answer, where there is one. The statement always runs to its end, so that what it changes is
    /// committed and its errors are seen.
    pub(super) async fn row(&mut self, statement: impl Into<Statement>, args: &[Arg<'_>]) -> Result<Option<Row>> {
        Ok(self.rows(statement, args).await?.pop())
    }

    /// The first row of an answer, where there is one, for a statement that only reads: it is heard of no longer than to there.
    pub(super) async fn first(&mut self, statement: impl Into<Statement>, args: &[Arg<'_>]) -> Result<Option<Row>> {
        let Statement { text, remembered } = statement.into();
        Ok(match self.wire() {
            Wire::Sqlite(connection) => {
                let query = bind(sqlx::query(text), args).persistent(remembered);
                query.fetch_optional(connection).await?.map(Row::Sqlite)
            }
            Wire::Postgres(connection) => {
                let query = bind(sqlx::query(text), args).persistent(remembered);
                query.fetch_optional(connection).await?.map(Row::Postgres)
            }
        })
    }

    /// Several statements in one text, without values.
    pub(super) async fn script(&mut self, text: &'static str) -> Result<()> {
        match self.wire() {
            Wire::Sqlite(connection) => {
                sqlx::raw_sql(text).execute(connection).await?;
            }
            Wire::Postgres(connection) => {
                sqlx::raw_sql(text).execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Runs `head VALUES (…), (…), … tail` with as few statements as there can be; the number of rows touched.
    /// `values` holds the rows one after the other, `width` values each.
    pub(super) async fn insert(&mut self, head: &str, width: usize, values: &[Arg<'_>], tail: &str) -> Result<u64> {
        let at_once = rows_at_once(width);
        // SQLite takes `$1` for a name, and would look for each of thousands of names among all the others.
        let sqlite = matches!(self.wire(), Wire::Sqlite(_));
        let mut touched = 0;
        for chunk in values.chunks(at_once * width) {
            let rows = chunk.len() / width;
            let text = match sqlite {
                true => insert_text(head, rows, |_| vec!["?"; width].join(", "), tail),
                false => insert_text(head, rows, |row| numbers(row * width + 1, width), tail),
            };
            let remembered = rows <= REMEMBERED_ROWS || rows == at_once;
            touched += self.execute(Statement::built(text, remembered), chunk).await?;
        }
        Ok(touched)
    }

    /// Ends the transaction. What is not committed is rolled back when the session is dropped.
    pub(super) async fn commit(self) -> Result<()> {
        let may_fail = || failpoint::reach(Point::DbCommit).map_err(sqlx::Error::Io);
        match self.connection {
            Connection::Sqlite(mut lane) if lane.in_transaction() => {
                may_fail()?;
                lane.commit().await?;
            }
            Connection::PostgresTransaction(transaction) => {
                may_fail()?;
                transaction.commit().await?;
            }
            // Its statement has committed itself; others may write now.
            Connection::Sqlite(lane) => drop(lane),
            Connection::Postgres(connection) => drop(connection),
        }
        failpoint::pass(Point::DbCommitted);
        match self.flush {
            Some(flush) => flush.flush().await,
            None => Ok(()),
        }
    }
}

/// `head VALUES (…), (…), … tail`, for so many rows; what is in the brackets of a row is asked for.
pub(super) fn insert_text(head: &str, rows: usize, row: impl Fn(usize) -> String, tail: &str) -> String {
    let tuples: Vec<_> = (0..rows).map(|index| format!("({})", row(index))).collect();
    format!("{head} VALUES {} {tail}", tuples.join(", "))
}

/// Rows of so many values that one statement takes.
pub(super) const fn rows_at_once(width: usize) -> usize {
    VALUES_AT_ONCE / width
}

pub(super) fn bind<'q, DB>(mut query: Query<'q, DB, DB::Arguments>, args: &[Arg<'_>]) -> Query<'q, DB, DB::Arguments>
where
    DB: sqlx::Database,
    for<'t> Option<i64>: Encode<'t, DB> + Type<DB>,
    for<'t> Option<f64>: Encode<'t, DB> + Type<DB>,
    for<'t> Option<&'t str>: Encode<'t, DB> + Type<DB>,
    for<'t> &'t [u8]: Encode<'t, DB> + Type<DB>,
{
    for arg in args {
        query = match arg {
            Arg::Int(number) => query.bind(*number),
            Arg::Real(number) => query.bind(*number),
            Arg::Text(text) => query.bind(text.as_deref()),
            Arg::Bytes(bytes) => query.bind(*bytes),
        };
    }
    query
}

/// One row of an answer.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column can be read as.
pub(super) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

impl Row {
    /// A column's value.
    pub(super) fn get<T: Column>(&self, column: &str) -> Result<T> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column's text as the value that it names.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        let text: String = self.get(column)?;
        text.parse().map_err(|error: T::Err| DbError::unreadable(column, error.to_string()))
    }
}
