//! What is forgotten after its time, and what the gate says of it then.

use reqwest::{Method, StatusCode};

use crate::bundle::{bundle, paths};
use crate::site::Options;
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

over! { sqlite, postgres: [
    a_report_has_its_time_and_its_job_stays,
    jobs_have_their_time_and_what_was_archived_stays,
] }

async fn a_report_has_its_time_and_its_job_stays(stores: Stores) {
    let site = Options::default()
        .stores(stores)
        .env("SLUICE_RETENTION_REPORTS", "500ms")
        .env("SLUICE_SPOOL_KEEP_FAILED", "500ms")
        .env("SLUICE_WORKER_SWEEP", "100ms")
        .start()
        .await;
    let good = site.upload(bundle("metadata-last")).await;
    let bad = site.upload(bundle("foreign-submitter")).await;
    assert_eq!((site.wait(good).await.state.as_str(), site.wait(bad).await.state.as_str()), ("OK", "FAILED"));
    for job in [good, bad] {
        let path = format!("/api/jobs/{job}/report");
        let gone = until(PATIENCE, "the report is gone", || async {
            Some(site.get(&path).await).filter(|reply| reply.status != StatusCode::OK)
        })
        .await;
        assert_eq!(
            (gone.status, &gone.headers["content-type"]),
            (StatusCode::GONE, &"application/problem+json".parse().unwrap())
        );
        let detail = gone.json()["detail"].to_string();
        assert!(detail.contains("judged by revision 1") && detail.contains("retention.reports"), "{detail}");
        // The job answers as before, with the revision that judged it.
        assert!(site.state(job).await.complete);
        assert_eq!(site.job(job).await["revision"], 1);
        let page = site.get(&format!("/ui/jobs/{job}")).await.text();
        assert!(page.contains("was kept for its time, and is gone"), "{page}");
        let again = site.api(Method::POST, &format!("/api/jobs/{job}/revalidate"), None).await;
        assert!(again.text().contains("its report was kept for its time"), "{}", again.text());
    }
    assert_eq!(site.get("/api/jobs/9999/report").await.status, StatusCode::NOT_FOUND);
    until(PATIENCE, "the failed bundle is gone", || async { paths(&site.spool()).is_empty().then_some(()) }).await;
}

async fn jobs_have_their_time_and_what_was_archived_stays(stores: Stores) {
    // Long enough that a job is still there when it is asked after that has just ended.
    let site = Options::default().stores(stores).env("SLUICE_RETENTION_JOBS", "3s").start().await;
    let old = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(old).await.state, "OK");
    let archived = paths(&site.archive());
    assert!(!archived.is_empty());
    // The one that changed last stays, however old it is.
    let last = site.upload(bundle("foreign-submitter")).await;
    assert_eq!(site.wait(last).await.state, "FAILED");
    let path = format!("/get_state?job_id={old}");
    let gone = until(PATIENCE, "the job is gone", || async {
        Some(site.get(&path).await).filter(|reply| reply.status != StatusCode::OK)
    })
    .await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(gone.json()["message"], format!("job ID {old} does not exist."));
    assert_eq!(site.get(&format!("/api/jobs/{old}/report")).await.status, StatusCode::NOT_FOUND);
    assert!(site.state(last).await.complete);
    assert_eq!(paths(&site.archive()), archived);
    // Its id is given to no other.
    let next = site.upload(bundle("metadata-last")).await;
    assert!(next > last, "{next} after {last}");
}
