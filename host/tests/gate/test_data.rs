//! The list in `test_data/README.md` is complete, and every folder in it is tried.

use std::collections::BTreeSet;

use crate::bundle::{bundle, test_data};
use crate::contract::{DOCUMENTS, FOLDERS};

/// All that lies in `test_data/`, but for its README.
fn entries() -> BTreeSet<String> {
    let entries = std::fs::read_dir(test_data()).expect("test_data").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("UTF-8"));
    names.filter(|name| name != "README.md").collect()
}

#[test]
fn the_readme_lists_all_test_data() {
    let readme = std::fs::read_to_string(test_data().join("README.md")).expect("a README");
    let lines = readme.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    let listed: Vec<String> = lines.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), entries());
    assert_eq!(listed.len(), entries().len(), "something is listed twice");
}

#[test]
fn every_bundle_says_what_it_proves() {
    for name in entries().iter().filter(|name| !name.ends_with(".json")) {
        let readme = test_data().join(name).join("README.md");
        let text = std::fs::read_to_string(&readme).unwrap_or_else(|error| panic!("{}: {error}", readme.display()));
        assert!(!text.trim().is_empty(), "{} says nothing", readme.display());
    }
}

#[test]
fn every_bundle_is_tried() {
    let tried = FOLDERS.iter().chain(DOCUMENTS).map(|name| (*name).to_owned());
    assert_eq!(tried.chain(["move-files".to_owned()]).collect::<BTreeSet<_>>(), entries());
}

#[test]
fn every_bundle_can_be_made() {
    let to = std::env::var_os("SLUICE_TEST_BUNDLES").map(std::path::PathBuf::from);
    for folder in FOLDERS {
        let body = bundle(folder);
        assert!(body.len() < 4 * 1024 * 1024, "{folder} makes {} bytes", body.len());
        // For a look at them with other programs.
        if let Some(to) = &to {
            std::fs::write(to.join(format!("{folder}.tar")), body).expect("a folder to write to");
        }
    }
}
