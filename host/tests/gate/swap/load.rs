//! Swapping under load: no request fails, no job is stuck, and every report is that of one revision.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::told;
use crate::bundle::bundle;
use crate::site::Site;
use crate::stores::{Stores, over};

over! { sqlite, postgres: [a_policy_that_changes_all_the_time_fails_nobody] }

async fn a_policy_that_changes_all_the_time_fails_nobody(stores: Stores) {
    let site = Site::over(stores).await;
    // Many, and for a minute: `make soak`.
    Load { uploaders: 4, ..Load::of(&site, 30, Duration::ZERO) }.run().await;
}

#[tokio::test]
#[ignore = "takes a minute or two; `make soak` runs it"]
async fn soak_a_minute_of_uploads_while_two_admins_swap_five_times_a_second() {
    let site = Site::start().await;
    Load { uploaders: 8, ..Load::of(&site, 600, Duration::from_millis(200)) }.run().await;
}

#[tokio::test]
#[ignore = "takes a minute or two; `make soak` runs it"]
async fn soak_a_thousand_swaps_leave_memory_where_it_was() {
    let site = Site::start().await;
    // What the first ones need once is no matter of how many there are, and neither is what jobs need.
    Load { uploaders: 1, ..Load::of(&site, 200, Duration::ZERO) }.run().await;
    let before = site.serve().memory("VmRSS");
    Load::of(&site, 1_000, Duration::ZERO).run().await;
    let after = site.serve().memory("VmRSS");
    println!("resident after 200 swaps: {} MiB, after 1,200: {} MiB", before >> 20, after >> 20);
    assert!(after <= before + before / 10, "from {} MiB to {} MiB", before >> 20, after >> 20);
}

/// Uploaders and two admins, all at the same time.
struct Load<'a> {
    site: &'a Site,
    uploaders: usize,
    /// Changes of the policy until it is over.
    swaps: usize,
    /// Between two changes of one admin.
    pace: Duration,
    swapped: AtomicUsize,
    over: AtomicBool,
}

impl<'a> Load<'a> {
    fn of(site: &'a Site, swaps: usize, pace: Duration) -> Self {
        Self { site, uploaders: 0, swaps, pace, swapped: AtomicUsize::new(0), over: AtomicBool::new(false) }
    }

    /// Runs it, and holds every job against the revision that judged it.
    async fn run(self) {
        let before = super::revision(self.site).await;
        let uploads = futures::future::join_all((0..self.uploaders).map(|_| self.upload()));
        let (mut made, others, jobs) =
            tokio::join!(self.swap(["clean", "reject"]), self.swap(["reject", "clean"]), uploads);
        made.extend(others);
        let jobs: Vec<u64> = jobs.into_iter().flatten().collect();
        assert!(self.uploaders == 0 || !jobs.is_empty());
        println!("{} jobs, {} changes of the policy", jobs.len(), made.len());
        for job in jobs {
            let state = self.site.wait(job).await;
            let report = self.site.report(job).await;
            let revision = report["revision"].as_u64().expect("a revision");
            let Some(act) = made.get(&revision) else {
                assert_eq!(revision, before, "a revision that nobody made: {report}");
                continue;
            };
            let entry = report["rules"].as_array().and_then(|rules| rules.iter().find(|rule| rule["rule"] == "told"));
            let (outcome, ended) = if *act == "reject" { ("rejected", "FAILED") } else { ("passed", "OK") };
            assert_eq!(entry.map(|entry| &entry["outcome"]), Some(&Value::from(outcome)), "{act}: {report}");
            assert_eq!(state.state, ended, "{act}: {state:?}");
        }
    }

    /// An admin who changes the policy as fast as it goes. What each revision says, by its number, is the tests' own
    /// record, not the gate's.
    async fn swap(&self, acts: [&'static str; 2]) -> BTreeMap<u64, &'static str> {
        let mut made = BTreeMap::new();
        let mut pace = tokio::time::interval(self.pace.max(Duration::from_millis(1)));
        for act in acts.into_iter().cycle() {
            if self.swapped.load(Ordering::Relaxed) >= self.swaps {
                break;
            }
            pace.tick().await;
            let tag = super::etag(self.site).await;
            let reply = self.site.put_policy(&tag, &json!({"rules": [told("told", act)], "message": act})).await;
            match reply.status {
                StatusCode::OK => {
                    self.swapped.fetch_add(1, Ordering::Relaxed);
                    made.insert(reply.json()["revision"].as_u64().expect("a revision"), act);
                }
                // The other admin was quicker; look again.
                status => assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{}", reply.text()),
            }
        }
        self.over.store(true, Ordering::Relaxed);
        made
    }

    async fn upload(&self) -> Vec<u64> {
        let mut jobs = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            jobs.push(self.site.upload(bundle("metadata-last")).await);
        }
        jobs
    }
}
