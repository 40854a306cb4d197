//! Lists of tables, which grow and shrink under a form.

use serde_json::{Map, Value};

/// Adds an empty table to the list at a place of a form.
pub(in super::super) fn grow(config: &mut Value, path: &str) {
    let mut at = config;
    for part in path.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        at = match at {
            Value::Array(list) => match key.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                Some(item) => item,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = Value::Object(Map::new());
                }
                let Some(object) = other.as_object_mut() else { return };
                object.entry(key).or_insert(Value::Null)
            }
        };
    }
    match at {
        Value::Array(list) => list.push(Value::Object(Map::new())),
        other => *other = Value::Array(vec![Value::Object(Map::new())]),
    }
}

/// Takes the table at a place of a form out of its list.
pub(in super::super) fn shrink(config: &mut Value, path: &str) {
    let Some((list, index)) = path.trim_start_matches("config").rsplit_once('/') else { return };
    if let (Some(Value::Array(list)), Ok(index)) = (config.pointer_mut(list), index.parse::<usize>())
        && index < list.len()
    {
        list.remove(index);
    }
}
