//! What the values of one column are like, ready to be held against values.

use std::collections::HashSet;

use regex_lite::Regex;
use sluice_sdk::{Mistakes, Quoted, Scalar};

use crate::config::{self, Kind};
use crate::form::Form;
use crate::value;

/// More allowed values than this are not listed in a message.
const LISTED: usize = 12;

/// A column whose patterns and limits are read.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) may_be_absent: bool,
    kind: Kind,
    may_be_empty: bool,
    nan: bool,
    mark: u8,
    /// Texts for messages, beside what is compared.
    min: Option<(String, Bound)>,
    max: Option<(String, Bound)>,
    allowed: Option<(Vec<String>, HashSet<Vec<u8>>)>,
    pattern: Option<Pattern>,
    min_length: usize,
    max_length: usize,
}

/// A regular expression, and the short way to the same answer where there is one.
#[derive(Debug)]
struct Pattern {
    text: String,
    regex: Regex,
    form: Option<Form>,
}

#[derive(Debug)]
enum Bound {
    Number(f64),
    /// In the order of ISO 8601, which is that of its bytes.
    Date(Vec<u8>),
}

/// What is wrong with a value. Put into words only where there is room for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    Missing,
    Kind,
    TooSmall,
    TooLarge,
    NotAllowed,
    Malformed,
    TooShort,
    TooLong,
}

impl Column {
    /// Reads a column. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Column, decimal_comma: bool, mistakes: &mut Mistakes) -> Self {
        let mark = if decimal_comma { b',' } else { b'.' };
        let kind = config.kind;
        let mut bound = |name: &str, text: Option<Scalar>| {
            let text = text?.into_string();
            let bound = mistakes.ok(format_args!("{key}.{name}"), Bound::new(kind, &text))?;
            Some((text, bound))
        };
        let (min, max) = (bound("min", config.min), bound("max", config.max));
        if let (Some((min, low)), Some((max, high))) = (&min, &max)
            && low.is_above(high)
        {
            mistakes.add(format_args!("{key}.max"), format_args!("no value is at least {min} and at most {max}"));
        }
        let pattern = config.pattern.and_then(|text| {
            let compiled = Regex::new(&text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
            let compiled = compiled.map_err(|error| format!("{text:?} is no regular expression: {error}"));
            mistakes.ok(format_args!("{key}.pattern"), compiled).map(|regex| {
                let form = Form::read(&text);
                Pattern { text, regex, form }
            })
        });
        if config.allowed.as_ref().is_some_and(Vec::is_empty) {
            mistakes.add(format_args!("{key}.allowed"), "an empty list allows no value; leave it out to allow any");
        }
        let column = Self {
            name: config.name,
            may_be_absent: config.may_be_absent,
            kind,
            may_be_empty: config.may_be_empty,
            nan: config.nan,
            mark,
            min,
            max,
            allowed: config.allowed.map(|values| {
                let texts: Vec<String> = values.into_iter().map(Scalar::into_string).collect();
                let set = texts.iter().map(|text| text.clone().into_bytes()).collect();
                (texts, set)
            }),
            pattern,
            min_length: config.min_length.unwrap_or(0),
            max_length: config.max_length.unwrap_or(usize::MAX),
        };
        if column.min_length > column.max_length {
            mistakes.add(format_args!("{key}.max_length"), "is less than min_length: no value is both");
        }
        if column.nan && kind != Kind::Number {
            mistakes.add(format_args!("{key}.nan"), "is about numbers; set type = \"number\"");
        }
        for (index, value) in column.allowed.iter().flat_map(|(texts, _)| texts).enumerate() {
            if let Some(objection) = column.object(value.as_bytes()) {
                let (_, why) = column.words(objection, value.as_bytes());
                mistakes.add(format_args!("{key}.allowed[{index}]"), format_args!("can never do: it {why}"));
            }
        }
        column
    }

    /// What is wrong with there being no value.
    pub(crate) fn object_to_none(&self) -> Option<Objection> {
        (!self.may_be_empty).then_some(Objection::Missing)
    }

    /// What is wrong with a value.
    pub(crate) fn object(&self, value: &[u8]) -> Option<Objection> {
        let is_kind = match self.kind {
            Kind::Text => true,
            Kind::Integer | Kind::Number => return self.object_to_number(value).or_else(|| self.object_to_text(value)),
            Kind::Boolean => value::is_boolean(value),
            Kind::Date => value::is_date(value),
            Kind::Datetime => value::is_datetime(value),
        };
        if !is_kind {
            return Some(Objection::Kind);
        }
        if self.min.is_some() || self.max.is_some() {
            if self.min.as_ref().is_some_and(|(_, bound)| bound.is_after(value)) {
                return Some(Objection::TooSmall);
            }
            if self.max.as_ref().is_some_and(|(_, bound)| bound.is_before(value)) {
                return Some(Objection::TooLarge);
            }
        }
        self.object_to_text(value)
    }

    fn object_to_number(&self, value: &[u8]) -> Option<Objection> {
        let is_whole = self.kind == Kind::Integer;
        if self.min.is_none() && self.max.is_none() {
            let is_kind = if is_whole {
                value::is_integer(value)
            } else {
                value::is_number(value, self.mark) || (self.nan && value::is_nan(value))
            };
            return (!is_kind).then_some(Objection::Kind);
        }
        let number = match value::number(value, self.mark) {
            Some(_) if is_whole && !value::is_integer(value) => return Some(Objection::Kind),
            Some(number) => number,
            None if self.nan && value::is_nan(value) => return None,
            None => return Some(Objection::Kind),
        };
        match (&self.min, &self.max) {
            (Some((_, Bound::Number(min))), _) if number < *min => Some(Objection::TooSmall),
            (_, Some((_, Bound::Number(max)))) if number > *max => Some(Objection::TooLarge),
            _ => None,
        }
    }

    fn object_to_text(&self, value: &[u8]) -> Option<Objection> {
        if self.allowed.as_ref().is_some_and(|(texts, set)| !is_in(texts, set, value)) {
            return Some(Objection::NotAllowed);
        }
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(value)
        {
            return Some(Objection::Malformed);
        }
        if self.min_length > 0 || self.max_length < usize::MAX {
            // Bytes that begin a character.
            let length = value.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
            if length < self.min_length {
                return Some(Objection::TooShort);
            }
            if length > self.max_length {
                return Some(Objection::TooLong);
            }
        }
        None
    }

    /// An objection in words: its code, and the end of a sentence whose subject is the value.
    pub(crate) fn words(&self, objection: Objection, value: &[u8]) -> (&'static str, String) {
        let limit = |bound: &Option<(String, Bound)>| bound.as_ref().map_or(String::new(), |(text, _)| text.clone());
        match objection {
            Objection::Missing => ("value-missing", "is missing".to_owned()),
            Objection::Kind => ("value-wrong-type", format!("is not {}{}", self.noun(), blanks(value))),
            Objection::TooSmall => ("value-out-of-range", format!("is less than {}", limit(&self.min))),
            Objection::TooLarge => ("value-out-of-range", format!("is more than {}", limit(&self.max))),
            Objection::NotAllowed => {
                let texts = self.allowed.as_ref().map_or(&[][..], |(texts, _)| texts);
                let mut list: Vec<String> = texts.iter().take(LISTED).map(|text| Quoted(text).to_string()).collect();
                if texts.len() > LISTED {
                    list.push(format!("and {} more", texts.len() - LISTED));
                }
                ("value-not-allowed", format!("is not allowed; allowed are {}", list.join(", ")))
            }
            Objection::Malformed => {
                let pattern = self.pattern.as_ref().map_or("", |pattern| &pattern.text);
                ("value-malformed", format!("does not have the form {pattern:?}"))
            }
            Objection::TooShort => ("value-length", format!("has fewer than {} characters", self.min_length)),
            Objection::TooLong => ("value-length", format!("has more than {} characters", self.max_length)),
        }
    }

    fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Text => "a text",
            Kind::Integer => "a whole number",
            Kind::Number if self.mark == b',' => "a number with a decimal comma",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
            Kind::Date => "a date such as 2026-03-01",
            Kind::Datetime => "a date with time such as 2026-03-01T12:30:00Z",
        }
    }
}

/// A short list is gone through faster than a hash is made.
fn is_in(texts: &[String], set: &HashSet<Vec<u8>>, value: &[u8]) -> bool {
    if texts.len() <= LISTED { texts.iter().any(|text| text.as_bytes() == value) } else { set.contains(value) }
}

/// Blanks are hard to see, and the usual reason.
fn blanks(value: &[u8]) -> &'static str {
    if value.trim_ascii().len() < value.len() { " (there are blanks around it)" } else { "" }
}

impl Pattern {
    fn is_match(&self, value: &[u8]) -> bool {
        let short = self.form.as_ref().and_then(|form| form.matches(value));
        short.unwrap_or_else(|| std::str::from_utf8(value).is_ok_and(|text| self.regex.is_match(text)))
    }
}

impl Bound {
    /// Reads a bound, as a policy writes it: numbers with a point whatever the table has.
    fn new(kind: Kind, text: &str) -> Result<Self, String> {
        match kind {
            Kind::Integer | Kind::Number if value::is_number(text.as_bytes(), b'.') => {
                value::number(text.as_bytes(), b'.').map(Self::Number).ok_or_else(|| format!("{text:?} is no number"))
            }
            Kind::Integer | Kind::Number => Err(format!("{text:?} is no number")),
            Kind::Date | Kind::Datetime if value::is_date(text.as_bytes()) => Ok(Self::Date(text.into())),
            Kind::Date | Kind::Datetime => Err(format!("{text:?} is no date such as 2026-03-01")),
            Kind::Text | Kind::Boolean => Err("only numbers and dates have an order; set another type".to_owned()),
        }
    }

    fn is_above(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one > other,
            (Self::Date(one), Self::Date(other)) => one > other,
            _ => false,
        }
    }

    /// Whether this is a date after the one of a value, which begins with it.
    fn is_after(&self, value: &[u8]) -> bool {
        matches!(self, Self::Date(bound) if &value[..bound.len()] < bound.as_slice())
    }

    /// Whether this is a date before the one of a value, which begins with it.
    fn is_before(&self, value: &[u8]) -> bool {
        matches!(self, Self::Date(bound) if &value[..bound.len()] > bound.as_slice())
    }
}
