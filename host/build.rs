//! Puts what `sluice plugin new` and `build` write out into the program: the SDKs, the contract, the templates.
//!
//! The files are those of the repository, found by walking its folders, so that a file added to an SDK is in every new
//! project without being listed anywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Each folder or file of the repository, and the name it goes by in the program.
const SOURCES: [(&str, &str); 8] = [
    ("wit", "wit"),
    ("plugins/Cargo.toml", "plugins/Cargo.toml"),
    ("plugins/Cargo.lock", "plugins/Cargo.lock"),
    ("plugins/sdk", "rust"),
    ("plugins/sdk-python/sluice_sdk", "python"),
    ("plugins/sdk-javascript", "javascript"),
    ("plugins/templates", "templates"),
    ("scripts/wasm-target", "wasm-target"),
];

/// What lies beside an SDK's source and is of no use in a project.
const LEFT_OUT: [&str; 4] = ["tests", "target", "node_modules", "__pycache__"];

fn main() -> io::Result<()> {
    let repository = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for (source, name) in SOURCES {
        walk(&repository.join(source), name, &mut files)?;
    }
    files.sort();
    let mut table = "[\n".to_owned();
    for (name, path) in &files {
        let path = path.to_str().expect("a path in UTF-8");
        writeln!(table, "    ({name:?}, include_str!({path:?})),").expect("a string takes all");
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("authoring.rs");
    fs::write(out, table)
}

fn walk(path: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", path.display());
    if path.is_file() {
        files.push((name.to_owned(), path.canonicalize()?));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?.file_name().into_string().expect("names in the repository are UTF-8");
        if !LEFT_OUT.contains(&entry.as_str()) {
            walk(&path.join(&entry), &format!("{name}/{entry}"), files)?;
        }
    }
    Ok(())
}
