//! One check, with its schema compiled.

use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use sluice_sdk::{Location, Mistakes, Quoted, Report, Severity};

use crate::config::{self, Subject};
use crate::key_values::KeyValues;

/// A value of the document with more characters than this is not shown in a message.
const SHOWN: usize = 80;

/// Characters of a message. The schema's own texts may be long.
const LONGEST: usize = 1000;

/// A check whose schema is compiled.
#[derive(Debug)]
pub(crate) struct Check {
    of: Subject,
    table: String,
    /// None only where a mistake was found.
    schema: Option<Validator>,
    title: Option<String>,
    rows: (usize, usize),
    severity: Severity,
    hint: Option<String>,
}

impl Check {
    /// Compiles a check. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Check, mistakes: &mut Mistakes) -> Self {
        let at = format!("{key}.schema");
        let schema = mistakes.ok(&at, read(config.schema));
        let validator = schema.as_ref().and_then(|schema| mistakes.ok(&at, compile(schema, config.formats)));
        let is_rows = config.of == Subject::Rows;
        if is_rows && config.table.is_none() {
            mistakes.add(format_args!("{key}.table"), "must name the rows' destinationTable, for instance \"Files\"");
        }
        for (name, is_there) in [
            ("table", config.table.is_some()),
            ("min_rows", config.min_rows.is_some()),
            ("max_rows", config.max_rows.is_some()),
        ] {
            if is_there && !is_rows {
                mistakes.add(format_args!("{key}.{name}"), "is about rows; set of = \"rows\"");
            }
        }
        let rows = (config.min_rows.unwrap_or(0), config.max_rows.unwrap_or(usize::MAX));
        if rows.0 > rows.1 {
            mistakes.add(format_args!("{key}.max_rows"), "is less than min_rows: no table has so many rows");
        }
        Self {
            of: config.of,
            table: config.table.unwrap_or_default(),
            schema: validator,
            title: schema.and_then(|schema| schema["title"].as_str().map(str::to_owned)),
            rows,
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        }
    }

    /// Says what does not fit.
    pub(crate) fn make(&self, document: &Value, report: &mut Report) {
        let rows = document.as_array().map_or(&[][..], Vec::as_slice);
        match self.of {
            Subject::Document => self.hold(document, "document-mismatch", "The document", located, report),
            Subject::KeyValues => {
                let values = KeyValues::read(rows);
                let place = |pointer: &str| values.locate(pointer);
                self.hold(&values.object, "key-values-mismatch", "The key-value object", place, report);
            }
            Subject::Rows => {
                let what = format!("The row of {}", Quoted(&self.table));
                let of_table = |row: &Value| row["destinationTable"] == self.table.as_str();
                let mut count = 0;
                for (index, row) in rows.iter().enumerate().filter(|(_, row)| of_table(row)) {
                    count += 1;
                    let place = |pointer: &str| Location::Metadata(format!("/{index}{pointer}"));
                    self.hold(row, "row-mismatch", &what, place, report);
                }
                self.count(count, report);
            }
        }
    }

    fn count(&self, count: usize, report: &mut Report) {
        let (min, max) = self.rows;
        let limit = match count {
            _ if count < min => format!("at least {min} are expected"),
            _ if count > max => format!("at most {max} are allowed"),
            _ => return,
        };
        let message = format!("The bundle has {count} rows of the table {}; {limit}.", Quoted(&self.table));
        report.add(self.severity, "rows-count", message).hint(self.advice());
    }

    fn hold(&self, value: &Value, code: &str, what: &str, place: impl Fn(&str) -> Location, report: &mut Report) {
        let Some(schema) = &self.schema else { return };
        for error in schema.iter_errors(value) {
            let schema = self.title.as_ref().map_or(String::new(), |title| format!(" {title:?}"));
            let (pointer, rule) = (error.instance_path().to_string(), error.schema_path());
            let message = format!("{what} does not fit the schema{schema} at {rule}: {}.", words(&error));
            let message = match message.char_indices().nth(LONGEST) {
                Some((cut, _)) => format!("{}…", &message[..cut]),
                None => message,
            };
            report.add(self.severity, code, message).at(place(&pointer)).hint(self.advice());
        }
    }

    fn advice(&self) -> String {
        self.hint
            .clone()
            .unwrap_or_else(|| "Correct it in the uploader's form or in metadata.txt, and upload again.".to_owned())
    }
}

fn located(pointer: &str) -> Location {
    if pointer.is_empty() { Location::Bundle } else { Location::Metadata(pointer.to_owned()) }
}

/// An error, without a value of any length that it is about.
fn words(error: &ValidationError<'_>) -> String {
    let shown = match error.instance().as_ref() {
        Value::Array(_) | Value::Object(_) => false,
        Value::String(text) => text.chars().count() <= SHOWN && !text.chars().any(char::is_control),
        _ => true,
    };
    if shown { error.to_string() } else { error.masked_with("the value").to_string() }
}

/// The schema, which may be written as JSON in a text.
fn read(schema: Value) -> Result<Value, String> {
    let schema = match schema {
        Value::String(text) => {
            serde_json::from_str(&text).map_err(|error| format!("the text is no JSON document: {error}"))?
        }
        schema => schema,
    };
    if schema.is_object() || schema.is_boolean() {
        Ok(schema)
    } else {
        Err("is no schema: that is a table of keys".to_owned())
    }
}

fn compile(schema: &Value, formats: bool) -> Result<Validator, String> {
    jsonschema::options().offline().should_validate_formats(formats).build(schema).map_err(|error| {
        let at = error.instance_path().to_string();
        let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
        format!("is no schema that can be used{at}: {error} (references must lead into the schema itself)")
    })
}
