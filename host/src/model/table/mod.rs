//! Lookup tables: what admins load for rules to read.
//!
//! A table is kept as CSV (RFC 4180) of one spelling: a header, `\n` between lines, quotes only where they are needed, the
//! keys in the first column. Its version is the SHA-256 of these bytes, so that the same table has the same version
//! whichever way it came.

mod builder;
mod csv;
mod json;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, HashKind, Quoted};
use builder::Builder;

/// The most bytes of a table, as it is sent and as it is kept.
pub const LARGEST_TABLE: usize = 64 << 20;

/// Rows of a table.
const MOST_ROWS: usize = 1_000_000;
/// Columns of a table.
const MOST_COLUMNS: usize = 256;
/// Cells of a table.
const MOST_CELLS: usize = 16_000_000;
/// Bytes of one row: an answer to a rule holds one row at least.
const LARGEST_ROW: usize = 1 << 20;
/// Mistakes that are listed.
const LISTED: usize = 20;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// CSV (RFC 4180) whose first line names the columns.
    Csv,
    /// A JSON array of flat objects, all with the same keys.
    Json,
}

/// The name of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
pub struct TableName(String);

impl TableName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let inside = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        match inside && (1..=100).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric() {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "{} is no name of a table: give up to 100 letters, digits, hyphens, dots and underscores, such as projects",
                Quoted(text)
            )),
        }
    }
}

impl TryFrom<String> for TableName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table, immutable. All cells are text.
pub struct Table {
    columns: Vec<String>,
    /// All cells, row by row, without anything between them.
    text: Box<str>,
    /// Where each cell ends in `text`.
    ends: Box<[u32]>,
    /// The rows in the order of their keys.
    by_key: Box<[u32]>,
    digest: String,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Table {
    /// Reads a table. `key` names the column that holds the keys; the first one where it is not given.
    ///
    /// # Errors
    ///
    /// What is wrong, each mistake with its line (CSV) or row (JSON).
    pub fn parse(bytes: &[u8], format: TableFormat, key: Option<&str>) -> Result<Self, Vec<String>> {
        if bytes.len() > LARGEST_TABLE {
            return Err(vec![format!("a table may have {} MiB at most", LARGEST_TABLE >> 20)]);
        }
        let builder = match format {
            TableFormat::Csv => csv::read(bytes, key)?,
            TableFormat::Json => json::read(bytes, key)?,
        };
        builder.finish()
    }

    /// `sha256:` and the digest of [`to_csv`](Self::to_csv).
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The names of the columns; the first one holds the keys.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.by_key.len()
    }

    /// The cells of a row, in the order of the columns; none past the end.
    pub fn row(&self, row: usize) -> Option<impl ExactSizeIterator<Item = &str>> {
        let width = self.columns.len();
        (row < self.row_count()).then(|| (row * width..(row + 1) * width).map(|cell| self.cell(cell)))
    }

    /// The row with this key.
    pub fn find(&self, key: &str) -> Option<usize> {
        let found = self.by_key.binary_search_by(|row| self.key(*row).cmp(key)).ok()?;
        Some(self.by_key[found] as usize)
    }

    fn key(&self, row: u32) -> &str {
        self.cell(row as usize * self.columns.len())
    }

    fn cell(&self, cell: usize) -> &str {
        let start = cell.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[cell] as usize]
    }

    /// The table in the one spelling that it is kept in.
    pub fn to_csv(&self) -> Vec<u8> {
        csv::write(&self.columns, (0..self.row_count()).filter_map(|row| self.row(row)))
    }
}

fn digest(canonical: &[u8]) -> String {
    Digest::of(HashKind::Sha256, canonical).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn csv(text: &str) -> Result<Table, Vec<String>> {
        Table::parse(text.as_bytes(), TableFormat::Csv, None)
    }

    fn cells(table: &Table, row: usize) -> Vec<&str> {
        table.row(row).expect("a row").collect()
    }

    #[test]
    fn rows_are_found_by_their_key() {
        let table = csv("\u{feff}id,pi\r\n1234a,\"Lovelace, Ada\"\r\n99b,\"\"\"G\"\"\"\r\n").unwrap();
        assert_eq!((table.columns(), table.row_count()), (&["id".to_owned(), "pi".to_owned()][..], 2));
        assert_eq!(cells(&table, table.find("1234a").unwrap()), ["1234a", "Lovelace, Ada"]);
        assert_eq!(cells(&table, table.find("99b").unwrap()), ["99b", "\"G\""]);
        assert_eq!((table.find("1234"), table.row(2).is_none()), (None, true));
    }

    #[test]
    fn a_table_without_columns_is_none() {
        for json in ["[{}]", "[{}, {\"a\": 1}]", "[]"] {
            assert!(Table::parse(json.as_bytes(), TableFormat::Json, None).is_err(), "{json}");
        }
    }

    #[test]
    fn the_same_table_has_the_same_version_whichever_way_it_came() {
        let plain = "id,pi\n1,Ada\n2,\n";
        let json = r#"[{"pi": "Ada", "id": 1}, {"id": 2, "pi": null}]"#;
        let one = csv(plain).unwrap();
        let other = Table::parse(json.as_bytes(), TableFormat::Json, Some("id")).unwrap();
        assert_eq!((one.digest(), one.to_csv()), (other.digest(), plain.as_bytes().to_vec()));
        assert_eq!(one.digest(), super::digest(plain.as_bytes()));
        assert_ne!(csv("id,pi\n1,Ada\n").unwrap().digest(), one.digest());
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let wrong = |text: &str| csv(text).unwrap_err().join("; ");
        let ragged = wrong("id,pi\n1,Ada\n2\n3,a,b\n");
        assert!(ragged.contains("line 3 has 1 cell; the header has 2") && ragged.contains("line 4 has 3"), "{ragged}");
        let twice = wrong("id,pi\n1,Ada\n2,Bea\n\n1,Cid\n");
        assert!(twice.contains("line 5: the key \"1\" is that of line 2 as well"), "{twice}");
        assert!(wrong("id,pi\r\n1,Ada\r\n2\r\n").contains("line 3 has 1 cell"));
        assert!(wrong("id,pi\n,Ada\n").contains("line 2: the key is empty"));
        assert!(wrong("").contains("empty") && wrong("id,id\n").contains("two columns are named \"id\""));
        assert!(wrong("id,\n1,2\n").contains("column 2 has no name"));
        let latin = Table::parse(b"id,pi\n1,caf\xe9\n", TableFormat::Csv, None).unwrap_err().join("");
        assert!(latin.contains("line 2") && latin.contains("UTF-8"), "{latin}");
        let key = Table::parse(b"id,pi\n", TableFormat::Csv, Some("who")).unwrap_err().join("");
        assert!(key.contains("no column \"who\"; there are id, pi"), "{key}");
        let long = wrong(&format!("id,{}\n", (0..300).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",")));
        assert!(long.contains("301 columns"), "{long}");
        let many = csv(&format!("id,pi\n{}", "1\n".repeat(100))).unwrap_err();
        assert!(many.len() == LISTED + 1 && many[LISTED].contains("more"), "{many:?}");
    }

    #[test]
    fn mistakes_in_json_are_named_with_their_row() {
        let wrong = |text: &str| Table::parse(text.as_bytes(), TableFormat::Json, None).unwrap_err().join("; ");
        let uneven = wrong(r#"[{"id": 1, "pi": "Ada"}, {"id": 2}, {"id": 3, "pi": "", "x": 1}]"#);
        assert!(uneven.contains("row 2 lacks \"pi\"") && uneven.contains("row 3 has \"x\""), "{uneven}");
        assert!(wrong(r#"[{"id": 1}, {"id": 1}]"#).contains("row 2: the key \"1\" is that of row 1 as well"));
        assert!(wrong(r#"[{"id": [1]}]"#).contains("row 1: \"id\" is a list"));
        assert!(wrong(r#"{"id": 1}"#).contains("an array of objects") && wrong("[").contains("line 1"));
        assert!(wrong("[]").contains("empty"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(rows in prop::collection::btree_map("[^\\x00]{1,8}", "[^\\x00]{0,8}", 0..20)) {
            let rows: Vec<_> = rows.into_iter().map(|(key, cell)| [key, cell]).collect();
            let columns = ["id".to_owned(), "cell".to_owned()];
            let text = csv::write(&columns, rows.iter().map(|row| row.iter().map(String::as_str)));
            let table = Table::parse(&text, TableFormat::Csv, None).unwrap();
            prop_assert_eq!(table.row_count(), rows.len());
            for [key, cell] in &rows {
                prop_assert_eq!(cells(&table, table.find(key).unwrap()), [key, cell]);
            }
            prop_assert_eq!(table.to_csv(), text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Table::parse(&bytes, TableFormat::Csv, None));
            drop(Table::parse(&bytes, TableFormat::Json, None));
        }
    }
}
