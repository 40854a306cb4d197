//! What one value must be like, ready to be held against values.

use regex_lite::Regex;
use sluice_sdk::{Mistakes, Quoted, Scalar, Severity};

use crate::config;

/// More allowed values than this are not listed in a message.
const LISTED: usize = 12;

/// A requirement whose pattern is compiled.
#[derive(Debug)]
pub(crate) struct Requirement {
    pattern: Option<Pattern>,
    allowed: Option<Vec<String>>,
    min_length: usize,
    max_length: usize,
    pub(crate) severity: Severity,
    pub(crate) hint: Option<String>,
}

#[derive(Debug)]
struct Pattern {
    /// As the facility wrote it.
    text: String,
    whole: Regex,
}

/// Why a value does not do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Pattern {
    /// The pattern is compiled as it was written first, so that what is said of a bad one is about the facility's text.
    fn new(text: String) -> Result<Self, String> {
        let whole = Regex::new(&text)
            .and_then(|_| Regex::new(&format!("^(?:{text})$")))
            .map_err(|error| format!("{text:?} is no regular expression: {error}"))?;
        Ok(Self { text, whole })
    }
}

impl Requirement {
    /// Compiles a requirement. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Requirement, mistakes: &mut Mistakes) -> Self {
        let pattern =
            config.pattern.and_then(|pattern| mistakes.ok(format_args!("{key}.pattern"), Pattern::new(pattern)));
        let allowed = config.allowed.map(|values| values.into_iter().map(Scalar::into_string).collect::<Vec<_>>());
        let requirement = Self {
            pattern,
            allowed,
            min_length: config.min_length.unwrap_or(1),
            max_length: config.max_length.unwrap_or(usize::MAX),
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        };
        if requirement.min_length > requirement.max_length {
            let (min, max) = (requirement.min_length, requirement.max_length);
            mistakes.add(
                format_args!("{key}.max_length"),
                format_args!("no value is at least {min} and at most {max} characters long"),
            );
        }
        requirement.check_allowed(key, mistakes);
        requirement
    }

    /// A list of allowed values is a promise: each of them must do.
    fn check_allowed(&self, key: &str, mistakes: &mut Mistakes) {
        let Some(allowed) = &self.allowed else { return };
        if allowed.is_empty() {
            mistakes.add(format_args!("{key}.allowed"), "an empty list allows no value; leave it out to allow any");
        }
        for (index, value) in allowed.iter().enumerate() {
            if let Some(objection) = self.object("the value", value) {
                mistakes
                    .add(format_args!("{key}.allowed[{index}]"), format_args!("can never do: {}", objection.message));
            }
        }
    }

    /// Says what is wrong with a value; `what` is whose value it is, in the middle of a sentence.
    pub(crate) fn object(&self, what: &str, value: &str) -> Option<Objection> {
        let length = value.trim().chars().count();
        if length == 0 && self.min_length > 0 {
            return Some(Objection { code: "value-empty", message: format!("The value of {what} is empty.") });
        }
        let shown = Quoted(value);
        if length < self.min_length {
            let message = format!(
                "The value {shown} of {what} is too short: it has {length} characters, at least {} are needed.",
                self.min_length
            );
            return Some(Objection { code: "value-too-short", message });
        }
        if length > self.max_length {
            let message = format!(
                "The value {shown} of {what} is too long: it has {length} characters, at most {} are allowed.",
                self.max_length
            );
            return Some(Objection { code: "value-too-long", message });
        }
        if let Some(allowed) = &self.allowed
            && !allowed.iter().any(|allowed| allowed == value)
        {
            let message = format!("The value {shown} of {what} is not allowed; allowed are {}.", list(allowed));
            return Some(Objection { code: "value-not-allowed", message });
        }
        if let Some(pattern) = &self.pattern
            && !pattern.whole.is_match(value)
        {
            let message = format!("The value {shown} of {what} does not have the form {:?}.", pattern.text);
            return Some(Objection { code: "value-malformed", message });
        }
        None
    }
}

fn list(values: &[String]) -> String {
    let mut list: Vec<String> = values.iter().take(LISTED).map(|value| Quoted(value).to_string()).collect();
    if values.len() > LISTED {
        list.push(format!("and {} more", values.len() - LISTED));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(config: config::Requirement) -> Requirement {
        let mut mistakes = Mistakes::new();
        let requirement = Requirement::new("x", config, &mut mistakes);
        assert_eq!(mistakes.into_lines(), Vec::<String>::new());
        requirement
    }

    fn code(requirement: &Requirement, value: &str) -> Option<&'static str> {
        requirement.object("it", value).map(|objection| objection.code)
    }

    #[test]
    fn an_empty_requirement_takes_any_value_but_a_blank_one() {
        let any = requirement(config::Requirement::default());
        assert_eq!(code(&any, "x"), None);
        assert_eq!(code(&any, " \t"), Some("value-empty"));
        let even_none = requirement(config::Requirement { min_length: Some(0), ..Default::default() });
        assert_eq!(code(&even_none, ""), None);
    }

    #[test]
    fn a_pattern_is_held_against_the_whole_value() {
        let pattern = requirement(config::Requirement { pattern: Some("[0-9]+|x".into()), ..Default::default() });
        assert_eq!(code(&pattern, "12"), None);
        assert_eq!(code(&pattern, "12x"), Some("value-malformed"));
        assert_eq!(code(&pattern, "12\n"), Some("value-malformed"));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let lengths =
            requirement(config::Requirement { min_length: Some(2), max_length: Some(3), ..Default::default() });
        assert_eq!(code(&lengths, "日本"), None);
        assert_eq!(code(&lengths, "日"), Some("value-too-short"));
        assert_eq!(code(&lengths, "日本日本"), Some("value-too-long"));
    }
}
