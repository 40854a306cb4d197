//! A copy of a project's sources, so that a build neither sees nor leaves anything beside them.

use std::fs;
use std::io;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::plugin::project::{Project, is_made};

/// Copies a project's files, but for its examples, and what is built or fetched.
pub(super) fn copy(project: &Project, to: &Path) -> Result<(), Failure> {
    copy_folder(&project.folder, to, &|name| !is_made(name) && name != "examples")
        .map_err(|error| Failure::file(format!("{} cannot be copied", project.folder.display()), &error))
}

/// Copies a folder, with those entries that are wanted.
pub(super) fn copy_folder(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_str().is_some_and(wanted) {
            continue;
        }
        let path = entry.path();
        // Followed, so that a module that is a link is there as well.
        if path.is_dir() {
            copy_folder(&path, &to.join(&name), wanted)?;
        } else if path.is_file() {
            fs::copy(&path, to.join(&name))?;
        }
    }
    Ok(())
}
