//! The template, filled in: first with what the bundle says, then per file.

use sluice_sdk::{Bundle, FileInfo, Location, Quoted, Report};

use crate::part;
use crate::template::{Field, Piece, Template, received};

/// A template in which everything is filled in that is the same for all files of a bundle.
#[derive(Debug)]
pub(crate) struct Destination {
    parts: Vec<Vec<Slot>>,
}

#[derive(Debug)]
enum Slot {
    Text(String),
    Subdir,
    Name,
    Path,
    FileId,
}

impl Destination {
    /// Fills in what the bundle says. What it does not say, or says in a way that makes no path, is reported once, and
    /// there is no destination.
    pub(crate) fn new(template: &Template, bundle: &Bundle<'_>, report: &mut Report) -> Option<Self> {
        let mut whole = true;
        let mut parts = Vec::with_capacity(template.parts.len());
        for part in &template.parts {
            let mut slots = Vec::with_capacity(part.len());
            for piece in part {
                match slot(piece, bundle, report) {
                    Some(slot) => slots.push(slot),
                    None => whole = false,
                }
            }
            parts.push(slots);
        }
        whole.then_some(Self { parts })
    }

    /// Where a file goes. What of the file makes no path is reported.
    pub(crate) fn of(&self, file: &FileInfo, report: &mut Report) -> Option<String> {
        let mut path = String::new();
        for slots in &self.parts {
            if !path.is_empty() && !path.ends_with('/') {
                path.push('/');
            }
            for slot in slots {
                match slot {
                    Slot::Text(text) => path.push_str(text),
                    Slot::FileId => path.push_str(&file.id.to_string()),
                    // Without a folder the part is empty, and the slash after it is not written.
                    Slot::Subdir => path.push_str(parts_of("subdir", file.split().0, file, report)?),
                    Slot::Name => path.push_str(parts_of("name", file.split().1, file, report)?),
                    Slot::Path => path.push_str(parts_of("path", &file.path, file, report)?),
                }
            }
        }
        check(path, file, report)
    }
}

fn slot(piece: &Piece, bundle: &Bundle<'_>, report: &mut Report) -> Option<Slot> {
    let field = match piece {
        Piece::Text(text) => return Some(Slot::Text(text.clone())),
        Piece::Field(field) => field,
    };
    match field {
        Field::Subdir => Some(Slot::Subdir),
        Field::Name => Some(Slot::Name),
        Field::Path => Some(Slot::Path),
        Field::FileId => Some(Slot::FileId),
        Field::JobId => Some(Slot::Text(bundle.job_id().to_string())),
        Field::Received(format) => {
            let text = received(format, bundle.received());
            if text.is_none() {
                report
                    .error("value-unsafe", "The time at which the bundle was received is not in the calendar.")
                    .hint("This is a fault of the gate's clock: tell the facility.");
            }
            text.map(Slot::Text)
        }
        Field::User => folder("user", Some(bundle.user()), || Location::Bundle, report),
        Field::Transaction(field) => folder(field.name(), bundle.transaction(*field), || bundle.locate(*field), report),
        Field::Key(key) => key_value(key, bundle, report),
    }
}

/// The value of a key. A key may come twice, but not with two values.
fn key_value(key: &str, bundle: &Bundle<'_>, report: &mut Report) -> Option<Slot> {
    let what = format!("value for the key {}", Quoted(key));
    let mut rows = bundle.key_values().iter().enumerate().filter(|(_, row)| row.key == key);
    let Some((index, row)) = rows.next() else { return folder(&what, None, || Location::Bundle, report) };
    if let Some((other_index, other)) = rows.find(|(_, other)| other.value != row.value) {
        let message = format!(
            "The key {} decides where the files go, and has several values: {} and {}.",
            Quoted(key),
            Quoted(&row.value),
            Quoted(&other.value)
        );
        report
            .error("value-ambiguous", message)
            .at(bundle.locate_key_value(other_index))
            .hint("Give the key one value only.");
        return None;
    }
    folder(&what, Some(&row.value), || bundle.locate_key_value(index), report)
}

/// A value of the bundle that is to be the name of a folder, or a piece of one.
fn folder(what: &str, value: Option<&str>, location: impl FnOnce() -> Location, report: &mut Report) -> Option<Slot> {
    let Some(value) = value else {
        report
            .error("value-missing", format!("The bundle has no {what}, which decides where its files go."))
            .hint("Add it, and send the bundle again.");
        return None;
    };
    if let Some(objection) = part::objection(value) {
        let message = format!("The {what} cannot be the name of a folder: {} {objection}.", Quoted(value));
        report.error("value-unsafe", message).at(location()).hint("Correct it, and send the bundle again.");
        return None;
    }
    Some(Slot::Text(value.to_owned()))
}

/// A value of a file that may have several parts. It may be empty only as the folder of a file at the top.
fn parts_of<'a>(what: &str, value: &'a str, file: &FileInfo, report: &mut Report) -> Option<&'a str> {
    if value.is_empty() && what == "subdir" {
        return Some(value);
    }
    let Some(objection) = value.split('/').find_map(part::objection) else { return Some(value) };
    let message = format!("The {what} {} cannot be used in the archive: a part of it {objection}.", Quoted(value));
    report
        .error("value-unsafe", message)
        .at_file(file.path.as_str())
        .hint("Rename the file or its folder, and send the bundle again.");
    None
}

/// Values that are harmless alone may make an impossible name together.
fn check(path: String, file: &FileInfo, report: &mut Report) -> Option<String> {
    let Some(objection) = part::objection_to_path(&path) else { return Some(path) };
    let message = format!("The file's place in the archive would be {}, and {objection}.", Quoted(&path));
    report
        .error("destination-unsafe", message)
        .at_file(file.path.as_str())
        .hint("Shorten the names it is made of, or ask the facility to change its template.");
    None
}
