//! What a JSON Schema asks for, as far as a form has a field for it.

use serde_json::{Map, Value};

/// No schema of a configuration that people write is deeper.
pub(super) const DEPTH: usize = 8;

/// What a schema asks for, as far as there is a field for it.
#[derive(Debug)]
pub(super) enum Shape<'a> {
    Text,
    Number,
    /// A text or a number.
    Scalar,
    Boolean,
    Choice(Vec<(Value, String)>),
    List(Box<Shape<'a>>),
    Group(&'a Map<String, Value>, Vec<&'a str>),
    Entries(&'a Value),
    Other,
}

/// The schema around everything, which references lead back to.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a>(pub(super) &'a Value);

impl<'a> Schema<'a> {
    /// Follows references, and leaves out that there may be nothing: an empty field says that as well.
    pub(super) fn plain(self, mut node: &'a Value) -> &'a Value {
        for _ in 0..DEPTH {
            if let Some(reference) = node["$ref"].as_str() {
                let Some(found) = reference.strip_prefix('#').and_then(|at| self.0.pointer(at)) else { return node };
                node = found;
                continue;
            }
            let choices = node["anyOf"].as_array().or(node["oneOf"].as_array());
            let mut real = choices.into_iter().flatten().filter(|choice| choice["type"] != "null");
            match (choices.map(Vec::len), real.next(), real.next()) {
                (Some(2), Some(one), None) => node = one,
                _ => return node,
            }
        }
        node
    }

    pub(super) fn shape(self, node: &'a Value, depth: usize) -> Shape<'a> {
        let node = self.plain(node);
        if depth > DEPTH {
            return Shape::Other;
        }
        if let Some(choice) = choice(node) {
            return choice;
        }
        let types: Vec<&str> = match &node["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
            _ if node["properties"].is_object() => vec!["object"],
            _ => Vec::new(),
        };
        match types[..] {
            ["string"] => Shape::Text,
            ["integer" | "number"] | ["integer", "number"] | ["number", "integer"] => Shape::Number,
            ["boolean"] => Shape::Boolean,
            ["string", "number" | "integer"] | ["number" | "integer", "string"] => Shape::Scalar,
            ["array"] => match self.shape(&node["items"], depth + 1) {
                inner @ (Shape::Text | Shape::Number | Shape::Scalar | Shape::Choice(_)) => {
                    Shape::List(Box::new(inner))
                }
                Shape::Group(..) => Shape::Entries(&node["items"]),
                _ => Shape::Other,
            },
            ["object"] => match node["properties"].as_object() {
                Some(properties) if !properties.is_empty() && !node["additionalProperties"].is_object() => {
                    let required = node["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    Shape::Group(properties, required.collect())
                }
                _ => Shape::Other,
            },
            _ => Shape::Other,
        }
    }
}

/// One of several texts or numbers.
fn choice<'a>(node: &'a Value) -> Option<Shape<'a>> {
    if let Some(values) = node["enum"].as_array() {
        let options = values.iter().filter(|value| !value.is_null()).map(|value| (value.clone(), String::new()));
        return Some(Shape::Choice(options.collect()));
    }
    let options = node["oneOf"].as_array().or(node["anyOf"].as_array())?;
    let one = |option: &Value| {
        let about = option["description"].as_str().unwrap_or_default().to_owned();
        Some((option.get("const")?.clone(), about))
    };
    options.iter().map(one).collect::<Option<Vec<_>>>().map(Shape::Choice)
}
