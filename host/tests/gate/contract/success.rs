//! What a good bundle and a good move leave behind, over each queue and over PostgreSQL.

use super::{assert_failed, assert_ok};
use crate::bundle::{Generated, bundle, listed_files};
use crate::site::Site;
use crate::stores::{Stores, over};

over! { sqlite, redis, postgres: [
    a_good_bundle_is_archived_and_its_report_says_why,
    a_rejected_bundle_has_its_findings_in_the_exception_and_in_the_report,
    many_bundles_at_once_each_end_once,
    a_bundle_of_many_files_is_archived,
] }

async fn a_good_bundle_is_archived_and_its_report_says_why(stores: Stores) {
    let site = Site::over(stores).await;
    let job = site.upload(bundle("metadata-last")).await;
    assert_ok(&site.wait(job).await);
    assert_eq!(site.files(job).await, listed_files("metadata-last"));

    let report = site.report(job).await;
    assert_eq!(report["job_id"], job);
    assert_eq!(report["accepted"], true, "{report}");
    assert_eq!(report["revision"], 1, "{report}");
    let rules = report["rules"].as_array().expect("rules");
    assert!(rules.iter().all(|rule| rule["outcome"] == "passed" || rule["outcome"] == "skipped"), "{report}");
    for name in ["required-keys", "pacifica-relations", "placement"] {
        assert!(rules.iter().any(|rule| rule["plugin"] == name), "no {name} in {report}");
    }
}

async fn a_rejected_bundle_has_its_findings_in_the_exception_and_in_the_report(stores: Stores) {
    let site = Site::over(stores).await;
    let job = site.upload(bundle("missing-project")).await;
    let state = site.wait(job).await;
    assert_failed(&state, &["Policy Validation"]);

    let report = site.report(job).await;
    assert_eq!(report["accepted"], false, "{report}");
    let rules = report["rules"].as_array().expect("rules");
    let rejecting = rules.iter().find(|rule| rule["plugin"] == "required-keys").expect("required-keys");
    assert_eq!(rejecting["outcome"], "rejected", "{report}");
    let error =
        rejecting["findings"].as_array().expect("findings").iter().find(|finding| finding["severity"] == "error");
    let message = error.expect("an error")["message"].as_str().expect("a message");
    assert!(state.exception.contains(message), "{message:?} is not in {:?}", state.exception);
}

async fn many_bundles_at_once_each_end_once(stores: Stores) {
    let site = Site::over(stores).await;
    let uploads = (0..24).map(|seed| site.upload(Generated { files: 3, size: 1000, seed }.bytes()));
    let jobs = futures::future::join_all(uploads).await;
    assert_eq!(jobs.iter().collect::<std::collections::BTreeSet<_>>().len(), 24, "ids are used once: {jobs:?}");
    for job in jobs {
        assert_ok(&site.wait(job).await);
        assert_eq!(site.files(job).await.len(), 3);
    }
    assert_eq!(crate::bundle::paths(&site.archive()).len(), 24 * 3);
}

async fn a_bundle_of_many_files_is_archived(stores: Stores) {
    let site = Site::over(stores).await;
    let generated = Generated { files: 500, size: 100, seed: 1 };
    let job = site.upload_stream(generated.pieces()).await;
    assert_ok(&site.wait(job).await);
    let place = site.place(job).await;
    let placed = generated.paths().map(|path| format!("{place}/{path}")).collect();
    assert_eq!(crate::bundle::paths(&site.archive()), placed);
}
