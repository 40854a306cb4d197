//! What uploaders send: bundles made from the folders of `test_data/`, and bundles made from nothing.

mod generated;
mod gzip;
mod member;
mod recipe;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tar::EntryType;

pub(crate) use generated::{Generated, body_of};
pub(crate) use gzip::gzip;
pub(crate) use member::{Format, header, pad, padding, pax_record};

use member::spoil_checksum;
use recipe::{Checksum, ExtraMember, MemberPlace, MetadataPlace, Recipe, Truncate};

/// The folder of all test data.
pub(crate) fn test_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../test_data")
}

/// The body of an upload, made from a folder of `test_data/`.
pub(crate) fn bundle(name: &str) -> Vec<u8> {
    let folder = test_data().join(name);
    assert!(folder.is_dir(), "there is no {}", folder.display());
    let recipe = Recipe::of(&folder);
    if let Some(raw) = &recipe.raw {
        return read(&folder.join(raw));
    }
    let mut body = tar_of(&folder, &recipe);
    if recipe.gzip {
        body = gzip(&body);
    }
    body
}

/// What the archive must hold after a good bundle: contents by path below `data/`, as the `Files` rows list them.
pub(crate) fn listed_files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = test_data().join(name);
    let members = data_files(&folder);
    let rows: Value = serde_json::from_slice(&read(&folder.join("metadata.txt"))).expect("good metadata");
    rows.as_array()
        .expect("an array of rows")
        .iter()
        .filter(|row| row["destinationTable"] == "Files")
        .map(|row| {
            let path = row_path(row["subdir"].as_str().unwrap_or(""), row["name"].as_str().expect("a name"));
            let contents = members.get(&format!("data/{path}")).unwrap_or_else(|| panic!("{name} lacks data/{path}"));
            (path, contents.clone())
        })
        .collect()
}

/// The path below `data/` of a row: without a leading `data` part, without empty parts.
fn row_path(subdir: &str, name: &str) -> String {
    let mut parts: Vec<&str> = subdir.split('/').filter(|part| !part.is_empty()).collect();
    if parts.first() == Some(&"data") {
        parts.remove(0);
    }
    parts.push(name);
    parts.join("/")
}

/// A tar in the making, which knows where the contents of each member begin.
struct Tar {
    format: Format,
    bytes: Vec<u8>,
    contents_at: BTreeMap<String, usize>,
}

impl Tar {
    fn file(&mut self, name: &str, contents: &[u8]) {
        self.bytes.extend(header(self.format, name, EntryType::Regular, "", contents.len() as u64));
        self.contents(name, contents);
    }

    fn contents(&mut self, name: &str, contents: &[u8]) {
        self.contents_at.insert(name.to_owned(), self.bytes.len());
        self.bytes.extend_from_slice(contents);
        pad(&mut self.bytes);
    }

    fn extra(&mut self, member: &ExtraMember) {
        let size = member.declared_size.unwrap_or(member.contents.len() as u64);
        let mut head = header(self.format, &member.name, member.kind.entry_type(), &member.link, size);
        if member.checksum == Checksum::Wrong {
            spoil_checksum(&mut head);
        }
        self.bytes.extend(head);
        self.contents(&member.name, member.contents.as_bytes());
    }
}

fn tar_of(folder: &Path, recipe: &Recipe) -> Vec<u8> {
    let mut tar = Tar { format: recipe.format, bytes: Vec::new(), contents_at: BTreeMap::new() };
    let metadata = || {
        let mut text = read(&folder.join("metadata.txt"));
        if recipe.nested > 0 {
            let text_before = String::from_utf8(text).expect("UTF-8 around the nesting");
            let nested = format!("{}{}", "[".repeat(recipe.nested), "]".repeat(recipe.nested));
            text = text_before.replace("@NESTED@", &nested).into_bytes();
        }
        text
    };

    for member in recipe.members.iter().filter(|member| member.place == MemberPlace::Start) {
        tar.extra(member);
    }
    if recipe.metadata == MetadataPlace::First {
        tar.file("metadata.txt", &metadata());
    }
    let mut directories = BTreeSet::new();
    for (number, (name, contents)) in data_files(folder).iter().enumerate() {
        if recipe.metadata == MetadataPlace::Between && number == 1 {
            tar.file("metadata.txt", &metadata());
        }
        if recipe.directories {
            for (end, _) in name.match_indices('/') {
                if directories.insert(name[..=end].to_owned()) {
                    tar.bytes.extend(header(tar.format, &name[..=end], EntryType::Directory, "", 0));
                }
            }
        }
        tar.file(name, contents);
    }
    for member in recipe.members.iter().filter(|member| member.place == MemberPlace::AfterData) {
        tar.extra(member);
    }
    if recipe.metadata == MetadataPlace::Last {
        tar.file("metadata.txt", &metadata());
    }
    if recipe.end_marker {
        end(&mut tar.bytes);
    }
    tar.bytes.extend_from_slice(recipe.trailing.as_bytes());
    match &recipe.truncate {
        None => {}
        Some(Truncate::Whole { bytes }) => tar.bytes.truncate(*bytes),
        Some(Truncate::Member { member, at }) => {
            let start = tar.contents_at.get(member).unwrap_or_else(|| panic!("no member {member} to truncate in"));
            tar.bytes.truncate(start + at);
        }
    }
    tar.bytes
}

/// Two zero blocks, and then up to a whole record of twenty blocks, as tar and Python write it.
fn end(bytes: &mut Vec<u8>) {
    bytes.resize((bytes.len() + 1024).next_multiple_of(10_240), 0);
}

/// The files below `data/`, by member name, in order.
fn data_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    tree(&folder.join("data")).into_iter().map(|(path, contents)| (format!("data/{path}"), contents)).collect()
}

/// All regular files below a folder, by their path below it. A folder that is not there has none.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    paths(root).into_iter().map(|path| (path.clone(), read(&root.join(path)))).collect()
}

/// The paths of all that is no directory below a folder.
pub(crate) fn paths(root: &Path) -> BTreeSet<String> {
    fn walk(root: &Path, below: &str, found: &mut BTreeSet<String>) {
        // A folder that is being emptied meanwhile is no mistake of ours.
        let Ok(entries) = std::fs::read_dir(root.join(below)) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(root, &path, found);
            } else {
                found.insert(path);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(root, "", &mut found);
    found
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
