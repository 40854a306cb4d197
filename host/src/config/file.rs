//! `sluice.toml`: tables and keys, brought into the form that all sources share.
//!
//! Types are taken lightly, since a variable or a flag has none: `max_uploads = 64` and `max_uploads = "64"` are the
//! same. A mistake never quotes the file, which may hold a password.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, Key};
use super::load::{Given, Value};
use super::mistake::{Mistake, Source};

/// What a file gives, and what is wrong with it.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) given: Vec<(&'static Key, Given)>,
    pub(super) mistakes: Vec<Mistake>,
    /// The file could not be read to its end, so that nothing can be said about what it leaves out.
    pub(super) broken: bool,
}

/// Reads a file.
pub(super) fn read(path: &Path, source: Source) -> Contents {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, path),
        Err(error) => {
            let mistake = Mistake {
                key: "config".to_owned(),
                source,
                wrong: format!("{} cannot be read: {error}", path.display()),
                right: "give a TOML file that this user may read".to_owned(),
            };
            Contents { mistakes: vec![mistake], broken: true, ..Contents::default() }
        }
    }
}

/// Reads a text. All mistakes of spelling are found in one go.
pub(super) fn parse(text: &str, path: &Path) -> Contents {
    let mut reader = Reader { text, path, contents: Contents::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        reader.table("", table.get_ref());
    } else {
        reader.contents.broken = true;
        for error in errors {
            let span = error.span().unwrap_or_default();
            reader.mistake("config", span, format!("this is no TOML: {}", error.message()), "mend the line");
        }
    }
    reader.contents
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    contents: Contents,
}

impl Reader<'_> {
    fn source(&self, span: Range<usize>) -> Source {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Source::File { path: self.path.to_owned(), line: Some(line) }
    }

    fn mistake(&mut self, key: &str, span: Range<usize>, wrong: impl Into<String>, right: impl Into<String>) {
        let source = self.source(span);
        self.contents.mistakes.push(Mistake { key: key.to_owned(), source, wrong: wrong.into(), right: right.into() });
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = format!("{prefix}{}", name.get_ref());
            let within = format!("{}.", full.replace('-', "_"));
            let is_section = keys::ALL.iter().any(|key| key.name.starts_with(&within));
            match (keys::in_file(&full), value.get_ref()) {
                (_, DeValue::Table(table)) if is_section => self.table(&format!("{full}."), table),
                (Some(key), _) => self.value(key, &full, name.span(), value),
                (None, _) if is_section => {
                    self.mistake(&full, name.span(), "this is a table", format!("write its keys below a line [{full}]"))
                }
                (None, _) => {
                    let right = match keys::nearest_in_file(&full) {
                        Some(nearest) => format!("did you mean {nearest}?"),
                        None => "leave it out; docs/settings.md names every setting".to_owned(),
                    };
                    self.mistake(&full, name.span(), "there is no such setting", right);
                }
            }
        }
    }

    fn value(&mut self, key: &'static Key, name: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if self.contents.given.iter().any(|(given, _)| given.name == key.name) {
            return self.mistake(name, span, "it is given twice, under two of its names", "leave one of them out");
        }
        let read = match value.get_ref() {
            DeValue::Array(elements) => {
                elements.iter().map(|element| scalar(element.get_ref())).collect::<Option<_>>().map(Value::Many)
            }
            value => scalar(value).map(Value::One),
        };
        match read {
            Some(value) => {
                let source = self.source(span);
                self.contents.given.push((key, Given { value, source }));
            }
            None => self.mistake(
                name,
                span,
                format!("a value of type {} is none that a setting can have", value.get_ref().type_str()),
                "give a string, a number, true or false, or a list of strings where several are possible",
            ),
        }
    }
}

fn scalar(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Integer(number) => Some(i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string().into()),
        DeValue::Boolean(truth) => Some(truth.to_string().into()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        parse(text, Path::new("sluice.toml")).mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_and_tables_are_brought_into_one_form() {
        let text = "listen = \"[::1]:1\"\nlog = \"debug\"\nmove-roots = [\"a\", \"b\"]\n\n[http]\nmax_uploads = 0x10\n";
        let contents = parse(text, Path::new("f"));
        assert_eq!(contents.mistakes, []);
        let given = |name| contents.given.iter().find(|(key, _)| key.name == name).map(|(_, given)| given).unwrap();
        assert_eq!(given("listen").value, Value::One("[::1]:1".into()));
        assert_eq!(given("log.filter").value, Value::One("debug".into()));
        assert_eq!(given("move_root").value, Value::Many(vec!["a".into(), "b".into()]));
        assert_eq!(given("http.max_uploads").value, Value::One("16".into()));
        assert_eq!(given("http.max_uploads").source.to_string(), "f line 6");
    }

    #[test]
    fn every_unknown_key_is_named_with_its_line_and_the_nearest_known() {
        assert_eq!(
            mistakes("lisen = 1\n[http]\nmax_bdy = 2\n[nowhere]\nx = 1\n"),
            [
                "http.max_bdy (sluice.toml line 3): there is no such setting; did you mean http.max_body?",
                "lisen (sluice.toml line 1): there is no such setting; did you mean listen?",
                "nowhere (sluice.toml line 4): there is no such setting; leave it out; docs/settings.md names every setting",
            ]
        );
    }

    #[test]
    fn a_value_of_the_wrong_shape_is_a_mistake() {
        assert_eq!(
            mistakes("http = 5\n")[0],
            "http (sluice.toml line 1): this is a table; write its keys below a line [http]"
        );
        assert!(mistakes("listen = 1.5")[0].contains("type float"));
        assert!(mistakes("listen = [[1]]")[0].contains("type array"));
        assert!(mistakes("move_root = \"a\"\nmove_roots = \"b\"")[0].contains("given twice"));
    }

    #[test]
    fn a_file_that_is_no_toml_is_answered_without_quoting_it() {
        let contents = parse("database = \"postgres://u:s3cret@h/x\nlisten = = 1\n", Path::new("sluice.toml"));
        assert!(contents.broken && contents.mistakes.len() > 1, "{:?}", contents.mistakes);
        assert!(!format!("{:?}", contents.mistakes).contains("s3cret"));
    }
}
