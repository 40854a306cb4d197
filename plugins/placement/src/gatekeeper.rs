//! Which files of a move may come in.

use sluice_sdk::{Bundle, FileInfo, JobKind, Quoted, Report};

use crate::sources::{Path, Source};

/// As many folders are named in a hint.
const NAMED: usize = 5;

/// Lets the files of one bundle in by where they lie.
pub(crate) struct Gatekeeper<'a> {
    kind: JobKind,
    /// The sources that are open to this bundle.
    open: Vec<&'a Source>,
}

impl<'a> Gatekeeper<'a> {
    pub(crate) fn new(sources: &'a [Source], bundle: &Bundle<'_>) -> Self {
        Self { kind: bundle.kind(), open: sources.iter().filter(|source| source.is_open_to(bundle)).collect() }
    }

    pub(crate) fn check(&self, file: &FileInfo, report: &mut Report) {
        let source = match (&self.kind, &file.source) {
            (JobKind::Upload, _) => return,
            (_, Some(source)) => source,
            (JobKind::Move, None) => {
                report
                    .error("source-missing", "The file's row does not say where the file lies.")
                    .at_file(file.path.as_str())
                    .hint("Add its absolute path to the Files row, as `source`.");
                return;
            }
            (_, None) => return,
        };
        match Path::new(source) {
            Err(objection) => {
                report
                    .error("source-unsafe", format!("The source {} {objection}.", Quoted(source)))
                    .at_file(file.path.as_str())
                    .hint("Give the plain absolute path of the file.");
            }
            Ok(path) if !self.open.iter().any(|source| source.holds(&path)) => {
                let message = format!(
                    "The file may not be moved from {}: no folder that is open to this user, project and instrument \
                     holds it.",
                    Quoted(source)
                );
                report.error("source-not-allowed", message).at_file(file.path.as_str()).hint(self.folders());
            }
            Ok(_) => {}
        }
    }

    fn folders(&self) -> String {
        if self.open.is_empty() {
            return "There is no such folder: ask the facility to open one.".to_owned();
        }
        let mut folders: Vec<String> = self.open.iter().take(NAMED).map(|source| source.root().to_string()).collect();
        if self.open.len() > NAMED {
            folders.push(format!("and {} more", self.open.len() - NAMED));
        }
        format!("Move files from {}, or ask the facility to open another folder.", folders.join(", "))
    }
}
