//! What the rules found, beside the rows and files that it is about.

use std::collections::HashMap;

use serde_json::Value;

use super::words;
use crate::db::StoredFile;
use crate::model::{Document, FileId, Finding, Location, Mode, Report, RowKind, Severity};

/// Rows that are shown beside those with findings, where not all are asked for.
const SHOWN: usize = 200;

/// Bytes of a value that are shown.
const LONGEST: usize = 2_000;

/// One finding, with the rule that made it.
#[derive(Clone)]
pub(super) struct FindingView {
    pub(super) rule: String,
    /// Whether the rule decided nothing.
    pub(super) shadow: bool,
    pub(super) severity: &'static str,
    pub(super) sign: &'static str,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: String,
    /// What it is about, in words.
    pub(super) place: String,
}

impl FindingView {
    pub(super) fn new(rule: &str, mode: Mode, finding: &Finding) -> Self {
        let (severity, sign) = match finding.severity {
            Severity::Error => ("error", "✕"),
            Severity::Warning => ("warning", "!"),
            Severity::Info => ("info", "i"),
        };
        Self {
            rule: rule.to_owned(),
            shadow: mode == Mode::Shadow,
            severity,
            sign,
            code: finding.code.clone(),
            message: finding.message.clone(),
            hint: finding.hint.clone().unwrap_or_default(),
            place: finding.location.to_string(),
        }
    }
}

/// A row of the metadata that is about no file.
pub(super) struct RowView {
    /// Its place in the document.
    pub(super) index: usize,
    pub(super) table: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) findings: Vec<FindingView>,
}

/// A file of the bundle.
pub(super) struct FileView {
    pub(super) path: String,
    pub(super) size: String,
    pub(super) mimetype: String,
    pub(super) hash: String,
    /// Where it is in the archive; empty where it is not there.
    pub(super) location: String,
    /// Its id, where it is in the archive.
    pub(super) id: Option<FileId>,
    pub(super) findings: Vec<FindingView>,
}

/// A bundle and what was found in it.
#[derive(Default)]
pub(super) struct Evidence {
    /// About the bundle as a whole, or about what is not in the document.
    pub(super) bundle: Vec<FindingView>,
    pub(super) rows: Vec<RowView>,
    pub(super) files: Vec<FileView>,
    /// Rows and files that are not shown.
    pub(super) hidden: usize,
}

impl Evidence {
    /// Puts findings beside what they are about. `stored` are the files as far as they are in the archive.
    pub(super) fn new(document: &Document, report: Option<&Report>, stored: &[StoredFile], all: bool) -> Self {
        let mut by_row: HashMap<usize, Vec<FindingView>> = HashMap::new();
        let mut by_path: HashMap<&str, Vec<FindingView>> = HashMap::new();
        let mut evidence = Self::default();
        for (rule, finding) in report
            .iter()
            .flat_map(|report| &report.rules)
            .flat_map(|rule| rule.findings.iter().map(move |finding| (rule, finding)))
        {
            let view = FindingView::new(&rule.rule, rule.mode, finding);
            match &finding.location {
                Location::Metadata(pointer) => match row_of(pointer) {
                    Some(row) if row < document.rows().len() => by_row.entry(row).or_default().push(view),
                    _ => evidence.bundle.push(view),
                },
                Location::File(path) => by_path.entry(path).or_default().push(view),
                Location::Bundle => evidence.bundle.push(view),
            }
        }
        let places: HashMap<usize, &StoredFile> = stored.iter().map(|file| (file.row, file)).collect();
        for (index, row) in document.rows().iter().enumerate() {
            let mut findings = by_row.remove(&index).unwrap_or_default();
            let RowKind::File(number) = row.kind else {
                if findings.is_empty() && !all && evidence.rows.len() >= SHOWN {
                    evidence.hidden += 1;
                } else {
                    evidence.rows.push(row_view(index, document.row_text(row), findings));
                }
                continue;
            };
            let file = &document.files()[number];
            let path = match &file.path {
                Ok(path) => path.to_string(),
                Err(_) => format!("{}/{}", file.subdir.trim_end_matches('/'), file.name),
            };
            findings.extend(by_path.remove(path.as_str()).unwrap_or_default());
            if findings.is_empty() && !all && evidence.files.len() >= SHOWN {
                evidence.hidden += 1;
                continue;
            }
            let stored = places.get(&number);
            evidence.files.push(FileView {
                size: file.size.map(words::bytes).unwrap_or_default(),
                mimetype: file.mimetype.clone().unwrap_or_default(),
                hash: file.hash_sum.as_ref().map(|sum| format!("{}:{sum}", file.hash_type)).unwrap_or_default(),
                location: stored.and_then(|file| file.location.clone()).unwrap_or_default(),
                id: stored.filter(|file| file.location.is_some()).map(|file| file.id),
                path,
                findings,
            });
        }
        // Files that are in the bundle and in no row.
        evidence.bundle.extend(by_path.into_values().flatten());
        evidence
    }

    /// Everything that was found, where there is no document to put it beside.
    pub(super) fn without_document(report: &Report) -> Self {
        let all = report
            .rules
            .iter()
            .flat_map(|rule| rule.findings.iter().map(|finding| FindingView::new(&rule.rule, rule.mode, finding)));
        Self { bundle: all.collect(), ..Self::default() }
    }
}

/// A value is to be recognised, not read to its end.
fn cut(value: String) -> String {
    match value.len() > LONGEST {
        true => format!("{} … ({} bytes)", &value[..value.floor_char_boundary(LONGEST)], value.len()),
        false => value,
    }
}

/// The row that a JSON pointer leads into.
fn row_of(pointer: &str) -> Option<usize> {
    pointer.strip_prefix('/')?.split('/').next()?.parse().ok()
}

fn row_view(index: usize, text: &str, findings: Vec<FindingView>) -> RowView {
    let row: Value = serde_json::from_str(text).unwrap_or_default();
    let word = |key: &str| match &row[key] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let table = word("destinationTable");
    // What is no pair of key and value is shown as it is.
    let known = row.get("value").is_some() && (table.starts_with("Transactions.") || table.ends_with("KeyValue"));
    let value = cut(if known { word("value") } else { text.to_owned() });
    RowView { index, key: if known { word("key") } else { String::new() }, table, value, findings }
}
