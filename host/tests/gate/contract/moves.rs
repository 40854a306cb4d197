//! What each move document of `test_data/` ends as.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{assert_failed, assert_ok};
use crate::bundle::{paths, test_data, tree};
use crate::site::{Options, Site};
use crate::stores::{Stores, over};

const FILES: &[&str] = &["move files"];
const POLICY: &[&str] = &["Policy Validation"];
const LOAD: &[&str] = &["load metadata"];
const LOAD_OR_FILES: &[&str] = &["load metadata", "move files"];

/// Each row is a test over each queue: the document fails at one of the tasks, and no file leaves its place.
macro_rules! table {
    ($($test:ident: $document:literal => $tasks:expr;)*) => {
        /// The documents of `test_data/` that are tried here.
        pub(crate) const DOCUMENTS: &[&str] = &["move-md.json", "move-lame-mime-type.json", $($document),*];
        $( async fn $test(stores: Stores) { try_bad_move(stores, $document, $tasks).await } )*
        over! { sqlite, redis: [$($test),*] }
    };
}

table! {
    a_missing_source_fails_at_move_files: "move-missing-source.json" => FILES;
    a_source_below_no_root_fails_at_move_files: "move-outside-root.json" => FILES;
    a_climbing_source_fails_at_move_files: "move-dotdot.json" => FILES;
    a_source_that_is_a_link_out_fails_at_move_files: "move-symlink.json" => FILES;
    a_source_behind_a_link_out_fails_at_move_files: "move-symlink-folder.json" => FILES;
    a_relative_source_fails_at_move_files: "move-relative.json" => FILES;
    a_source_that_is_a_directory_fails_at_move_files: "move-directory.json" => FILES;
    a_row_without_source_fails: "move-without-source.json" => LOAD_OR_FILES;
    a_move_without_project_is_rejected: "move-missing-project.json" => POLICY;
    a_json_object_fails_at_load_metadata: "move-object.json" => LOAD;
    a_row_that_is_no_object_fails_at_load_metadata: "move-row-not-an-object.json" => LOAD;
}

mod good {
    use super::*;

    over! { sqlite, redis, postgres: [
        a_good_move_ends_in_the_archive,
        a_good_move_from_a_configured_root_ends_in_the_archive,
        a_lame_mime_type_fails_at_ingest_metadata,
    ] }

    async fn a_good_move_ends_in_the_archive(stores: Stores) {
        let site = Site::over(stores).await;
        let source = site.incoming().join("beamline");
        assert_moved(&site, &source).await;
    }

    async fn a_good_move_from_a_configured_root_ends_in_the_archive(stores: Stores) {
        let root = tempfile::tempdir().expect("a temporary folder");
        let unused = tempfile::tempdir().expect("a temporary folder");
        let options = Options::default().stores(stores).move_root(unused.path()).move_root(root.path());
        let site = options.start().await;
        assert_moved(&site, &root.path().join("beamline")).await;
    }

    async fn a_lame_mime_type_fails_at_ingest_metadata(stores: Stores) {
        let site = Site::over(stores).await;
        let source = put_sources(&site, &site.incoming().join("beamline"));
        let job = site.move_(&document(&site, &source, "move-lame-mime-type.json")).await;
        assert_failed(&site.wait(job).await, &["ingest metadata"]);
    }

    async fn assert_moved(site: &Site, source: &Path) {
        let source = put_sources(site, source);
        let moved = moved_files();
        let job = site.move_(&document(site, &source, "move-md.json")).await;
        assert_ok(&site.wait(job).await);

        assert_eq!(site.files(job).await, moved, "what the API gives");
        let place = site.place(job).await;
        let placed = moved.iter().map(|(path, contents)| (format!("{place}/{path}"), contents.clone())).collect();
        assert_eq!(tree(&site.archive()), placed, "what the archive folder holds");
        for path in moved.keys() {
            assert!(!source.join(path).exists(), "{path} was copied, not moved");
        }
    }
}

async fn try_bad_move(stores: Stores, name: &str, tasks: &[&str]) {
    let site = Site::over(stores).await;
    let source = put_sources(&site, &site.incoming().join("beamline"));
    let job = site.move_(&document(&site, &source, name)).await;
    assert_failed(&site.wait(job).await, tasks);

    for (path, contents) in moved_files() {
        assert_eq!(std::fs::read(source.join(&path)).ok(), Some(contents), "{path} has left its place");
    }
    assert_eq!(std::fs::read(site.outside().join("secret.txt")).ok().as_deref(), Some(&b"secret\n"[..]));
    assert_eq!(paths(&site.archive()), Default::default(), "files of a failed move are in the archive");
}

/// The files that the documents move, by path.
fn moved_files() -> BTreeMap<String, Vec<u8>> {
    let mut files = tree(&test_data().join("move-files"));
    files.remove("README.md");
    files
}

/// Puts the files that the documents move below `source`, and the traps beside them.
fn put_sources(site: &Site, source: &Path) -> PathBuf {
    let secret = site.outside().join("secret.txt");
    std::fs::write(&secret, "secret\n").expect("a secret");
    for (path, contents) in moved_files() {
        let target = source.join(path);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::write(target, contents).expect("a file to move");
    }
    symlink(&secret, source.join("link-out.txt")).expect("a link");
    symlink(site.outside(), source.join("folder-out")).expect("a link");
    source.to_owned()
}

/// A document of `test_data/`, with real places in it.
fn document(site: &Site, source: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(test_data().join(name)).expect("a document");
    text.replace("{SOURCE}", source.to_str().expect("UTF-8"))
        .replace("{OUTSIDE}", site.outside().to_str().expect("UTF-8"))
}
