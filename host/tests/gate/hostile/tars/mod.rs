//! Tars that are made to escape, to exhaust, or to be read in two ways.

mod headers;
mod names;
mod sizes;

use super::blocks::Tar;
use super::{MIB, assert_contained, assert_goes_on, assert_spool_empties, forgetful, put_secret};
use crate::site::Site;

/// What a tar ends as.
#[derive(Clone, Copy, Debug)]
enum End {
    /// All that is listed is in the archive.
    Archived,
    /// The same, and the report has these words of what was left out.
    Warned(&'static [&'static str]),
    /// FAILED at this task, with these words.
    Failed(&'static str, &'static [&'static str]),
}

/// What it is called, how it is made of a good one (metadata.txt and the end come behind), and what it ends as.
type Case = (&'static str, fn(Tar) -> Tar, End);

const LOAD: &str = "load metadata";
const FILES: &str = "ingest files";

/// The same with metadata.txt and the end left to the case.
type Bare = (&'static str, fn(Tar) -> Vec<u8>, End);

const MEMBERS: &str = "20000";

#[tokio::test]
async fn no_hostile_tar_escapes_or_exhausts_the_gate() {
    let site =
        forgetful().env("SLUICE_SPOOL_MAX_MEMBERS", MEMBERS).env("SLUICE_SPOOL_MAX_METADATA", "1MiB").start().await;
    put_secret(&site);
    assert_goes_on(&site, "the start").await;
    let before = site.serve().memory("VmHWM");
    let outside = site.outside();
    let good = || Tar::good(outside.to_str().expect("UTF-8"));
    for (name, make, end) in names::CASES.iter().chain(headers::CASES).chain(sizes::CASES) {
        let (body, listed) = make(good()).whole();
        try_tar(&site, name, body, listed, *end).await;
    }
    for (name, make, end) in headers::BARE.iter().chain(sizes::BARE) {
        try_tar(&site, name, make(good()), Default::default(), *end).await;
    }
    assert_spool_empties(&site).await;
    let grown = site.serve().memory("VmHWM").saturating_sub(before);
    assert!(grown < 64 * MIB, "the program grew by {} MiB", grown / MIB);
}

async fn try_tar(
    site: &Site,
    name: &str,
    body: Vec<u8>,
    listed: std::collections::BTreeMap<String, Vec<u8>>,
    end: End,
) {
    let job = site.upload(body).await;
    let state = site.wait(job).await;
    match end {
        End::Archived | End::Warned(_) => {
            assert_eq!((state.state.as_str(), state.exception.as_str()), ("OK", ""), "{name}: {state:?}");
            assert!(site.files(job).await == listed, "{name}: what is archived is not what was listed");
        }
        End::Failed(task, words) => {
            assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", task), "{name}: {state:?}");
            for word in words {
                assert!(state.exception.contains(word), "{name}: no {word:?} in {:?}", state.exception);
            }
            // Readable at a glance, and no escape sequences for whoever looks at it in a terminal.
            assert!(state.exception.len() < 2_000, "{name}: an exception of {} bytes", state.exception.len());
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!state.exception.contains(control), "{name}: {:?}", state.exception);
            assert_eq!(site.files(job).await, Default::default(), "{name}");
        }
    }
    if let End::Warned(words) = end {
        let report = site.report(job).await.to_string();
        for word in words.iter().chain(&["\"warning\""]) {
            assert!(report.contains(word), "{name}: no {word:?} in {report}");
        }
        assert!(report.len() < 64 << 10, "{name}: a report of {} bytes", report.len());
    }
    assert_contained(site, name);
    assert_goes_on(site, name).await;
}
