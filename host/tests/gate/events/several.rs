//! Processes that share an outbox.

use std::collections::BTreeMap;

use super::{all_delivered, telling};
use crate::bundle::bundle;
use crate::receiver::Receiver;
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

/// Jobs of the test: enough that several processes deliver at the same time.
const JOBS: usize = 60;

over! { sqlite, postgres: [three_processes_tell_of_every_job_once] }

async fn three_processes_tell_of_every_job_once(stores: Stores) {
    let receiver = Receiver::taking().await;
    let site = telling(receiver.url()).stores(stores).workers(2).start().await;
    for _ in 0..JOBS {
        site.upload(bundle("metadata-last")).await;
    }
    until(2 * PATIENCE, "all jobs are told of", || async { (receiver.calls().len() >= JOBS).then_some(()) }).await;
    let events = all_delivered(&site, receiver.url()).await;
    assert_eq!(events.len(), JOBS);
    let mut told = BTreeMap::<String, usize>::new();
    for call in receiver.calls() {
        *told.entry(call.json()["subject"].as_str().expect("a subject").to_owned()).or_default() += 1;
    }
    // Nobody died here and nothing was slow, so none has come twice.
    assert!(told.len() == JOBS && told.values().all(|times| *times == 1), "{told:?}");
}
