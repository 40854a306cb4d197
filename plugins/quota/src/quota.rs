//! One quota, ready to be held against bundles.

use sluice_sdk::{Bundle, FileInfo, Glob, Mistakes, Quoted, Report, Scalar, Severity, TransactionField};

use crate::size::{grouped, show};
use crate::{config, size};

/// A quota whose patterns and sizes are read.
#[derive(Debug)]
pub(crate) struct Quota {
    scope: Vec<(TransactionField, Vec<Glob>)>,
    files: Range,
    max_bytes: Option<u64>,
    file_bytes: Range,
    severity: Severity,
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    min: u64,
    max: u64,
}

impl Quota {
    /// Reads a quota. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Quota, mistakes: &mut Mistakes) -> Self {
        let scope = [
            (TransactionField::Submitter, "submitters", config.submitters),
            (TransactionField::Project, "projects", config.projects),
            (TransactionField::Instrument, "instruments", config.instruments),
        ];
        let scope = scope
            .into_iter()
            .filter_map(|(field, name, patterns)| Some((field, globs(&format!("{key}.{name}"), patterns?, mistakes))))
            .collect();
        let mut size = |name: &str, text: Option<Scalar>| {
            text.and_then(|text| mistakes.ok(format_args!("{key}.{name}"), size::parse(text.as_str())))
        };
        let max_bytes = size("max_bytes", config.max_bytes);
        let file_bytes = (size("min_file_bytes", config.min_file_bytes), size("max_file_bytes", config.max_file_bytes));
        Self {
            scope,
            files: Range::new(format_args!("{key}.max_files"), (config.min_files, config.max_files), mistakes),
            max_bytes,
            file_bytes: Range::new(format_args!("{key}.max_file_bytes"), file_bytes, mistakes),
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        }
    }

    /// Whether no bundle goes past it.
    pub(crate) fn is_for_everybody(&self) -> bool {
        self.scope.is_empty()
    }

    /// Whether the bundle is one of those that the quota is for.
    pub(crate) fn is_about(&self, bundle: &Bundle<'_>) -> bool {
        self.scope.iter().all(|(field, globs)| {
            bundle.transaction(*field).is_some_and(|value| globs.iter().any(|glob| glob.matches(value)))
        })
    }

    /// Says what the bundle has too much of.
    pub(crate) fn check(&self, bundle: &Bundle<'_>, report: &mut Report) {
        let files = u64::from(bundle.file_count());
        if files > self.files.max {
            let message = format!("The bundle has {}; {}.", count(files), self.most(bundle, &count(self.files.max)));
            self.say(
                report,
                "too-many-files",
                message,
                None,
                "Split the upload into several, or pack small files into archives.",
            );
        }
        if files < self.files.min {
            let message = format!("The bundle has {}; at least {} are expected.", count(files), count(self.files.min));
            self.say(report, "too-few-files", message, None, "Look whether all files were chosen.");
        }
        let mut bytes: u64 = 0;
        for file in bundle.files() {
            bytes = bytes.saturating_add(file.size);
            self.check_file(&file, report);
        }
        if let Some(most) = self.max_bytes
            && bytes > most
        {
            let message =
                format!("The files of the bundle have {} together; {}.", show(bytes), self.most(bundle, &show(most)));
            self.say(report, "too-many-bytes", message, None, "Split the upload into several.");
        }
    }

    fn check_file(&self, file: &FileInfo, report: &mut Report) {
        let Range { min, max } = self.file_bytes;
        if file.size > max {
            let message = format!("The file has {}; at most {} are allowed.", show(file.size), show(max));
            self.say(report, "file-too-large", message, Some(file), "Compress the file, or split it.");
        }
        if file.size < min {
            let message = if file.size == 0 {
                "The file is empty.".to_owned()
            } else {
                format!("The file has {}; at least {} are expected.", show(file.size), show(min))
            };
            self.say(
                report,
                "file-too-small",
                message,
                Some(file),
                "Look whether the measurement or the copy was cut off; leave the file out if it is of no use.",
            );
        }
    }

    /// The limit, for the end of a sentence, with whom it is for: what it is chosen by, most telling first.
    fn most(&self, bundle: &Bundle<'_>, amount: &str) -> String {
        let value = [TransactionField::Project, TransactionField::Instrument, TransactionField::Submitter]
            .into_iter()
            .find(|field| self.scope.iter().any(|(scoped, _)| scoped == field))
            .and_then(|field| Some((field, bundle.transaction(field)?)));
        match value {
            Some((field, value)) => format!("{field} {} may send at most {amount} at once", Quoted(value)),
            None => format!("a bundle may have at most {amount}"),
        }
    }

    /// The facility's own hint is worth more than ours.
    fn say(&self, report: &mut Report, code: &str, message: String, file: Option<&FileInfo>, hint: &str) {
        let note = report.add(self.severity, code, message);
        let note = if let Some(file) = file { note.at_file(file.path.as_str()) } else { note };
        note.hint(self.hint.clone().unwrap_or_else(|| hint.to_owned()));
    }
}

impl Range {
    fn new(key: impl std::fmt::Display, (min, max): (Option<u64>, Option<u64>), mistakes: &mut Mistakes) -> Self {
        let range = Self { min: min.unwrap_or(0), max: max.unwrap_or(u64::MAX) };
        if range.min > range.max {
            mistakes.add(key, format_args!("is {}, and the least is {}: nothing is both", range.max, range.min));
        }
        range
    }
}

fn globs(key: &str, patterns: Vec<Scalar>, mistakes: &mut Mistakes) -> Vec<Glob> {
    if patterns.is_empty() {
        mistakes.add(key, "an empty list means no bundle; leave it out to mean all");
    }
    patterns
        .into_iter()
        .enumerate()
        .filter_map(|(index, pattern)| mistakes.ok(format_args!("{key}[{index}]"), Glob::new(pattern.as_str())))
        .collect()
}

fn count(files: u64) -> String {
    format!("{} {}", grouped(files), if files == 1 { "file" } else { "files" })
}
