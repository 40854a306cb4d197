//! Swapping under load: no request fails, no job is stuck, and every report is that of one revision.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::told;
use crate::bundle::bundle;
use crate::site::Site;
use crate::stores::{Stores, over};

/// Changes of the policy in a test. `make soak` is for many.
const SWAPS: usize = 30;
const UPLOADERS: usize = 4;

over! { sqlite, postgres: [a_policy_that_changes_all_the_time_fails_nobody] }

async fn a_policy_that_changes_all_the_time_fails_nobody(stores: Stores) {
    let site = Site::over(stores).await;
    let load = Load { site: &site, swapped: AtomicUsize::new(0), over: AtomicBool::new(false) };
    let uploads = futures::future::join_all((0..UPLOADERS).map(|_| load.upload()));
    let (mut made, others, jobs) =
        tokio::join!(load.swap(["clean", "reject"]), load.swap(["reject", "clean"]), uploads);
    made.extend(others);
    let jobs: Vec<u64> = jobs.into_iter().flatten().collect();
    assert!(!jobs.is_empty());
    for job in jobs {
        let state = site.wait(job).await;
        let report = site.report(job).await;
        let revision = report["revision"].as_u64().expect("a revision");
        let entry = report["rules"].as_array().and_then(|rules| rules.iter().find(|rule| rule["rule"] == "told"));
        let Some(act) = made.get(&revision) else {
            assert_eq!((revision, entry), (1, None), "a revision that nobody made: {report}");
            continue;
        };
        let (outcome, ended) = if *act == "reject" { ("rejected", "FAILED") } else { ("passed", "OK") };
        assert_eq!(entry.map(|entry| &entry["outcome"]), Some(&Value::from(outcome)), "{act}: {report}");
        assert_eq!(state.state, ended, "{act}: {state:?}");
    }
}

struct Load<'a> {
    site: &'a Site,
    swapped: AtomicUsize,
    over: AtomicBool,
}

impl Load<'_> {
    /// An admin who changes the policy as fast as it goes. What each revision says, by its number, is the tests' own
    /// record, not the gate's.
    async fn swap(&self, acts: [&'static str; 2]) -> BTreeMap<u64, &'static str> {
        let mut made = BTreeMap::new();
        for act in acts.into_iter().cycle() {
            if self.swapped.load(Ordering::Relaxed) >= SWAPS {
                break;
            }
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
