//! The rules that Pacifica's metadata service has of its own, as its contract lists them.

use crate::model::{Document, FileRow, HashKind, RowKind, TransactionField};

/// The first parts of media types, as IANA registers them, with those that Pacifica knows besides.
const MEDIA_TYPES: [&str; 11] =
    ["application", "audio", "chemical", "example", "font", "image", "message", "model", "multipart", "text", "video"];

/// Mistakes that are named one by one.
const LISTED: usize = 20;

/// Checks a whole document; the error names every mistake on a line of its own.
pub(super) fn check(document: &Document) -> Result<(), String> {
    let mut mistakes = Vec::new();
    for field in TransactionField::ALL {
        if document.value(field).is_none() {
            mistakes.push(format!("the transaction has no {}", field.name()));
        }
    }
    for (row, kind) in document.rows().iter().map(|row| row.kind).enumerate() {
        if kind == RowKind::FileKeyValue(None) {
            mistakes.push(format!("/{row}/file_id: no Files row has this _id"));
        }
    }
    for file in document.files() {
        check_file(file, &mut |field, what| mistakes.push(format!("/{}/{field}: {what}", file.row)));
    }
    if mistakes.is_empty() {
        return Ok(());
    }
    let more = mistakes.len().saturating_sub(LISTED);
    mistakes.truncate(LISTED);
    if more > 0 {
        mistakes.push(format!("and {more} more"));
    }
    Err(mistakes.join("\n"))
}

fn check_file(file: &FileRow, complain: &mut dyn FnMut(&str, String)) {
    let missing = [
        ("size", file.size.is_none()),
        ("mimetype", file.mimetype.is_none()),
        ("hashsum", file.hash_sum.is_none()),
        ("ctime", file.ctime.is_none()),
        ("mtime", file.mtime.is_none()),
    ];
    for (field, _) in missing.into_iter().filter(|(_, missing)| *missing) {
        complain(field, "a Files row needs it".to_owned());
    }
    if let Some(mimetype) = &file.mimetype {
        let (first, rest) = mimetype.split_once('/').unwrap_or((mimetype, ""));
        if rest.is_empty() || !MEDIA_TYPES.contains(&first) {
            let known = MEDIA_TYPES.join(", ");
            complain(
                "mimetype",
                format!("{mimetype:?} is no media type: it must be one of {known}, a slash and a name"),
            );
        }
    }
    match (file.hash_type.parse::<HashKind>(), &file.hash_sum) {
        (Err(error), _) => complain("hashtype", error.to_string()),
        (Ok(kind), Some(sum)) => {
            let digits = 2 * kind.bytes();
            if sum.len() != digits || !sum.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                complain("hashsum", format!("{sum:?} is no {kind}: that has {digits} hexadecimal digits"));
            }
        }
        (Ok(_), None) => {}
    }
}
