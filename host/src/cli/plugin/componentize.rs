//! `sluice plugin componentize`: the last step of a Rust plugin, by itself.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use wit_component::ComponentEncoder;

use crate::cli::print::{self, Printer};
use crate::cli::{Exit, Failure};

#[derive(Args)]
pub(in crate::cli) struct Componentize {
    /// The module; it carries the description of its world, as wit-bindgen puts it there
    #[arg(value_name = "CORE.wasm")]
    module: PathBuf,
    /// Where the component goes; one that is there is replaced
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
}

impl Componentize {
    pub(super) fn run(self, printer: &Printer) -> Result<Exit, Failure> {
        let Self { module, output } = self;
        let bytes = std::fs::read(&module)
            .map_err(|error| Failure::file(format!("{} cannot be read", module.display()), &error))?;
        let component = componentize(&bytes)
            .map_err(|why| Failure::new(Exit::Failed, format!("{} becomes no component: {why}", module.display())))?;
        write_whole(&output, &component)
            .map_err(|error| Failure::file(format!("{} cannot be written", output.display()), &error))?;
        if printer.json {
            printer.document(&json!({ "output": output.display().to_string(), "bytes": component.len() }))?;
        } else {
            printer.text(&format!("{}: {}", output.display(), print::bytes(component.len() as u64)))?;
        }
        Ok(Exit::Done)
    }
}

/// The first eight bytes of a core module and of a component: the magic, a version, and which of both it is.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// What a file holds, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Wasm {
    Module,
    Component,
    Other,
}

impl Wasm {
    pub(in crate::cli) fn of(bytes: &[u8]) -> Self {
        match bytes {
            _ if bytes.starts_with(COMPONENT) => Self::Component,
            _ if bytes.starts_with(MODULE) => Self::Module,
            _ => Self::Other,
        }
    }
}

/// A component made of a core module.
pub(super) fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    match Wasm::of(module) {
        Wasm::Module => {}
        Wasm::Component => return Err("it is a component already".to_owned()),
        Wasm::Other => return Err("it is no WebAssembly module".to_owned()),
    }
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    let component = encode().map_err(|error| format!("{error:#}"))?;
    without_names(&component).ok_or_else(|| "the sections of the component that was made have no end".to_owned())
}

/// The component without its section of names. They are the encoder's for its own items, such as `import-0`: 3 KB that
/// nothing reads. The names in the author's module, which traps are told with, stay.
fn without_names(component: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = component.split_at_checked(COMPONENT.len())?;
    let mut kept = header.to_vec();
    while !rest.is_empty() {
        let (size, body) = leb128(&rest[1..])?;
        let (section, after) = rest.split_at_checked(rest.len() - body.len() + size)?;
        // A custom section is number 0, and begins with its name, which begins with its length.
        if rest[0] != 0 || !body.starts_with(b"\x0ecomponent-name") {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Some(kept)
}

/// A number of seven bits a byte, and what is behind it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at(last + 1);
    Some((number.iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f)), rest))
}

/// Writes a file aside and renames it, so that a server that watches the folder never reads half of it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.part", std::process::id()));
    let aside = PathBuf::from(aside);
    let written = File::create(&aside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&aside, path));
    if written.is_err() {
        // It may never have been made; the first error is the one to tell.
        drop(std::fs::remove_file(&aside));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_module_becomes_a_component_and_a_component_does_not() {
        let component = componentize(MODULE).unwrap();
        assert_eq!(Wasm::of(&component), Wasm::Component);
        assert!(component.windows(9).any(|part| part == b"producers"), "it is not cut off");
        assert!(!component.windows(14).any(|part| part == b"component-name"));
        assert_eq!(componentize(&component).unwrap_err(), "it is a component already");
        assert_eq!(componentize(b"#!/bin/sh").unwrap_err(), "it is no WebAssembly module");
    }

    #[test]
    fn sections_that_go_beyond_the_end_are_not_taken_for_a_component() {
        assert_eq!(without_names(COMPONENT).as_deref(), Some(COMPONENT));
        let long = [COMPONENT, b"\x01\x80\x01", &[7; 128]].concat();
        assert_eq!(without_names(&long).as_ref(), Some(&long));
        for end in COMPONENT.len() + 1..long.len() {
            assert_eq!(without_names(&long[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(write_whole(&folder.path().join("gone/x.wasm"), b"").is_err());
    }
}
