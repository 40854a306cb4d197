//! The values that statements take.

use std::borrow::Cow;

use crate::model::{Change, FileId, JobId, Revision, Timestamp};

/// More than this of a text is not put into an index: PostgreSQL takes no key beyond a third of a page.
const INDEXED_BYTES: usize = 1000;

/// One value of a statement. A missing one keeps its type, which PostgreSQL wants to know.
#[derive(Clone, Debug)]
pub(super) enum Arg<'a> {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<Cow<'a, str>>),
    Bytes(&'a [u8]),
}

impl<'a> Arg<'a> {
    fn text(text: Option<&'a str>) -> Self {
        // PostgreSQL has no NUL in a text, and what bundles and plugins say must never keep a job from ending.
        Self::Text(text.map(|text| match text.contains('\0') {
            true => Cow::Owned(text.replace('\0', "\u{fffd}")),
            false => Cow::Borrowed(text),
        }))
    }
}

/// The start of a text that is to be found by an index.
pub(super) fn indexed(text: &str) -> &str {
    &text[..text.floor_char_boundary(INDEXED_BYTES)]
}

macro_rules! args_from {
    ($($kind:ty, $value:ident => $arg:expr;)*) => {
        $(impl<'a> From<$kind> for Arg<'a> {
            fn from($value: $kind) -> Self {
                $arg
            }
        })*
    };
}

args_from! {
    i64, number => Self::Int(Some(number));
    Option<i64>, number => Self::Int(number);
    f64, number => Self::Real(Some(number));
    Option<f64>, number => Self::Real(number);
    JobId, id => Self::Int(Some(id.get()));
    FileId, id => Self::Int(Some(id.get()));
    Change, change => Self::Int(Some(change.get()));
    Revision, revision => Self::Int(Some(revision.get()));
    Option<Revision>, revision => Self::Int(revision.map(Revision::get));
    Timestamp, moment => Self::Int(Some(moment.as_micros()));
    Option<Timestamp>, moment => Self::Int(moment.map(Timestamp::as_micros));
    &'a str, text => Self::text(Some(text));
    &'a String, text => Self::text(Some(text));
    Option<&'a str>, text => Self::text(text);
    &'a [u8], bytes => Self::Bytes(bytes);
}

/// The values of a statement, in the order of their numbers.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::arg::Arg::from($value)),*] };
}
pub(super) use args;

/// `$from, $from+1, …`: `count` numbers with commas between them.
pub(super) fn numbers(from: usize, count: usize) -> String {
    (from..from + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// A number of bytes or of rows, as a column holds it.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_never_reaches_the_database() {
        let Arg::Text(Some(text)) = Arg::from("a\0b") else { panic!("a text") };
        assert_eq!(text, "a\u{fffd}b");
    }

    #[test]
    fn an_indexed_text_is_cut_between_characters() {
        let long = "日本語".repeat(200);
        assert!(indexed(&long).len() <= INDEXED_BYTES && long.starts_with(indexed(&long)));
        assert_eq!(indexed("short"), "short");
    }
}
