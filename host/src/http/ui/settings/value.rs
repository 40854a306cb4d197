//! Values as they are typed.

use serde_json::Value;

use super::shape::Shape;

pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

pub(super) fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that looks like a number is written in quotes, so that it stays a text.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if scalar(text) == *value => Some(text.clone()),
        Value::String(_) => Some(value.to_string()),
        _ => None,
    }
}

pub(super) fn scalar(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::String(_))) => value,
        _ => Value::from(text),
    }
}

pub(super) fn number(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Number(_)) => value,
        // Not a number; the schema says so in its own words.
        _ => Value::from(text),
    }
}

/// An item of a list as a line.
pub(super) fn line(shape: &Shape<'_>, item: &Value) -> Option<String> {
    let text = match shape {
        Shape::Text => item.as_str()?.to_owned(),
        Shape::Number => item.is_number().then(|| item.to_string())?,
        Shape::Choice(_) => plain_text(item),
        _ => scalar_text(item)?,
    };
    (!text.trim().is_empty() && !text.contains(['\n', '\r'])).then_some(text)
}

pub(super) fn item(shape: &Shape<'_>, line: &str) -> Value {
    match shape {
        Shape::Text => Value::from(line),
        Shape::Number => number(line.trim()),
        Shape::Choice(options) => {
            let known = options.iter().find(|(option, _)| plain_text(option) == line.trim());
            known.map_or_else(|| Value::from(line.trim()), |(option, _)| option.clone())
        }
        _ => scalar(line),
    }
}
