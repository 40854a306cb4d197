//! SIGTERM, as a service manager sends it, and workers side by side.

use super::{assert_done_once, begin_a_slow_job};
use crate::bundle::{Generated, paths};
use crate::site::{Options, Site};
use crate::stores::{Stores, over};

over! { sqlite, redis: [
    a_worker_that_is_told_to_stop_loses_no_job,
    a_gate_that_is_told_to_stop_loses_no_job,
    two_workers_share_the_jobs_and_do_each_once,
] }

async fn a_worker_that_is_told_to_stop_loses_no_job(stores: Stores) {
    let mut site = Options::default().stores(stores).workers(1).start().await;
    let job = begin_a_slow_job(&mut site).await;
    let status = site.worker().terminate().await;
    assert!(status.success(), "after SIGTERM the worker ended with {status}");
    site.start_worker();
    assert_done_once(&site, job).await;
}

async fn a_gate_that_is_told_to_stop_loses_no_job(stores: Stores) {
    let mut site = Site::over(stores).await;
    let job = begin_a_slow_job(&mut site).await;
    site.stop_all().await;
    site.start_serve().await;
    assert_done_once(&site, job).await;
}

async fn two_workers_share_the_jobs_and_do_each_once(stores: Stores) {
    let site = Options::default().stores(stores).workers(2).start().await;
    let uploads = (0..20).map(|seed| site.upload(Generated { files: 2, size: 100, seed }.bytes()));
    for job in futures::future::join_all(uploads).await {
        assert_eq!(site.wait(job).await.state, "OK");
        assert_eq!(site.files(job).await.len(), 2);
    }
    assert_eq!(paths(&site.archive()).len(), 40);
}
