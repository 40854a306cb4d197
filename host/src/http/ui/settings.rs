//! A plugin's configuration as a form, made from the plugin's own JSON Schema.
//!
//! Texts, numbers, yes or no, one of several, lists of these, tables inside of tables and lists of tables have fields of
//! their own; anything else, and a value that does not fit its field, is a field for JSON. What a form is made of is what
//! comes back when it is sent unchanged: nothing is lost, nothing is added.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::{Map, Value};

use super::sent::Fields;

/// No schema of a configuration that people write is deeper.
const DEPTH: usize = 8;
/// Tables in a list that a form may have.
const MOST_ENTRIES: usize = 200;

/// Mistakes by the place that they are about.
pub(super) type Mistakes = BTreeMap<String, Vec<String>>;

/// One field of a form.
#[derive(Debug, Template)]
#[template(path = "field.html")]
pub(super) struct Field {
    /// Its place, such as `config/transaction/project`, which is also its name.
    path: String,
    label: String,
    /// Words, and whether they are code.
    help: Vec<(bool, String)>,
    required: bool,
    kind: Kind,
    mistakes: Vec<String>,
    /// Whether an empty field stands for something: an empty text, an empty list.
    set: bool,
}

impl Field {
    /// Whether nothing is set in it, and nothing is wrong with it: it need not be seen.
    fn is_blank(&self) -> bool {
        let blank = match &self.kind {
            Kind::Text { value, .. }
            | Kind::Number { value, .. }
            | Kind::Lines { value, .. }
            | Kind::Json { value, .. } => value.is_empty(),
            Kind::Choice { options, .. } => options.iter().all(|option| !option.selected),
            Kind::Group { present, fields, .. } => !present && fields.iter().all(Self::is_blank),
            Kind::Entries { entries } => entries.is_empty(),
        };
        blank && !self.set && self.mistakes.is_empty()
    }

    /// Whether the fields of a table are folded away.
    fn is_folded(&self) -> bool {
        match &self.kind {
            Kind::Group { optional: true, fields, .. } => fields.iter().all(Self::is_blank),
            _ => false,
        }
    }
}

#[derive(Debug)]
enum Kind {
    Text { value: String, long: bool, hint: String },
    Number { value: String, hint: String },
    Choice { options: Vec<Choice>, none: String },
    Lines { value: String, rows: usize },
    Group { optional: bool, present: bool, fields: Vec<Field> },
    Entries { entries: Vec<Field> },
    Json { value: String, rows: usize },
}

#[derive(Debug)]
struct Choice {
    value: String,
    label: String,
    selected: bool,
}

/// What a schema asks for, as far as there is a field for it.
#[derive(Debug)]
enum Shape<'a> {
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
    fn plain(self, mut node: &'a Value) -> &'a Value {
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

    fn shape(self, node: &'a Value, depth: usize) -> Shape<'a> {
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

/// The form of a configuration. What is typed into a field for JSON stays as it was typed.
pub(super) fn form(schema: &Value, config: &Value, typed: &Fields, mistakes: &mut Mistakes) -> Field {
    let maker = Maker { schema: Schema(schema), typed };
    let mut root = maker.field("config", "Configuration", schema, Some(config), true, 0, mistakes);
    // What the schema says of the whole is said of the plugin already.
    root.help.clear();
    root
}

struct Maker<'a> {
    schema: Schema<'a>,
    typed: &'a Fields,
}

impl<'a> Maker<'a> {
    #[allow(clippy::too_many_arguments, reason = "a field has a place, a name, a schema and a value")]
    fn field(
        &self,
        path: &str,
        label: &str,
        node: &'a Value,
        value: Option<&Value>,
        required: bool,
        depth: usize,
        mistakes: &mut Mistakes,
    ) -> Field {
        let plain = self.schema.plain(node);
        let about = node["description"].as_str().or(plain["description"].as_str()).unwrap_or_default();
        let default = node.get("default").or(plain.get("default")).filter(|default| !default.is_null());
        let own = mistakes.remove(path).unwrap_or_default();
        let value = value.filter(|value| !value.is_null());
        let shape = self.schema.shape(node, depth);
        let json = format!("{path}@json");
        let kind = self.kind(path, &shape, value, required, default, depth, mistakes);
        let kind = kind.filter(|_| self.typed.get(&json).is_none() || path == "config").unwrap_or_else(|| {
            let shown = value.map(|value| serde_json::to_string_pretty(value).unwrap_or_default());
            let value = self.typed.get(&json).map(str::to_owned).or(shown).unwrap_or_default();
            Kind::Json { rows: value.lines().count().clamp(2, 18), value }
        });
        let empty = value.is_some_and(|value| {
            value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
        });
        Field {
            path: path.to_owned(),
            label: label.to_owned(),
            help: marked(about),
            required,
            kind,
            mistakes: own,
            set: empty,
        }
    }

    /// The field that shows a value; none where the value does not fit.
    #[allow(clippy::too_many_arguments, reason = "see above")]
    fn kind(
        &self,
        path: &str,
        shape: &Shape<'a>,
        value: Option<&Value>,
        required: bool,
        default: Option<&Value>,
        depth: usize,
        mistakes: &mut Mistakes,
    ) -> Option<Kind> {
        let hint = default.map(|default| format!("default: {}", plain_text(default))).unwrap_or_default();
        Some(match shape {
            Shape::Text => {
                let value = value.map_or(Some(""), Value::as_str)?.to_owned();
                Kind::Text { long: value.contains('\n') || value.len() > 90, value, hint }
            }
            Shape::Scalar => Kind::Text { value: value.map_or(Some(String::new()), scalar_text)?, long: false, hint },
            Shape::Number => {
                // Text is what somebody typed that is no number.
                let fits = value.is_none_or(|value| value.is_number() || value.is_string());
                Kind::Number { value: fits.then(|| value.map(plain_text).unwrap_or_default())?, hint }
            }
            Shape::Boolean => {
                let value = value.map_or(Some(None), |value| value.as_bool().map(Some))?;
                let word = |yes: bool| if yes { "yes" } else { "no" };
                let option = |yes: bool| Choice {
                    value: yes.to_string(),
                    label: word(yes).to_owned(),
                    selected: value == Some(yes),
                };
                let none = match default.and_then(Value::as_bool) {
                    Some(default) => format!("not set (default: {})", word(default)),
                    None => "not set".to_owned(),
                };
                Kind::Choice { options: vec![option(true), option(false)], none }
            }
            Shape::Choice(options) => {
                if value.is_some_and(|value| options.iter().all(|(option, _)| option != value)) {
                    return None;
                }
                let option = |(option, about): &(Value, String)| Choice {
                    value: option.to_string(),
                    label: match about.is_empty() {
                        true => plain_text(option),
                        false => format!("{}: {about}", plain_text(option)),
                    },
                    selected: value == Some(option),
                };
                let none = if hint.is_empty() { "not set".to_owned() } else { format!("not set ({hint})") };
                Kind::Choice { options: options.iter().map(option).collect(), none }
            }
            Shape::List(inner) => {
                let items = value.map_or(Some(&[][..]), |value| value.as_array().map(Vec::as_slice))?;
                let lines = items.iter().map(|item| line(inner, item)).collect::<Option<Vec<_>>>()?;
                Kind::Lines { rows: (lines.len() + 1).clamp(2, 12), value: lines.join("\n") }
            }
            Shape::Group(properties, needed) => {
                let given = value.map_or(Some(None), |value| value.as_object().map(Some))?;
                if given.is_some_and(|given| given.keys().any(|key| !properties.contains_key(key))) {
                    return None;
                }
                let one = |(key, node): (&String, &'a Value)| {
                    let place = format!("{path}/{}", escaped(key));
                    let value = given.and_then(|given| given.get(key));
                    (place, key.clone(), node, value, needed.contains(&key.as_str()))
                };
                let mut ordered: Vec<_> = properties.iter().map(one).collect();
                // What must be given comes first.
                ordered.sort_by_key(|(.., required)| !required);
                let fields = ordered.into_iter().map(|(place, key, node, value, required)| {
                    self.field(&place, &label(&key), node, value, required, depth + 1, mistakes)
                });
                Kind::Group { fields: fields.collect(), optional: !required, present: given.is_some() }
            }
            Shape::Entries(items) => {
                let given = value.map_or(Some(&[][..]), |value| value.as_array().map(Vec::as_slice))?;
                if given.len() > MOST_ENTRIES || given.iter().any(|item| !item.is_object()) {
                    return None;
                }
                let entry = |(index, item)| {
                    let (place, name) = (format!("{path}/{index}"), format!("Entry {}", index + 1));
                    self.field(&place, &name, items, Some(item), true, depth + 1, mistakes)
                };
                let mut entries: Vec<Field> = given.iter().enumerate().map(entry).collect();
                entries.iter_mut().for_each(|entry| entry.help.clear());
                Kind::Entries { entries }
            }
            Shape::Other => return None,
        })
    }
}

/// The configuration that a form says. What is no JSON where JSON was asked for is among the mistakes.
pub(super) fn read(schema: &Value, sent: &Fields, mistakes: &mut Mistakes) -> Value {
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

/// Adds an empty table to the list at a place of a form.
pub(super) fn grow(config: &mut Value, path: &str) {
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
pub(super) fn shrink(config: &mut Value, path: &str) {
    let Some((list, index)) = path.trim_start_matches("config").rsplit_once('/') else { return };
    if let (Some(Value::Array(list)), Ok(index)) = (config.pointer_mut(list), index.parse::<usize>())
        && index < list.len()
    {
        list.remove(index);
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

/// What stands between backticks is code.
fn marked(text: &str) -> Vec<(bool, String)> {
    let parts = text.split('`').enumerate().map(|(place, part)| (place % 2 == 1, part.to_owned()));
    parts.filter(|(_, part)| !part.is_empty()).collect()
}

/// `max_part_bytes` as people write it.
fn label(key: &str) -> String {
    let mut text = key.replace('_', " ");
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that looks like a number is written in quotes, so that it stays a text.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if scalar(text) == *value => Some(text.clone()),
        Value::String(_) => Some(value.to_string()),
        _ => None,
    }
}

fn scalar(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::String(_))) => value,
        _ => Value::from(text),
    }
}

fn number(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Number(_)) => value,
        // Not a number; the schema says so in its own words.
        _ => Value::from(text),
    }
}

/// An item of a list as a line.
fn line(shape: &Shape<'_>, item: &Value) -> Option<String> {
    let text = match shape {
        Shape::Text => item.as_str()?.to_owned(),
        Shape::Number => item.is_number().then(|| item.to_string())?,
        Shape::Choice(_) => plain_text(item),
        _ => scalar_text(item)?,
    };
    (!text.trim().is_empty() && !text.contains(['\n', '\r'])).then_some(text)
}

fn item(shape: &Shape<'_>, line: &str) -> Value {
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

#[cfg(test)]
mod tests;
