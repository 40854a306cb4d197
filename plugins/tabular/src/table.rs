//! One description of the configuration, ready to be held against tables.

use sluice_sdk::{Glob, Mistakes, Severity};

use crate::column::Column;
use crate::config;
use crate::split::Dialect;

/// A description whose patterns are compiled.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) files: Option<Glob>,
    pub(crate) dialect: Dialect,
    pub(crate) comment: Option<String>,
    pub(crate) skip_lines: u64,
    pub(crate) header: bool,
    pub(crate) ordered: bool,
    pub(crate) other_columns: bool,
    pub(crate) columns: Vec<Column>,
    /// Positions in `columns`.
    pub(crate) unique: Vec<Vec<usize>>,
    pub(crate) max_unique: usize,
    pub(crate) rows: (u64, u64),
    pub(crate) missing: Vec<Vec<u8>>,
    pub(crate) trim: bool,
    pub(crate) utf8: bool,
    pub(crate) max_findings: usize,
    pub(crate) severity: Severity,
    pub(crate) hint: Option<String>,
}

impl Table {
    /// Reads a description. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Table, mistakes: &mut Mistakes) -> Self {
        let delimiter = mistakes.ok(format_args!("{key}.delimiter"), delimiter(config.delimiter.as_deref()));
        let quote = mistakes.ok(format_args!("{key}.quote"), quote(config.quote.as_deref())).flatten();
        if delimiter.is_some() && delimiter == quote {
            mistakes.add(format_args!("{key}.quote"), "is the delimiter as well");
        }
        if config.decimal_comma && delimiter == Some(b',') {
            mistakes.add(
                format_args!("{key}.delimiter"),
                "is a comma, and numbers have a decimal comma: set delimiter = \";\" or what the tables have",
            );
        }
        if config.comment.as_ref().is_some_and(String::is_empty) {
            mistakes.add(format_args!("{key}.comment"), "is empty, and every line would be one");
        }
        if config.header && config.columns.is_empty() && !config.other_columns {
            mistakes.add(format_args!("{key}.columns"), "names no column, and others are not allowed");
        }
        let rows = (config.min_rows.unwrap_or(0), config.max_rows.unwrap_or(u64::MAX));
        if rows.0 > rows.1 {
            mistakes.add(format_args!("{key}.max_rows"), "is less than min_rows: no table has so many rows");
        }
        let names: Vec<String> = config.columns.iter().map(|column| column.name.clone()).collect();
        let mut unique: Vec<Vec<usize>> =
            (0..names.len()).filter(|index| config.columns[*index].unique).map(|index| vec![index]).collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                mistakes.add(format_args!("{key}.columns[{index}].name"), format_args!("{name:?} is there already"));
            }
        }
        for (index, group) in config.unique.iter().enumerate() {
            let at = format!("{key}.unique[{index}]");
            if group.is_empty() {
                mistakes.add(&at, "names no column");
            }
            let positions = group.iter().filter_map(|wanted| {
                let position = names.iter().position(|name| name == wanted);
                mistakes.ok(&at, position.ok_or_else(|| format!("there is no column {wanted:?} among `columns`")))
            });
            unique.push(positions.collect());
        }
        let columns = config.columns.into_iter().enumerate();
        let columns = columns.map(|(index, column)| {
            Column::new(&format!("{key}.columns[{index}]"), column, config.decimal_comma, mistakes)
        });
        Self {
            columns: columns.collect(),
            files: mistakes.ok(format_args!("{key}.files"), Glob::new(&config.files)),
            dialect: Dialect::new(delimiter.unwrap_or(b','), quote),
            comment: config.comment,
            skip_lines: config.skip_lines,
            header: config.header,
            ordered: config.ordered,
            other_columns: config.other_columns,
            unique,
            max_unique: config.max_unique.unwrap_or(500_000),
            rows,
            missing: config
                .missing
                .map_or_else(|| vec![Vec::new()], |texts| texts.into_iter().map(String::into_bytes).collect()),
            trim: config.trim,
            utf8: config.utf8,
            max_findings: config.max_findings.unwrap_or(20),
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        }
    }
}

fn delimiter(text: Option<&str>) -> Result<u8, String> {
    match text {
        None => Ok(b','),
        Some("tab") => Ok(b'\t'),
        Some(text) => one_byte(text),
    }
}

fn quote(text: Option<&str>) -> Result<Option<u8>, String> {
    match text {
        None => Ok(Some(b'"')),
        Some("") => Ok(None),
        Some(text) => one_byte(text).map(Some),
    }
}

fn one_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
        _ => Err(format!("{text:?} is not one character of ASCII")),
    }
}
