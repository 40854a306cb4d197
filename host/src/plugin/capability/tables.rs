//! Tables that the rule is granted.

use std::sync::Arc;

use super::super::bindings::tables::{Host, TableError, TableInfo};
use super::super::bindings::types::KeyValue;
use super::super::limits::{ROWS_AT_ONCE, ROWS_BYTES};
use super::super::store::CallState;
use crate::model::Table;

impl CallState {
    fn granted_table(&self, name: &str) -> Result<Arc<Table>, TableError> {
        self.granted.tables.get(name).cloned().ok_or(TableError::NotGranted)
    }
}

impl Host for CallState {
    fn info(&mut self, table: String) -> wasmtime::Result<Result<TableInfo, TableError>> {
        Ok(self.granted_table(&table).map(|table| TableInfo {
            digest: table.digest().to_owned(),
            columns: table.columns().to_vec(),
            row_count: u32::try_from(table.row_count()).unwrap_or(u32::MAX),
        }))
    }

    fn row(&mut self, table: String, key: String) -> wasmtime::Result<Result<Option<Vec<KeyValue>>, TableError>> {
        Ok(self.granted_table(&table).map(|table| {
            let cells = table.row(table.find(&key)?)?;
            let pair = |(column, cell): (&String, &str)| KeyValue { key: column.clone(), value: cell.to_owned() };
            Some(table.columns().iter().zip(cells).map(pair).collect())
        }))
    }

    fn rows(
        &mut self,
        table: String,
        start: u32,
        count: u32,
    ) -> wasmtime::Result<Result<Vec<Vec<String>>, TableError>> {
        Ok(self.granted_table(&table).map(|table| {
            let mut bytes = 0;
            let wanted = (start as usize..table.row_count()).take(count.min(ROWS_AT_ONCE) as usize);
            let rows = wanted.map_while(|row| table.row(row));
            let mut page: Vec<Vec<String>> = Vec::new();
            for row in rows {
                let row: Vec<String> = row.map(str::to_owned).collect();
                bytes += row.iter().map(String::len).sum::<usize>();
                if bytes > ROWS_BYTES && !page.is_empty() {
                    break;
                }
                page.push(row);
            }
            page
        }))
    }
}
