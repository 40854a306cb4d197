//! The rows of metadata.txt, read only as far as findings need to name them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::TransactionField;

/// Where the rows are that the gate hands over as values.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    transaction: [Option<usize>; 3],
    key_values: Vec<usize>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, rename = "destinationTable")]
    table: Cow<'a, str>,
    /// None where it is missing or null.
    value: Option<IgnoredAny>,
}

impl Rows {
    /// Reads the document. The gate has read it before; where the two differ in opinion, findings lose their place and
    /// nothing else.
    pub(crate) fn read(metadata_json: &str) -> Self {
        let mut rows = Self::default();
        for (index, row) in serde_json::from_str::<Vec<Row<'_>>>(metadata_json).unwrap_or_default().iter().enumerate() {
            if row.table == "TransactionKeyValue" {
                rows.key_values.push(index);
            } else if let Some(name) = row.table.strip_prefix("Transactions.")
                && let Some(field) = TransactionField::ALL.into_iter().find(|field| field.name() == name)
                && row.value.is_some()
            {
                // Of several rows that say the same, the first is the one that counts.
                rows.transaction[field as usize].get_or_insert(index);
            }
        }
        rows
    }

    pub(crate) fn transaction(&self, field: TransactionField) -> Option<usize> {
        self.transaction[field as usize]
    }

    pub(crate) fn key_value(&self, nth: usize) -> Option<usize> {
        self.key_values.get(nth).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_among_others() {
        let rows = Rows::read(
            r#"[{"destinationTable": "Other", "value": {"deep": []}},
                {"destinationTable": "Transactions.project", "value": null},
                {"destinationTable": "TransactionKeyValue", "key": "a", "value": 1},
                {"destinationTable": "Transactions.project", "value": "1234a"},
                {"destinationTable": "TransactionKeyValue", "key": "b", "value": "x"}]"#,
        );
        assert_eq!(rows.transaction(TransactionField::Project), Some(3));
        assert_eq!(rows.transaction(TransactionField::Submitter), None);
        assert_eq!((rows.key_value(0), rows.key_value(1), rows.key_value(2)), (Some(2), Some(4), None));
    }

    #[test]
    fn a_document_that_cannot_be_read_has_no_places() {
        assert_eq!(Rows::read("[3]").transaction(TransactionField::Project), None);
    }
}
