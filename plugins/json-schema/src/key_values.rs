//! The key-values of a transaction as one object, and the way back from a place in it to a row.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sluice_sdk::Location;

/// The object.
#[derive(Debug)]
pub(crate) struct KeyValues {
    pub(crate) object: Value,
    /// The rows of each key, in order.
    rows: BTreeMap<String, Vec<usize>>,
}

impl KeyValues {
    /// Reads the rows. A key that comes more than once has an array of its values.
    pub(crate) fn read(document: &[Value]) -> Self {
        let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, row) in
            document.iter().enumerate().filter(|(_, row)| row["destinationTable"] == "TransactionKeyValue")
        {
            let key = match &row["key"] {
                Value::String(key) => key.clone(),
                other => other.to_string(),
            };
            values.entry(key.clone()).or_default().push(row["value"].clone());
            rows.entry(key).or_default().push(index);
        }
        let one = |mut values: Vec<Value>| {
            if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
        };
        let object: Map<String, Value> = values.into_iter().map(|(key, values)| (key, one(values))).collect();
        Self { object: Value::Object(object), rows }
    }

    /// Where in metadata.txt a place of the object stands, named by its JSON pointer.
    pub(crate) fn locate(&self, pointer: &str) -> Location {
        let mut parts = pointer.split('/').skip(1);
        let key = parts.next().map(|key| key.replace("~1", "/").replace("~0", "~"));
        let Some(rows) = key.and_then(|key| self.rows.get(&key)) else { return Location::Bundle };
        // With several rows the object has an array.
        let nth = if rows.len() > 1 { parts.next().and_then(|index| index.parse().ok()).unwrap_or(0) } else { 0 };
        rows.get(nth).map_or(Location::Bundle, |row| Location::Metadata(format!("/{row}/value")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_of_the_object_are_places_of_rows() {
        let row =
            |key: &str, value: Value| json!({"destinationTable": "TransactionKeyValue", "key": key, "value": value});
        let document =
            [json!({"destinationTable": "Other"}), row("a/b", json!(1)), row("c", json!(2)), row("c", json!("3"))];
        let values = KeyValues::read(&document);
        assert_eq!(values.object, json!({"a/b": 1, "c": [2, "3"]}));
        let at = |pointer: &str| values.locate(pointer).to_string();
        assert_eq!(at("/a~1b"), "metadata.txt /1/value");
        assert_eq!(at("/c/1"), "metadata.txt /3/value");
        assert_eq!(at("/c"), "metadata.txt /2/value");
        assert_eq!((at(""), at("/d"), at("/c/7")), ("bundle".into(), "bundle".into(), "bundle".into()));
    }
}
