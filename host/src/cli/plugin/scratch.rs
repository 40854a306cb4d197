//! Where authors' commands keep what need not be kept: a folder in the user's cache.

use std::path::{Path, PathBuf};

use crate::cli::{Exit, Failure};
use crate::config::Surroundings;

/// Where compiled components of the author are kept, when somewhere else than in the cache of the user.
const COMPILED: &str = "SLUICE_SANDBOX_CACHE";

/// The folder of the user's cache that is ours.
pub(super) fn cache(surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    let folder = match (surroundings.variable("XDG_CACHE_HOME"), surroundings.variable("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(home).join(".cache"),
        (None, None) => {
            let message = "there is no folder for what is built: set HOME or XDG_CACHE_HOME";
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    Ok(surroundings.folder.join(folder).join("sluice"))
}

/// Where compiled components are kept.
pub(super) fn compiled(surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    match surroundings.variable(COMPILED) {
        Some(folder) => Ok(surroundings.folder.join(folder)),
        None => Ok(cache(surroundings)?.join("compiled")),
    }
}

/// A folder that goes with this value.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty folder.
    pub(super) fn new(surroundings: &Surroundings) -> Result<Self, Failure> {
        let name = format!("{}-{:x}", std::process::id(), rand::random::<u64>());
        let folder = cache(surroundings)?.join("authoring").join(name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::file(format!("{} cannot be made", folder.display()), &error))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in a cache, where it does no harm.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
