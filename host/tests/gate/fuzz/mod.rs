//! The properties of the fuzz targets (`host/fuzz`), over every file of their corpora: seeds, and whatever was found once.

mod seeds;

#[path = "../../../fuzz/properties/component.rs"]
mod component;
#[path = "../../../fuzz/properties/metadata.rs"]
mod metadata;
#[path = "../../../fuzz/properties/paths.rs"]
mod paths;
#[path = "../../../fuzz/properties/policy_document.rs"]
mod policy_document;
#[path = "../../../fuzz/properties/spool_tar.rs"]
mod spool_tar;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use component::Upload;

/// No file of a corpus is larger: a larger one teaches the fuzzer slowly, and has a smaller one in it.
const LARGEST: usize = 20 << 10;
/// Bytes of all corpora.
const ALL: usize = 300 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The corpus of a target, by the names of its files.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    crate::bundle::tree(&folder().join(target))
}

/// Holds a property against a whole corpus, and says which files break it.
fn holds(target: &str, check: impl Fn(&[u8])) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "{target} has no corpus");
    let broken = corpus.iter().filter(|(_, data)| catch_unwind(AssertUnwindSafe(|| check(data))).is_err());
    let broken: Vec<&String> = broken.map(|(name, _)| name).collect();
    assert!(broken.is_empty(), "{target} does not hold, see above, for {broken:?}");
}

#[test]
fn a_tar_is_in_the_spool_as_its_manifest_says_or_not_at_all() {
    holds("spool_tar", spool_tar::check);
}

#[test]
fn metadata_that_is_accepted_can_be_read_by_all_who_come_after() {
    holds("metadata", metadata::check);
}

#[test]
fn a_policy_is_the_same_after_it_was_kept() {
    holds("policy_document", policy_document::check);
}

#[test]
fn a_path_stays_below_its_folder() {
    holds("paths", paths::check);
}

#[test]
fn a_component_is_a_plugin_or_is_refused_with_a_reason() {
    let upload = Upload::new(Path::new(env!("CARGO_BIN_EXE_sluice")));
    holds("component", |data| upload.check(data));
}

#[test]
fn the_corpora_are_small_and_each_has_a_target() {
    let targets = corpus("../fuzz_targets").into_keys().map(|name| name.trim_end_matches(".rs").to_owned());
    let mut sizes: BTreeMap<String, usize> = targets.map(|name| (name, 0)).collect();
    for (path, data) in crate::bundle::tree(&folder()) {
        let target = path.split('/').next().unwrap_or_default();
        assert!(data.len() <= LARGEST, "{path} has {} bytes; minimise it", data.len());
        *sizes.get_mut(target).unwrap_or_else(|| panic!("{path} is for no target")) += data.len();
    }
    assert!(sizes.values().all(|size| *size > 0), "a target without a corpus: {sizes:?}");
    assert!(sizes.values().sum::<usize>() <= ALL, "{sizes:?}");
}
