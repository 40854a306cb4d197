//! The queue is a wake-up, the database is the truth: jobs whose wake-up is lost are run all the same.

use crate::bundle::{Generated, paths};
use crate::site::{Options, Site};
use crate::stores::Stores;
use crate::wait::TAKEOVER;

#[tokio::test]
async fn jobs_that_redis_has_forgotten_are_swept_up() {
    if let Some(stores) = Stores::redis().await {
        let mut site = Options::default().stores(stores).workers(0).start().await;
        let jobs = wait_in_line(&site).await;
        site.stores().redis.as_ref().expect("a Redis").forget_everything();
        site.start_worker();
        assert_all_done(&site, jobs).await;
    }
}

#[tokio::test]
async fn jobs_whose_queue_file_is_gone_are_swept_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("queue.db").display());
    let mut site = Options::default().arg("--queue", url).workers(0).start().await;
    let jobs = wait_in_line(&site).await;
    site.stop_all().await;
    let files = paths(folder.path());
    assert!(!files.is_empty(), "the queue has no file");
    for file in files {
        std::fs::remove_file(folder.path().join(file)).expect("a file to delete");
    }
    site.start_serve().await;
    site.start_worker();
    assert_all_done(&site, jobs).await;
}

async fn wait_in_line(site: &Site) -> Vec<u64> {
    let mut jobs = Vec::new();
    for seed in 0..5 {
        jobs.push(site.upload(Generated { files: 2, size: 100, seed }.bytes()).await);
    }
    for job in &jobs {
        assert!(!site.state(*job).await.complete, "nobody works yet");
    }
    jobs
}

async fn assert_all_done(site: &Site, jobs: Vec<u64>) {
    for job in jobs {
        let state = site.wait_up_to(TAKEOVER, job).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
    }
    assert_eq!(paths(&site.archive()).len(), 10);
}
