//! Tables that the site keeps in the gate, such as its projects. A rule reads those that the policy grants it:
//! `grants = { tables = ["projects"] }`. All cells are text, and the first column holds the keys.
//!
//! ```
//! use sluice_sdk::{tables, testing};
//!
//! testing::table("projects", &["id", "pi"], &[&["1234a", "ada"]]);
//! let project = tables::row("projects", "1234a")?.expect("it is there");
//! assert_eq!(project.get("pi"), Some("ada"));
//! # Ok::<(), sluice_sdk::Failure>(())
//! ```

use std::fmt;
use std::rc::Rc;

use crate::Failure;

/// Rows that are fetched at a time.
const BATCH: u32 = 1_000;

/// Why a table cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The rule is not granted a table of this name.
    NotGranted(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(table) => {
                write!(f, "the rule is not granted the table {table}; add it to grants.tables in the policy")
            }
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TableError {}

/// The rule cannot judge without the table; the facility has to grant it.
impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::NotGranted(_) => Self::BadConfig(error.to_string()),
            TableError::Other(why) => Self::Other(why),
        }
    }
}

/// What a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// `sha256:` and the digest of the version that is read.
    pub digest: String,
    /// The columns; the first one holds the keys.
    pub columns: Vec<String>,
    /// How many rows there are.
    pub row_count: u32,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    columns: Rc<[String]>,
    cells: Vec<String>,
}

impl Row {
    /// The cell of a column; none where the table has no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.cells.get(index).map(String::as_str)
    }

    /// The key.
    pub fn key(&self) -> &str {
        self.cells.first().map_or("", String::as_str)
    }

    /// Column and cell, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(String::as_str).zip(self.cells.iter().map(String::as_str))
    }
}

/// All rows of a table, in the order in which they were loaded, fetched in batches.
#[derive(Debug)]
pub struct Rows {
    table: String,
    columns: Rc<[String]>,
    next: u32,
    batch: std::vec::IntoIter<Vec<String>>,
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.batch.len() == 0 {
            // A table that could be read once can be read again in the same call.
            let batch = source::rows(&self.table, self.next, BATCH).ok()?;
            self.next += batch.len() as u32;
            self.batch = batch.into_iter();
        }
        Some(Row { columns: self.columns.clone(), cells: self.batch.next()? })
    }
}

/// What a table is.
///
/// # Errors
///
/// The rule is not granted it.
pub fn info(table: &str) -> Result<TableInfo, TableError> {
    source::info(table)
}

/// The row with this key; none where no row has it. One call into the gate, whatever the size of the table.
///
/// # Errors
///
/// The rule is not granted the table.
pub fn row(table: &str, key: &str) -> Result<Option<Row>, TableError> {
    let pairs = source::row(table, key)?;
    Ok(pairs.map(|pairs| {
        let (columns, cells): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        Row { columns: columns.into(), cells }
    }))
}

/// All rows. For a few of them, [`row`] is far cheaper.
///
/// # Errors
///
/// The rule is not granted the table.
pub fn rows(table: &str) -> Result<Rows, TableError> {
    let columns = source::info(table)?.columns.into();
    Ok(Rows { table: table.to_owned(), columns, next: 0, batch: Vec::new().into_iter() })
}

#[cfg(target_family = "wasm")]
mod source {
    use super::{TableError, TableInfo};
    use crate::bindings::plugin::sluice::plugin::tables;

    fn error(table: &str) -> impl Fn(tables::TableError) -> TableError {
        move |error| match error {
            tables::TableError::NotGranted => TableError::NotGranted(table.to_owned()),
            tables::TableError::Other(why) => TableError::Other(why),
        }
    }

    pub(super) fn info(table: &str) -> Result<TableInfo, TableError> {
        let info = tables::info(table).map_err(error(table))?;
        Ok(TableInfo { digest: info.digest, columns: info.columns, row_count: info.row_count })
    }

    pub(super) fn row(table: &str, key: &str) -> Result<Option<Vec<(String, String)>>, TableError> {
        let row = tables::row(table, key).map_err(error(table))?;
        Ok(row.map(|row| row.into_iter().map(|pair| (pair.key, pair.value)).collect()))
    }

    pub(super) fn rows(table: &str, start: u32, count: u32) -> Result<Vec<Vec<String>>, TableError> {
        tables::rows(table, start, count).map_err(error(table))
    }
}

/// Tables of tests: those that were given to [`testing::table`](crate::testing::table) on the same thread.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod source {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use super::{TableError, TableInfo};

    pub(crate) struct Table {
        pub(crate) columns: Vec<String>,
        pub(crate) rows: Vec<Vec<String>>,
    }

    thread_local! {
        pub(crate) static TABLES: RefCell<HashMap<String, Table>> = RefCell::default();
    }

    fn with<T>(table: &str, read: impl FnOnce(&Table) -> T) -> Result<T, TableError> {
        let not_granted = || TableError::NotGranted(table.to_owned());
        TABLES.with_borrow(|tables| tables.get(table).map(read).ok_or_else(not_granted))
    }

    pub(super) fn info(table: &str) -> Result<TableInfo, TableError> {
        with(table, |table| TableInfo {
            digest: "sha256:of-a-test".to_owned(),
            columns: table.columns.clone(),
            row_count: table.rows.len() as u32,
        })
    }

    pub(super) fn row(table: &str, key: &str) -> Result<Option<Vec<(String, String)>>, TableError> {
        with(table, |table| {
            let row = table.rows.iter().find(|row| row.first().is_some_and(|first| first == key))?;
            Some(table.columns.iter().cloned().zip(row.iter().cloned()).collect())
        })
    }

    pub(super) fn rows(table: &str, start: u32, count: u32) -> Result<Vec<Vec<String>>, TableError> {
        with(table, |table| table.rows.iter().skip(start as usize).take(count as usize).cloned().collect())
    }
}
