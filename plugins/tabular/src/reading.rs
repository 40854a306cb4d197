//! The pass through one file.

use std::borrow::Cow;

use sluice_sdk::{Failure, File, Quoted};

use crate::chunks::{Chunks, LONGEST_ROW};
use crate::header::Header;
use crate::notes::Notes;
use crate::split::{Fault, Field, Scan};
use crate::table::Table;
use crate::unique::{Seen, Unique, hash_of};

/// What some programs put in front of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Reading<'t> {
    table: &'t Table,
    chunks: Chunks,
    place: Place,
    header: Option<Header>,
    unique: Unique,
    is_full: bool,
}

/// Where in the file we are, as messages name it.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Of the file, as an editor counts them.
    line: u64,
    /// Of the table, not counting the header.
    row: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.row {
            0 => write!(f, "Line {}", self.line),
            row => write!(f, "Row {row} (line {})", self.line),
        }
    }
}

impl<'t> Reading<'t> {
    pub(crate) fn new(table: &'t Table, file: File) -> Self {
        let unique = Unique::new(Vec::new(), 0);
        let place = Place { line: 1, row: 0 };
        Self { table, chunks: Chunks::new(file), place, header: None, unique, is_full: false }
    }

    /// Reads all of it.
    pub(crate) fn read(mut self, notes: &mut Notes<'_>) -> Result<(), Failure> {
        self.chunks.more(0)?;
        let start = self.chunks.bytes();
        if self.table.utf8 && (start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")) {
            notes.say("Save it again as \"CSV UTF-8\".", || {
                ("not-utf8", "The table is in UTF-16, not in UTF-8.".into())
            });
            return Ok(());
        }
        let mut at = if start.starts_with(MARK) { MARK.len() } else { 0 };
        let mut fields = Vec::new();
        loop {
            let bytes = self.chunks.bytes();
            let scan = match self.passed_over(at) {
                _ if at == bytes.len() => None,
                Some(next) => next.map(|next| Scan::Row { next, lines: 1, fault: None }),
                None => match self.table.dialect.row(bytes, at, self.chunks.is_last(), &mut fields) {
                    Scan::More => None,
                    Scan::Row { next, lines, fault } => {
                        self.row(at..next, fault, &fields, notes);
                        Some(Scan::Row { next, lines, fault })
                    }
                },
            };
            if let Some(Scan::Row { next, lines, .. }) = scan {
                self.place.line += lines;
                at = next;
                continue;
            }
            if self.chunks.is_last() {
                break;
            }
            if !self.chunks.more(at)? {
                let place = self.place;
                notes.say("Look for a quote that is not closed, and whether the file is a table at all.", || {
                    ("row-too-long", format!("{place} is longer than {LONGEST_ROW} bytes; the rest was not read."))
                });
                return Ok(());
            }
            at = 0;
        }
        self.end(notes);
        Ok(())
    }

    /// Where the next line starts, if the one at `at` does not belong to the table. Inside, None: it was not read whole.
    fn passed_over(&self, at: usize) -> Option<Option<usize>> {
        let rest = &self.chunks.bytes()[at..];
        let comment = self.table.comment.as_ref().is_some_and(|comment| {
            let wanted = comment.as_bytes();
            // The start of one at the end of what was read is decided when there is more.
            rest.starts_with(wanted) || (!self.chunks.is_last() && wanted.starts_with(rest))
        });
        if self.place.line > self.table.skip_lines && !comment {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        Some(match end {
            Some(end) => match &rest[end..] {
                [b'\r', b'\n', ..] => Some(at + end + 2),
                [b'\r'] if !self.chunks.is_last() => None,
                _ => Some(at + end + 1),
            },
            None => self.chunks.is_last().then_some(at + rest.len()),
        })
    }

    fn row(
        &mut self,
        range: std::ops::Range<usize>,
        fault: Option<(usize, Fault)>,
        fields: &[Field],
        notes: &mut Notes<'_>,
    ) {
        if let [only] = fields
            && only.start == only.end
            && !only.quoted
        {
            return;
        }
        if self.header.is_none() && self.table.header {
            let names = fields.iter().map(|field| self.text(*field).into_owned()).collect();
            self.begin(Header::named(self.table, names, notes));
        } else {
            self.place.row += 1;
            if self.header.is_none() {
                self.begin(Header::counted(self.table, fields.len(), notes));
            }
        }
        let Some(header) = &self.header else { return };
        let (place, bytes) = (self.place, self.chunks.bytes());
        if let Some((index, fault)) = fault {
            let name = header.names.get(index).map_or("", String::as_str);
            notes.say("Close the quote, and write two quotes where the value has one.", || {
                let what = match fault {
                    Fault::Unclosed => "a quote is opened and never closed",
                    Fault::Trailing => "something stands behind the closing quote",
                };
                ("quote-malformed", format!("{place}, column {}: {what}.", Quoted(name)))
            });
        }
        if self.table.utf8
            && !self.chunks.is_ascii()
            && let Err(error) = std::str::from_utf8(&bytes[range.clone()])
        {
            let wrong = range.start + error.valid_up_to();
            let index = fields.iter().position(|field| wrong <= field.end).unwrap_or_default();
            notes.say("Save it again as UTF-8 (in Excel: \"CSV UTF-8\").", || {
                let (name, byte) = (header.names.get(index).map_or("", String::as_str), bytes[wrong]);
                ("not-utf8", format!("{place}, column {}: the byte 0x{byte:02x} is not UTF-8.", Quoted(name)))
            });
        }
        if place.row == 0 {
            return;
        }
        if fields.len() != header.names.len() {
            notes.say("Look for a delimiter too many or too few, or a value that must be quoted.", || {
                let (has, wanted) = (fields.len(), header.names.len());
                let noun = if has == 1 { "value" } else { "values" };
                ("values-count", format!("{place} has {has} {noun}; the table has {wanted} columns."))
            });
            return;
        }
        for (position, column) in &header.columns {
            let column = &self.table.columns[*column];
            let value = value(self.table, bytes, fields[*position]);
            let missing = self.table.missing.iter().any(|missing| **missing == *value);
            let objection = if missing { column.object_to_none() } else { column.object(&value) };
            if let Some(objection) = objection {
                notes.say("Correct the value, and upload again.", || {
                    let (code, why) = column.words(objection, &value);
                    let shown = String::from_utf8_lossy(&value);
                    let subject = if missing { "the value".to_owned() } else { Quoted(&shown).to_string() };
                    (code, format!("{place}, column {}: {subject} {why}.", Quoted(&column.name)))
                });
            }
        }
        self.compare(fields, notes);
    }

    fn begin(&mut self, header: Header) {
        self.unique = Unique::new(header.unique.clone(), self.table.max_unique);
        self.header = Some(header);
    }

    /// Looks whether the row came before.
    fn compare(&mut self, fields: &[Field], notes: &mut Notes<'_>) {
        let (table, bytes, place) = (self.table, self.chunks.bytes(), self.place);
        for group in self.unique.groups() {
            let values = |unique: &Unique| -> Vec<Cow<'_, [u8]>> {
                unique.fields(group).iter().map(|position| value(table, bytes, fields[*position])).collect()
            };
            // What is missing is like nothing.
            let is_missing = |value: &[u8]| table.missing.iter().any(|missing| **missing == *value);
            let Some(hash) =
                hash_of(self.unique.fields(group).iter().map(|at| value(table, bytes, fields[*at])), is_missing)
            else {
                continue;
            };
            let seen = self.unique.keep(group, hash);
            if seen == Seen::First || (seen == Seen::Full && self.is_full) {
                continue;
            }
            let names = || -> Vec<String> {
                let names = self.header.as_ref().map_or(&[][..], |header| &header.names);
                self.unique.fields(group).iter().map(|index| Quoted(&names[*index]).to_string()).collect()
            };
            if seen == Seen::Again {
                notes.say("Remove the row that is there twice, or correct its value.", || {
                    let shown: Vec<String> = values(&self.unique)
                        .iter()
                        .map(|value| Quoted(&String::from_utf8_lossy(value)).to_string())
                        .collect();
                    let words = format!("{place}, column {}: {} came before.", names().join(", "), shown.join(", "));
                    ("value-not-unique", words)
                });
            } else {
                self.is_full = true;
                notes.say("Split the table, or ask the facility to raise max_unique of the rule.", || {
                    let most = table.max_unique;
                    let words = format!("{place}: only {most} different rows are kept in mind; whether later ones come again was not checked.");
                    ("uniqueness-unchecked", words)
                });
            }
        }
    }

    fn end(&self, notes: &mut Notes<'_>) {
        if self.header.is_none() && self.table.header {
            notes.say("Look whether the measurement or the export was cut off.", || {
                ("header-missing", "The table is empty: there is no row that names the columns.".into())
            });
            return;
        }
        let (rows, (min, max)) = (self.place.row, self.table.rows);
        if rows < min {
            notes.say("Look whether the measurement or the export was cut off.", || {
                ("too-few-rows", format!("The table has {rows} rows; at least {min} are expected."))
            });
        }
        if rows > max {
            notes.say("Split the table.", || {
                ("too-many-rows", format!("The table has {rows} rows; at most {max} are allowed."))
            });
        }
    }

    fn text(&self, field: Field) -> Cow<'_, str> {
        match value(self.table, self.chunks.bytes(), field) {
            Cow::Borrowed(value) => String::from_utf8_lossy(value),
            Cow::Owned(value) => String::from_utf8_lossy(&value).into_owned().into(),
        }
    }
}

/// The value of a field. Only one with quotes in it is copied.
fn value<'b>(table: &Table, bytes: &'b [u8], field: Field) -> Cow<'b, [u8]> {
    let mut value = &bytes[field.start..field.end];
    if table.trim {
        value = value.trim_ascii();
    }
    if !field.doubled {
        return Cow::Borrowed(value);
    }
    let mut single = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        single.push(*byte);
        if Some(*byte) == table.dialect.quote() {
            // Inside of a quoted value every quote is followed by its double.
            rest.next();
        }
    }
    Cow::Owned(single)
}
