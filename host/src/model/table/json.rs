//! Tables as a JSON array of flat objects.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Builder;

pub(super) fn read(bytes: &[u8], key: Option<&str>) -> Result<Builder, Vec<String>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut refused = Vec::new();
    let rows = Rows { key, refused: &mut refused };
    let read = reader.deserialize_seq(rows).and_then(|builder| reader.end().map(|()| builder));
    match read {
        Ok(builder) => Ok(builder),
        Err(_) if !refused.is_empty() => Err(refused),
        Err(error) => Err(vec![format!("this is no table in JSON, an array of objects: {error}")]),
    }
}

/// Takes the rows one by one, so that no tree of the whole document is ever held.
struct Rows<'a> {
    key: Option<&'a str>,
    /// What is wrong with the columns, which keeps any row from being taken.
    refused: &'a mut Vec<String>,
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Builder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Builder, A::Error> {
        let mut builder: Option<Builder> = None;
        let mut place = 0;
        while let Some(Row(row)) = rows.next_element()? {
            place += 1;
            let builder = match &mut builder {
                Some(builder) => builder,
                none => {
                    let columns = row.iter().map(|(name, _)| name.clone()).collect();
                    match Builder::new(columns, self.key, "row") {
                        Ok(made) => none.insert(made),
                        Err(mistakes) => {
                            *self.refused = mistakes;
                            return Err(A::Error::custom("its columns are wrong"));
                        }
                    }
                }
            };
            if !take(builder, place, &row) {
                // The rest is of no use, but the document has to come to its end.
                while rows.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                break;
            }
        }
        match builder {
            Some(builder) => Ok(builder),
            None => {
                self.refused.push("the table is empty: its columns are those of its first row".to_owned());
                Err(A::Error::custom("it is empty"))
            }
        }
    }
}

fn take(builder: &mut Builder, place: u64, row: &[(String, Value)]) -> bool {
    let columns = builder.columns().to_vec();
    let (mut cells, mut mistakes) = (Vec::with_capacity(columns.len()), Vec::new());
    for (index, column) in columns.iter().enumerate() {
        // Rows nearly always have their keys in one order.
        let found = row.get(index).filter(|(name, _)| name == column);
        match found.or_else(|| row.iter().find(|(name, _)| name == column)) {
            None => mistakes.push(format!("row {place} lacks {column:?}; give null where there is nothing")),
            Some((_, Value::Null)) => cells.push(String::new()),
            Some((_, Value::String(text))) => cells.push(text.clone()),
            Some((_, Value::Array(_))) => {
                mistakes.push(format!("row {place}: {column:?} is a list; a cell is one value"))
            }
            Some((_, Value::Object(_))) => {
                mistakes.push(format!("row {place}: {column:?} is an object; a cell is one value"));
            }
            Some((_, scalar)) => cells.push(scalar.to_string()),
        }
    }
    for (index, (name, _)) in row.iter().enumerate() {
        if !columns.contains(name) {
            mistakes.push(format!("row {place} has {name:?}, which the first row has not"));
        } else if row[..index].iter().any(|(earlier, _)| earlier == name) {
            mistakes.push(format!("row {place} has {name:?} twice"));
        }
    }
    if mistakes.is_empty() {
        return builder.row(place, cells.iter().map(String::as_str));
    }
    mistakes.into_iter().for_each(|mistake| builder.mistake(mistake));
    true
}

/// An object, with its keys in the order in which they stand.
struct Row(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;

        impl<'de> Visitor<'de> for Cells {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object for each row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut cells: A) -> Result<Row, A::Error> {
                let mut row = Vec::new();
                while let Some(cell) = cells.next_entry()? {
                    row.push(cell);
                }
                Ok(Row(row))
            }
        }

        deserializer.deserialize_map(Cells)
    }
}
