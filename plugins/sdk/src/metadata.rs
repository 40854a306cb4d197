//! The rows of metadata.txt, read only as far as findings need to name them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::TransactionField;
use crate::json::Json;

/// Where the rows are that the gate hands over as values.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    transaction: [Option<usize>; 3],
    key_values: Vec<usize>,
}

#[derive(Default)]
struct Row<'a> {
    table: Cow<'a, str>,
    /// Whether there is one, and it is not null.
    has_value: bool,
}

/// What stands where something else should be has no place. To say no more of it keeps the words of `serde_json` for
/// wrong types, and the table that spells floats in them, out of every guest.
macro_rules! nothing_else {
    ($($visit:ident($($other:ty)?))*) => {$(
        fn $visit<E>(self $(, _: $other)?) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    )*};
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsRow;

        impl<'de> Visitor<'de> for AsRow {
            type Value = Row<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Row<'de>, A::Error> {
                let mut row = Row::default();
                while let Some(key) = entries.next_key::<Json<'de>>()? {
                    match key.text() {
                        Some("destinationTable") => {
                            if let Json::Text(table) = entries.next_value()? {
                                row.table = table;
                            }
                        }
                        Some("value") => row.has_value = entries.next_value::<Json<'de>>()? != Json::Null,
                        _ => drop(entries.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(row)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Row<'de>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row::default())
            }

            nothing_else! { visit_unit() visit_bool(bool) visit_u64(u64) visit_i64(i64) visit_f64(f64) visit_str(&str) }
        }

        deserializer.deserialize_any(AsRow)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsRows;

        impl<'de> Visitor<'de> for AsRows {
            type Value = Rows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Rows, A::Error> {
                let mut rows = Rows::default();
                let mut index = 0;
                while let Some(row) = items.next_element::<Row<'de>>()? {
                    rows.note(index, &row);
                    index += 1;
                }
                Ok(rows)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Rows, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Rows::default())
            }

            nothing_else! { visit_unit() visit_bool(bool) visit_u64(u64) visit_i64(i64) visit_f64(f64) visit_str(&str) }
        }

        deserializer.deserialize_any(AsRows)
    }
}

impl Rows {
    /// Reads the document. The gate has read it before; where the two differ in opinion, findings lose their place and
    /// nothing else.
    pub(crate) fn read(metadata_json: &str) -> Self {
        serde_json::from_str(metadata_json).unwrap_or_default()
    }

    fn note(&mut self, index: usize, row: &Row<'_>) {
        if row.table == "TransactionKeyValue" {
            self.key_values.push(index);
        } else if let Some(name) = row.table.strip_prefix("Transactions.")
            && let Some(field) = TransactionField::ALL.into_iter().find(|field| field.name() == name)
            && row.has_value
        {
            // Of several rows that say the same, the first is the one that counts.
            self.transaction[field as usize].get_or_insert(index);
        }
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
