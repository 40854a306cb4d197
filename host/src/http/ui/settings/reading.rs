//! The configuration that a form says.

use serde_json::{Map, Value};

use super::super::sent::Fields;
use super::shape::{Schema, Shape};
use super::value::{escaped, item, number, scalar};
use super::{MOST_ENTRIES, Mistakes};

/// The configuration that a form says. What is no JSON where JSON was asked for is among the mistakes.
pub(in super::super) fn read(schema: &Value, sent: &Fields, mistakes: &mut Mistakes) -> Value {
    let mut reader = Reader { schema: Schema(schema), sent, mistakes };
    reader.value("config", schema, true, 0).unwrap_or_else(|| Value::Object(Map::new()))
}

struct Reader<'a, 'b> {
    schema: Schema<'a>,
    sent: &'b Fields,
    mistakes: &'b mut Mistakes,
}

impl<'a> Reader<'a, '_> {
    fn value(&mut self, path: &str, node: &'a Value, required: bool, depth: usize) -> Option<Value> {
        if let Some(text) = self.sent.get(&format!("{path}@json")) {
            if text.trim().is_empty() {
                return None;
            }
            return Some(serde_json::from_str(text).unwrap_or_else(|error| {
                self.mistakes.entry(path.to_owned()).or_default().push(format!("this is no JSON: {error}"));
                Value::Null
            }));
        }
        let set = required || self.sent.get(&format!("{path}@set")).is_some();
        let text = self.sent.get(path).unwrap_or_default();
        match self.schema.shape(node, depth) {
            Shape::Text => (set || !text.is_empty()).then(|| Value::from(text.replace("\r\n", "\n"))),
            Shape::Scalar => (set || !text.is_empty()).then(|| scalar(text)),
            Shape::Number => Some(text.trim()).filter(|text| !text.is_empty()).map(number),
            Shape::Boolean => text.parse().ok().map(Value::Bool),
            Shape::Choice(_) => serde_json::from_str(text).ok(),
            Shape::List(inner) => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                let items: Vec<Value> = lines.map(|line| item(&inner, line)).collect();
                (set || !items.is_empty()).then_some(Value::Array(items))
            }
            Shape::Group(properties, needed) => {
                let mut object = Map::new();
                for (key, node) in properties {
                    let place = format!("{path}/{}", escaped(key));
                    let value = self.value(&place, node, needed.contains(&key.as_str()), depth + 1);
                    object.extend(value.map(|value| (key.clone(), value)));
                }
                // A required part of a group that is not there itself is not asked for.
                let given = object.values().any(|value| !is_empty(value));
                (set || given).then_some(Value::Object(object))
            }
            Shape::Entries(items) => {
                let count: usize = self.sent.get(&format!("{path}@count")).and_then(|n| n.parse().ok()).unwrap_or(0);
                let entries = (0..count.min(MOST_ENTRIES))
                    .map(|index| self.value(&format!("{path}/{index}"), items, true, depth + 1))
                    .map(|entry| entry.unwrap_or_else(|| Value::Object(Map::new())));
                let entries: Vec<Value> = entries.collect();
                (set || !entries.is_empty()).then_some(Value::Array(entries))
            }
            Shape::Other => None,
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(is_empty),
        _ => false,
    }
}
