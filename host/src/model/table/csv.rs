//! Tables as CSV: <https://www.rfc-editor.org/rfc/rfc4180>, with a header.

use csv::{ByteRecord, QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};

use super::Builder;

pub(super) fn read(bytes: &[u8], key: Option<&str>) -> Result<Builder, Vec<String>> {
    // Spreadsheets put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Rows of other lengths are let through, to be named all at once.
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| reader.read_byte_record(record).map_err(|error| vec![error.to_string()]);
    if !next(&mut record)? {
        return Err(vec!["the table is empty; its first line must name the columns".to_owned()]);
    }
    let header = cells(bytes, &record).map_err(|mistake| vec![mistake])?;
    let mut builder = Builder::new(header.into_iter().map(str::to_owned).collect(), key, "line")?;
    while next(&mut record)? {
        let wide = builder.columns().len();
        match cells(bytes, &record) {
            Ok(cells) if cells.len() == wide => {
                if !builder.row(line(bytes, &record), cells.into_iter()) {
                    break;
                }
            }
            Ok(cells) => {
                let (line, has) = (line(bytes, &record), cells.len());
                let word = if has == 1 { "cell" } else { "cells" };
                builder.mistake(format!("line {line} has {has} {word}; the header has {wide}"));
            }
            Err(mistake) => builder.mistake(mistake),
        }
    }
    Ok(builder)
}

/// The line that a record begins in. The reader tells where it began to look: before lines that are empty, and before the
/// second half of a `\r\n`.
fn line(bytes: &[u8], record: &ByteRecord) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let rest = bytes.get(usize::try_from(position.byte()).unwrap_or(usize::MAX)..).unwrap_or_default();
    let between = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + between.filter(|byte| **byte == b'\n').count() as u64
}

fn cells<'a>(bytes: &[u8], record: &'a ByteRecord) -> Result<Vec<&'a str>, String> {
    let cells = record.iter().map(std::str::from_utf8).collect::<Result<_, _>>();
    cells.map_err(|_| format!("line {}: this is no UTF-8; save the table as UTF-8", line(bytes, record)))
}

pub(super) fn write<'a, R: Iterator<Item = &'a str>>(columns: &'a [String], rows: impl Iterator<Item = R>) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .quote_style(QuoteStyle::Necessary)
        .flexible(true)
        .from_writer(Vec::new());
    // Nothing can fail: the rows are in memory and so is what is written.
    drop(writer.write_record(columns));
    rows.for_each(|row| drop(writer.write_record(row)));
    writer.into_inner().unwrap_or_default()
}
