//! Acknowledged means durable: whatever dies, the job ends, once, in a state that a client can read.

mod check;
#[cfg(debug_assertions)]
mod crash;
#[cfg(debug_assertions)]
pub(crate) mod failpoints;
mod fleet;
mod killed;
mod load;
mod lost_queue;
mod parcel;
mod stopped;
#[cfg(debug_assertions)]
mod storage;

use serde_json::json;

use crate::bundle::{bundle, listed_files, paths};
use crate::site::Site;
use crate::wait::{PATIENCE, TAKEOVER, until};

/// A job that is in the middle of its validation, and stays there for two seconds.
async fn begin_a_slow_job(site: &mut Site) -> u64 {
    site.add_rule(json!({
        "name": "slow", "plugin": "hostile", "mode": "enforce", "on_failure": "accept",
        "config": {"do": "loop"}, "limits": {"time_ms": 2000, "memory_mib": 64},
    }))
    .await;
    let job = site.upload(bundle("metadata-last")).await;
    let state = site.wait_for(job, PATIENCE, "it is being validated", |state| state.task == "Policy Validation").await;
    assert!(!state.complete, "{state:?}");
    job
}

async fn assert_done_once(site: &Site, job: u64) {
    let state = site.wait_up_to(TAKEOVER, job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
    let listed = listed_files("metadata-last");
    assert_eq!(site.files(job).await, listed);
    assert_eq!(paths(&site.archive()).len(), listed.len(), "{:?}", paths(&site.archive()));
    until(PATIENCE, "the spool is empty", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
    assert_eq!(site.state(job).await, state, "an end is an end");
}
