//! What no real uploader sends: tars, documents and requests that are made to break something, and files that are exchanged
//! while they are moved. Whatever it is, the answer is clear, nothing is read or written outside, and the gate goes on.

mod blocks;
mod documents;
mod endless;
mod http;
#[cfg(debug_assertions)]
mod races;
mod tars;
mod wire;

use std::path::Path;

use crate::bundle::{bundle, paths};
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, until};

const MIB: u64 = 1 << 20;

/// A site that soon forgets what has failed, so that its spool can be seen to be empty.
fn forgetful() -> Options {
    Options::default().env("SLUICE_SPOOL_KEEP_FAILED", "1s").env("SLUICE_WORKER_SWEEP", "200ms")
}

/// A good bundle is taken, as if nothing had been.
async fn assert_goes_on(site: &Site, after: &str) {
    let job = site.upload(bundle("metadata-last")).await;
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "after {after}: {state:?}");
}

async fn assert_spool_empties(site: &Site) {
    until(PATIENCE, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

/// A file that nobody has any business with; what aims at its folder is named `escaped`.
fn put_secret(site: &Site) {
    std::fs::write(site.outside().join("secret.txt"), "secret\n").expect("a secret");
}

/// Nothing was written where somebody pointed, and the gate's own folders have files in them, and no links or pipes.
fn assert_contained(site: &Site, after: &str) {
    let escaped: Vec<_> = paths(site.folder()).into_iter().filter(|path| path.contains("escaped")).collect();
    assert_eq!(escaped, Vec::<String>::new(), "after {after}");
    assert_eq!(paths(&site.outside()).into_iter().collect::<Vec<_>>(), ["secret.txt"], "after {after}");
    assert_eq!(std::fs::read(site.outside().join("secret.txt")).expect("the secret"), b"secret\n", "after {after}");
    for folder in [site.spool(), site.archive()] {
        assert_plain(&folder, after);
    }
}

/// There is nothing below a folder but folders and files.
fn assert_plain(folder: &Path, after: &str) {
    for path in paths(folder) {
        // What is cleared away meanwhile is no link.
        if let Ok(metadata) = std::fs::symlink_metadata(folder.join(&path)) {
            assert!(metadata.is_file(), "after {after}: {path} in {} is no file", folder.display());
        }
    }
}
