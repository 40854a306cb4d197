//! Metadata documents that are deep, long, ambiguous, or no JSON at all, and documents of millions of rows.

use std::time::Instant;

use bytes::Bytes;
use tar::EntryType;

use super::blocks::Tar;
use super::{MIB, assert_contained, assert_goes_on, assert_spool_empties, forgetful, put_secret};
use crate::bundle::{Format, header, padding};
use crate::site::Site;
use crate::wait::PATIENCE;

/// What a document ends as.
#[derive(Clone, Copy)]
enum End {
    Archived,
    /// FAILED at `load metadata`, with these words.
    Unread(&'static [&'static str]),
    /// FAILED wherever the value is first looked at.
    Failed,
}

use End::{Archived, Failed, Unread};

/// What it is called; how it is made of the rows of a good document, which come without their brackets; what it ends as.
type Case = (&'static str, fn(&str) -> Vec<u8>, End);

/// The good rows, and one more.
fn and(rows: &str, row: &str) -> Vec<u8> {
    format!("[{rows},{row}]").into_bytes()
}

/// The good rows, and one for a table that the gate does not know, with this value.
fn other(rows: &str, value: &str) -> Vec<u8> {
    and(rows, &format!(r#"{{"destinationTable":"Other","value":{value}}}"#))
}

/// The good rows, and a key with this value, which is read.
fn key_value(rows: &str, value: &str) -> Vec<u8> {
    and(rows, &format!(r#"{{"destinationTable":"TransactionKeyValue","key":"k","value":{value}}}"#))
}

const DEEP: usize = 1_000_000;

const CASES: &[Case] = &[
    ("arrays of some depth where nobody looks", |rows| other(rows, &nested(100)), Archived),
    ("a million arrays where nobody looks", |rows| other(rows, &nested(DEEP)), Unread(&["nests deeper than"])),
    ("a million arrays where a value is read", |rows| key_value(rows, &nested(DEEP)), Unread(&["nests deeper than"])),
    ("a million arrays, none of them closed", |rows| other(rows, &"[".repeat(DEEP)), Unread(&["nests deeper than"])),
    (
        "a million objects where nobody looks",
        |rows| other(rows, &format!("{}1{}", r#"{"a":"#.repeat(DEEP), "}".repeat(DEEP))),
        Unread(&["nests deeper than"]),
    ),
    (
        "objects of some depth where a value is read",
        |rows| key_value(rows, &nested(50)),
        Unread(&["string or a number"]),
    ),
    (
        "a million arrays around it all",
        |rows| format!("{}{rows}{}", "[".repeat(DEEP), "]".repeat(DEEP)).into(),
        Unread(&["nests deeper than"]),
    ),
    ("brackets in a text", |rows| other(rows, &format!("\"{}\"", "[{".repeat(DEEP))), Archived),
    ("a text of 8 MB where nobody looks", |rows| other(rows, &format!("\"{}\"", "x".repeat(8_000_000))), Archived),
    ("a text of 1 MB that is read", |rows| key_value(rows, &format!("\"{}\"", "x".repeat(1_000_000))), Archived),
    (
        "a key of 8 MB",
        |rows| and(rows, &format!(r#"{{"destinationTable":"Other","{}":1}}"#, "k".repeat(8_000_000))),
        Archived,
    ),
    (
        "a number of a million digits where nobody looks",
        |rows| other(rows, &"9".repeat(1_000_000)),
        Unread(&["/4/value", "out of range"]),
    ),
    (
        "a number of a million digits that is read",
        |rows| key_value(rows, &"9".repeat(1_000_000)),
        Unread(&["out of range"]),
    ),
    (
        "a number of a million digits behind the point",
        |rows| key_value(rows, &format!("0.{}", "3".repeat(1_000_000))),
        Archived,
    ),
    (
        "a file's name of 1 MB",
        |rows| and(rows, &format!(r#"{{"destinationTable":"Files","name":"{}"}}"#, "n".repeat(1_000_000))),
        Failed,
    ),
    ("a hundred thousand spaces", |rows| format!("{0}[{0}{rows}{0}]{0}", " \n\t\r".repeat(25_000)).into(), Archived),
    (
        "a row's table twice",
        |rows| and(rows, r#"{"destinationTable":"Other","destinationTable":"Files","name":"good.txt"}"#),
        Unread(&["duplicate field `destinationTable`"]),
    ),
    (
        "a row's table twice, in two spellings",
        |rows| and(rows, r#"{"destinationTable":"Other","destination\u0054able":"Transactions.submitter","value":11}"#),
        Unread(&["duplicate field `destinationTable`"]),
    ),
    (
        "a value twice, in two spellings",
        |rows| and(rows, r#"{"destinationTable":"TransactionKeyValue","key":"k","value":1,"v\u0061lue":2}"#),
        Unread(&["duplicate field `value`"]),
    ),
    (
        "a file's size twice",
        |rows| and(rows, r#"{"destinationTable":"Files","name":"x","size":1,"size":2}"#),
        Unread(&["duplicate field `size`"]),
    ),
    ("NaN where nobody looks", |rows| other(rows, "NaN"), Unread(&["not a JSON array of rows"])),
    ("Infinity where a value is read", |rows| key_value(rows, "Infinity"), Unread(&["not a JSON array of rows"])),
    ("-Infinity", |rows| other(rows, "-Infinity"), Unread(&["not a JSON array of rows"])),
    ("a number beyond all range that is read", |rows| key_value(rows, "1e400"), Unread(&["out of range"])),
    ("numbers that are none", |rows| other(rows, "01"), Unread(&[])),
    ("a number with a plus", |rows| other(rows, "+1"), Unread(&[])),
    ("a number in hexadecimal", |rows| other(rows, "0x10"), Unread(&[])),
    ("a number without a figure before its point", |rows| other(rows, ".5"), Unread(&[])),
    (
        "a size of 16 EiB",
        |rows| and(rows, r#"{"destinationTable":"Files","name":"x","size":18446744073709551616}"#),
        Unread(&["no number of bytes"]),
    ),
    ("half of a surrogate pair where a value is read", |rows| key_value(rows, r#""\ud800""#), Unread(&["/4"])),
    ("half of a surrogate pair where nobody looks", |rows| other(rows, r#""\ud800""#), Unread(&["/4/value"])),
    ("the other half, and then the first", |rows| key_value(rows, r#""\udc00\ud800""#), Unread(&["/4"])),
    ("a surrogate in UTF-8", |rows| replaced(rows, b"\xed\xa0\x80"), Unread(&["not UTF-8"])),
    ("an overlong NUL in UTF-8", |rows| replaced(rows, b"\xc0\x80"), Unread(&["not UTF-8"])),
    ("a NUL that is escaped", |rows| key_value(rows, r#""a\u0000b""#), Archived),
    ("a NUL that is not", |rows| replaced(rows, b"\0"), Unread(&[])),
    ("a line break in a text", |rows| replaced(rows, b"\n"), Unread(&[])),
    ("a byte order mark", |rows| format!("\u{feff}[{rows}]").into(), Unread(&["not a JSON array of rows"])),
    (
        "UTF-16",
        |rows| format!("\u{feff}[{rows}]").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Unread(&["not UTF-8"]),
    ),
    ("UTF-32", |rows| format!("[{rows}]").chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(), Unread(&[])),
    ("a comma at the end", |rows| format!("[{rows},]").into(), Unread(&["trailing comma"])),
    ("a comma at the end of a row", |rows| and(rows, r#"{"destinationTable":"Other",}"#), Unread(&[])),
    ("a comment", |rows| format!("[{rows} /* all of them */]").into(), Unread(&[])),
    ("names in other quotes, or none", |rows| and(rows, "{destinationTable:'Other'}"), Unread(&[])),
    ("a second document behind the first", |rows| format!("[{rows}][]").into(), Unread(&["trailing characters"])),
    ("zeros behind the document", |rows| format!("[{rows}]\0\0\0\0").into(), Unread(&["trailing characters"])),
    ("one document a line", |rows| rows.replace("},{", "}\n{").into(), Unread(&[])),
    ("nothing but a number", |_| b"1e9".to_vec(), Unread(&[])),
    ("a table that is no text", |rows| and(rows, r#"{"destinationTable":["Files"]}"#), Unread(&["/destinationTable"])),
    ("a table of 1 MB", |rows| and(rows, &format!(r#"{{"destinationTable":"{}"}}"#, "t".repeat(1_000_000))), Archived),
];

/// So many arrays, each within the other.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// The good rows, and a text with these bytes in it.
fn replaced(rows: &str, bytes: &[u8]) -> Vec<u8> {
    let document = key_value(rows, r#""before@after""#);
    let at = document.iter().rposition(|byte| *byte == b'@').expect("the mark");
    [&document[..at], bytes, &document[at + 1..]].concat()
}

#[tokio::test]
async fn no_document_confuses_or_exhausts_the_gate() {
    let site = forgetful().start().await;
    put_secret(&site);
    assert_goes_on(&site, "the start").await;
    let before = site.serve().memory("VmHWM");
    let mut wrong = Vec::new();
    for (name, make, end) in CASES {
        let tar = Tar::good("");
        let rows = String::from_utf8(tar.document()).expect("UTF-8");
        let document = make(&rows[1..rows.len() - 1]);
        let (body, listed) =
            tar.member("metadata.txt", EntryType::Regular, &document).contents(&[0; 1024]).unfinished();
        let job = site.upload(body).await;
        let state = site.wait(job).await;
        let archived = site.files(job).await;
        let read = state.state == "OK" && archived == listed;
        let failed = |task: &str| state.state == "FAILED" && state.task == task && archived.is_empty();
        let unread =
            |words: &[&str]| failed("load metadata") && words.iter().all(|word| state.exception.contains(word));
        let right = match end {
            Archived => read,
            Unread(words) => unread(words),
            Failed => ["load metadata", "Policy Validation", "ingest files"].into_iter().any(failed),
        };
        if !right || (state.state == "FAILED") == state.exception.is_empty() {
            let said: String = state.exception.chars().take(500).collect();
            wrong.push(format!("{name}: {} at {}: {said}", state.state, state.task));
        }
        assert_contained(&site, name);
        assert_goes_on(&site, name).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_spool_empties(&site).await;
    let grown = site.serve().memory("VmHWM").saturating_sub(before);
    assert!(grown < 256 * MIB, "the program grew by {} MiB", grown / MIB);
}

/// Rows of a table that the gate does not know: nothing is wrong with them.
const OTHER: &str = r#"{"destinationTable":"Other"}"#;

#[tokio::test]
async fn a_document_of_300_000_rows_is_taken() {
    let site = forgetful().start().await;
    try_rows(&site, 300_000, OTHER, true).await;
}

/// Longer than metadata.txt may be, so that its length alone is looked at.
#[tokio::test]
async fn a_document_of_ten_million_rows_is_refused_unread() {
    let site = forgetful().start().await;
    let grown = try_rows(&site, 10_000_000, OTHER, false).await;
    assert!(grown < 64 * MIB, "the program grew by {} MiB", grown / MIB);
}

/// As many rows as fit into what metadata.txt may have, all of them wrong.
#[tokio::test]
async fn millions_of_rows_that_are_wrong_are_told_in_a_few_lines() {
    let site = forgetful().start().await;
    try_rows(&site, 3_000_000, "0", false).await;
}

#[tokio::test]
#[ignore = "takes minutes: `make soak` runs it"]
async fn soak_a_document_of_ten_million_rows_is_taken_where_the_site_allows_its_length() {
    let site = forgetful().env("SLUICE_SPOOL_MAX_METADATA", "1GiB").start().await;
    try_rows(&site, 10_000_000, OTHER, true).await;
}

/// Sends a bundle of so many rows of one kind behind the good ones, made while it is sent, and answers by how much the
/// program grew.
async fn try_rows(site: &Site, count: usize, row: &'static str, taken: bool) -> u64 {
    const AT_ONCE: usize = 10_000;
    assert_goes_on(site, "the start").await;
    let before = site.serve().memory("VmHWM");
    let tar = Tar::good("");
    let mut rows = String::from_utf8(tar.document()).expect("UTF-8");
    rows.truncate(rows.len() - 1);
    let (mut begin, listed) = tar.unfinished();
    let size = (rows.len() + count * (row.len() + 1) + 1) as u64;
    begin.extend(header(Format::Gnu, "metadata.txt", EntryType::Regular, "", size));
    begin.extend_from_slice(rows.as_bytes());
    let piece = Bytes::from(format!(",{row}").repeat(AT_ONCE));
    let end = [vec![b']'], vec![0; padding(size) + 1024]].concat();
    let pieces = std::iter::once(begin.into())
        .chain(std::iter::repeat_n(piece, count / AT_ONCE))
        .chain(std::iter::once(end.into()));
    let start = Instant::now();
    let job = site.upload_stream(pieces).await;
    let state = site.wait_up_to(10 * PATIENCE, job).await;
    let took = start.elapsed();
    let grown = site.serve().memory("VmHWM").saturating_sub(before);
    println!("{count} rows of {} bytes: {took:?}, and the program grew by {} MiB", row.len(), grown / MIB);
    if taken {
        assert_eq!((state.state.as_str(), state.exception.as_str()), ("OK", ""));
        assert!(site.files(job).await == listed);
    } else {
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "load metadata"), "{state:?}");
        assert!(state.exception.len() < 2_000, "an exception of {} bytes", state.exception.len());
    }
    // The text itself, what is known of each row, and the copies that are made of both on the way.
    let bound = 128 * MIB + 3 * size + 200 * count as u64;
    assert!(grown < bound, "{count} rows made the program grow by {} MiB", grown / MIB);
    assert_goes_on(site, "many rows").await;
    assert_spool_empties(site).await;
    grown
}
