//! Schemas, in words.

use serde_json::Value;

use super::{Words, words};

/// A schema of the document.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) about: Words,
    /// What it is, where it is no object.
    pub(super) kind: Kind,
    pub(super) fields: Vec<Field>,
    /// Schemas whose fields it has as well.
    pub(super) also: Vec<String>,
}

/// One field of an object.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) about: Words,
}

/// What a value is: words, around the name of a schema where it is one.
#[derive(Clone, Default)]
pub(super) struct Kind {
    pub(super) before: String,
    pub(super) schema: Option<String>,
    pub(super) after: String,
}

pub(super) fn schemas(document: &Value) -> Vec<Shape> {
    let schemas = document["components"]["schemas"].as_object();
    let mut shapes: Vec<_> = schemas.into_iter().flatten().map(|(name, schema)| shape(name, schema)).collect();
    shapes.sort_by(|a, b| a.name.cmp(&b.name));
    shapes
}

fn shape(name: &str, schema: &Value) -> Shape {
    let mut shape = Shape {
        name: name.to_owned(),
        about: words(&schema["description"]),
        kind: Kind::default(),
        fields: Vec::new(),
        also: Vec::new(),
    };
    match schema["allOf"].as_array() {
        Some(parts) => {
            for part in parts {
                shape.also.extend(reference(part));
                shape.fields.extend(fields(part));
                if shape.about.is_empty() {
                    shape.about = words(&part["description"]);
                }
            }
        }
        None => shape.fields = fields(schema),
    }
    if shape.fields.is_empty() && shape.also.is_empty() {
        shape.kind = kind(schema);
    }
    shape
}

fn fields(schema: &Value) -> Vec<Field> {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let field = |(name, schema): (&String, &Value)| Field {
        name: name.clone(),
        kind: kind(schema),
        required: required.iter().any(|required| required == name.as_str()),
        about: words(&schema["description"]),
    };
    schema["properties"].as_object().into_iter().flatten().map(field).collect()
}

/// The name of the schema that is meant.
fn reference(schema: &Value) -> Option<String> {
    schema["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
}

pub(super) fn kind(schema: &Value) -> Kind {
    if let Some(name) = reference(schema) {
        return Kind { schema: Some(name), ..Kind::default() };
    }
    let words = |before: &str| Kind { before: before.to_owned(), ..Kind::default() };
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[choice].as_array() {
            let null = parts.iter().any(|part| part["type"] == "null");
            let rest: Vec<_> = parts.iter().filter(|part| part["type"] != "null").map(kind).collect();
            let mut one = match &rest[..] {
                [one] => one.clone(),
                all => words(&all.iter().map(Kind::plain).collect::<Vec<_>>().join(" or ")),
            };
            if null {
                one.after.push_str(" or null");
            }
            return one;
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return words(&values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or "));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any JSON"],
    };
    let inner = |before: &str, schema: &Value| {
        let inner = kind(schema);
        Kind { before: format!("{before}{}", inner.before), ..inner }
    };
    let mut all = match kinds.iter().find(|kind| **kind != "null").copied().unwrap_or("null") {
        "array" => inner("list of ", &schema["items"]),
        "object" if schema["additionalProperties"].is_object() => inner("map of ", &schema["additionalProperties"]),
        "string" if schema["format"] == "date-time" => words("moment (RFC 3339)"),
        "string" if schema["format"] == "binary" => words("bytes"),
        kind => words(kind),
    };
    if let Some(pattern) = schema["pattern"].as_str() {
        all.after.push_str(&format!(" {pattern}"));
    }
    if kinds.contains(&"null") && kinds.len() > 1 {
        all.after.push_str(" or null");
    }
    all
}

impl Kind {
    fn plain(&self) -> String {
        format!("{}{}{}", self.before, self.schema.as_deref().unwrap_or_default(), self.after)
    }
}
