//! Tars that are made to escape, to exhaust, or to be read in two ways.

mod headers;
mod names;
mod sizes;

use std::collections::BTreeMap;

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
    /// FAILED at one of these tasks, with these words.
    Failed(&'static [&'static str], &'static [&'static str]),
}

/// What it is called, how it is made of a good one (metadata.txt and the end come behind), and what it ends as.
type Case = (&'static str, fn(Tar) -> Tar, End);

const TAR: &[&str] = &["open tar"];
const LOAD: &[&str] = &["load metadata"];
const FILES: &[&str] = &["ingest files"];
/// Wherever the path is first looked at.
const ANY: &[&str] = &["load metadata", "Policy Validation", "ingest files"];

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
    let mut wrong = Vec::new();
    let good = || Tar::good(outside.to_str().expect("UTF-8"));
    for (name, make, end) in names::CASES.iter().chain(headers::CASES).chain(sizes::CASES) {
        let (body, listed) = make(good()).whole();
        wrong.extend(try_tar(&site, name, body, listed, *end).await);
    }
    for (name, make, end) in headers::BARE.iter().chain(sizes::BARE) {
        wrong.extend(try_tar(&site, name, make(good()), BTreeMap::new(), *end).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_spool_empties(&site).await;
    let grown = site.serve().memory("VmHWM").saturating_sub(before);
    assert!(grown < 64 * MIB, "the program grew by {} MiB", grown / MIB);
}

/// What is not as it should be.
async fn try_tar(site: &Site, name: &str, body: Vec<u8>, listed: BTreeMap<String, Vec<u8>>, end: End) -> Vec<String> {
    let job = site.upload(body).await;
    let state = site.wait(job).await;
    let archived = site.files(job).await;
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: &str, is: &str| {
        if !holds {
            wrong.push(format!("{name}: {what}: {is}"));
        }
    };
    let (text, said) = (format!("{state:?}"), &state.exception);
    match end {
        End::Archived | End::Warned(_) => {
            demand(state.state == "OK" && said.is_empty(), "it was to be archived", &text);
            let paths: Vec<_> = archived.keys().collect();
            demand(archived == listed, "what is archived is not what is listed", &format!("{paths:?}"));
        }
        End::Failed(tasks, words) => {
            let failed = state.state == "FAILED" && tasks.contains(&state.task.as_str());
            demand(failed, &format!("it was to fail at {tasks:?}"), &text);
            demand(words.iter().all(|word| said.contains(word)), &format!("it was to say {words:?}"), said);
            demand(said.len() < 8_000, "the exception is long", &said.len().to_string());
            demand(archived.is_empty(), "something of it is archived", &text);
        }
    }
    if let End::Warned(words) = end {
        let report = site.report(job).await.to_string();
        let has = words.iter().chain(&["\"warning\""]).all(|word| report.contains(word));
        demand(has && report.len() < 64 << 10, &format!("the report was to say {words:?}"), &report);
    }
    assert_contained(site, name);
    assert_goes_on(site, name).await;
    wrong
}
