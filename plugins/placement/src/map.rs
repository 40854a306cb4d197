//! What lies where: no two files at one place, and no file where a folder has to be.

use std::collections::HashMap;

use sluice_sdk::{FileInfo, Placement, Quoted, Report};

/// The destinations given out so far.
#[derive(Default)]
pub(crate) struct Map {
    files: Vec<(FileInfo, String)>,
    /// The index into `files` of what lies at a path.
    at: HashMap<String, usize>,
}

impl Map {
    pub(crate) fn place(&mut self, file: FileInfo, path: String, report: &mut Report) {
        match self.at.get(&path) {
            None => {
                self.at.insert(path.clone(), self.files.len());
                self.files.push((file, path));
            }
            Some(&first) => {
                let first = &self.files[first].0;
                if first.path == file.path {
                    let message = format!(
                        "The file {} is listed twice, in /{} and /{} of metadata.txt.",
                        Quoted(&file.path),
                        first.row,
                        file.row
                    );
                    report.error("destination-clash", message).at_file(file.path).hint("Remove one of the rows.");
                } else {
                    clash(&first.path, &file.path, &path, report);
                }
            }
        }
    }

    /// The places, after a look for files that would have to be folders for others.
    pub(crate) fn into_placements(self, report: &mut Report) -> Vec<Placement> {
        for (file, path) in &self.files {
            for (slash, _) in path.match_indices('/') {
                if let Some(&above) = self.at.get(&path[..slash]) {
                    let above = &self.files[above].0;
                    let message = format!(
                        "The file {} would be placed at {}, which has to be a folder for the file {}.",
                        Quoted(&above.path),
                        Quoted(&path[..slash]),
                        Quoted(&file.path)
                    );
                    report
                        .error("destination-clash", message)
                        .at_file(file.path.as_str())
                        .hint("Rename one of the two, and send the bundle again.");
                }
            }
        }
        self.files.into_iter().map(|(file, path)| Placement { file: file.index, path }).collect()
    }
}

fn clash(first: &str, second: &str, path: &str, report: &mut Report) {
    let message =
        format!("The files {} and {} would both be placed at {}.", Quoted(first), Quoted(second), Quoted(path));
    report
        .error("destination-clash", message)
        .at_file(second)
        .hint("Rename one of the two, or ask the facility to change its template.");
}
