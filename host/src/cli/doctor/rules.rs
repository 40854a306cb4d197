//! The policy file, and the folders with plugins.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::super::plugin::Wasm;
use super::super::print;
use super::Check;
use crate::config::Settings;
use crate::policy::PolicyDocument;

pub(super) fn policy(settings: &Settings) -> Check {
    const NAME: &str = "policy";
    let Some(file) = &settings.policy.file else {
        return Check::ok(NAME, "no file is named: the database's latest revision holds, else the starter policy");
    };
    match PolicyDocument::read(file) {
        Ok(document) => match document.mistakes() {
            mistakes if mistakes.is_empty() => {
                Check::ok(NAME, format!("{} has {}", file.display(), print::count(document.rules.len(), "rule")))
            }
            mistakes => Check::fault(
                NAME,
                format!("{} is wrong: {}", file.display(), mistakes.join("; ")),
                "mend the rules that are named",
            ),
        },
        Err(why) => Check::fault(NAME, why, "mend the file, or name another"),
    }
}

pub(super) fn plugins(settings: &Settings) -> Vec<Check> {
    const NAME: &str = "plugins";
    if settings.policy.plugins.is_empty() {
        return vec![Check::warning(NAME, "no folder with plugins is configured", "name one: --plugins DIR")];
    }
    settings.policy.plugins.iter().map(|folder| plugin_folder(NAME, folder)).collect()
}

fn plugin_folder(name: &'static str, folder: &Path) -> Check {
    let files = match wasm_files(folder) {
        Ok(files) => files,
        Err(error) => {
            let found = format!("{} cannot be read: {error}", folder.display());
            return Check::warning(
                name,
                found,
                "build the plugins (`make plugins`), or name their folder: --plugins DIR",
            );
        }
    };
    let mut components = Vec::new();
    let mut others = Vec::new();
    for file in &files {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match kind(file) {
            Ok(Wasm::Component) => components.push(stem),
            Ok(Wasm::Module) => others.push(format!("{stem} is a core module")),
            Ok(Wasm::Other) => others.push(format!("{stem} is no WebAssembly")),
            Err(error) => others.push(format!("{stem} cannot be read: {error}")),
        }
    }
    let found = match components.len() {
        0 => format!("{} holds no component", folder.display()),
        count => format!("{} holds {}: {}", folder.display(), print::count(count, "component"), components.join(", ")),
    };
    if !others.is_empty() {
        let remedy = "make a component of a module: `sluice plugin componentize CORE.wasm -o OUT.wasm`";
        return Check::warning(name, format!("{found}; {}", others.join(", ")), remedy);
    }
    if components.is_empty() {
        return Check::warning(name, found, "build the plugins (`make plugins`), or name their folder: --plugins DIR");
    }
    Check::ok(name, found)
}

/// The files of a folder that are called `NAME.wasm`, in order.
fn wasm_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "wasm") {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn kind(file: &Path) -> io::Result<Wasm> {
    let mut start = Vec::new();
    File::open(file)?.take(8).read_to_end(&mut start)?;
    Ok(Wasm::of(&start))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn components_are_named_and_what_is_none_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(plugin_folder("plugins", &folder.path().join("gone")).verdict, Verdict::Warning);
        assert_eq!(plugin_folder("plugins", folder.path()).verdict, Verdict::Warning);
        std::fs::write(folder.path().join("a.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
        std::fs::write(folder.path().join("README"), b"").unwrap();
        let check = plugin_folder("plugins", folder.path());
        assert_eq!(check.verdict, Verdict::Ok);
        assert!(check.found.ends_with("holds 1 component: a"), "{}", check.found);
        std::fs::write(folder.path().join("b.wasm"), b"\0asm\x01\0\0\0").unwrap();
        let check = plugin_folder("plugins", folder.path());
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.found.ends_with("b is a core module"), "{}", check.found);
    }
}
