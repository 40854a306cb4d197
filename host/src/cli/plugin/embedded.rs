//! What the program carries for authors: the SDKs, the contract, the templates. `build.rs` collects them.

use std::io;
use std::path::Path;

/// Every file, by its name: `LANGUAGE/…` for the SDKs, `wit/…`, `templates/…` and some single ones; sorted.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/authoring.rs"));

/// The files below a folder, by their names in it.
pub(super) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(move |(name, text)| Some((name.strip_prefix(folder)?.strip_prefix('/')?, *text)))
}

/// A single file.
pub(super) fn file(name: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
}

/// Writes the files below a folder.
pub(super) fn write_below(folder: &str, into: &Path) -> io::Result<()> {
    below(folder).try_for_each(|(name, text)| write(&into.join(name), text))
}

/// Writes a file, and makes its folder where that is not there.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_new_project_needs_is_there() {
        for name in ["wit/sluice.wit", "plugins/Cargo.toml", "plugins/Cargo.lock", "wasm-target", "rust/src/lib.rs"] {
            assert!(!file(name).is_empty(), "{name}");
        }
        assert!(below("rust").any(|(name, _)| name == "wit/sluice.wit"), "the SDK brings the contract");
        assert!(below("python").any(|(name, _)| name == "__init__.py"));
        assert!(below("javascript").any(|(name, _)| name == "component.js"));
        assert!(!FILES.iter().any(|(name, _)| name.contains("/tests/")));
    }
}
