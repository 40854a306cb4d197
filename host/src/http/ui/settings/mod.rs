//! A plugin's configuration as a form, made from the plugin's own JSON Schema.
//!
//! Texts, numbers, yes or no, one of several, lists of these, tables inside of tables and lists of tables have fields of
//! their own; anything else, and a value that does not fit its field, is a field for JSON. What a form is made of is what
//! comes back when it is sent unchanged: nothing is lost, nothing is added.

mod lists;
mod reading;
mod shape;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

pub(super) use lists::{grow, shrink};
pub(super) use reading::read;

use super::sent::Fields;
use shape::{Schema, Shape};
use value::{escaped, line, plain_text, scalar_text};

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
                for entry in &mut entries {
                    // Said of the list already.
                    entry.help.clear();
                    entry.required = false;
                }
                Kind::Entries { entries }
            }
            Shape::Other => return None,
        })
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
