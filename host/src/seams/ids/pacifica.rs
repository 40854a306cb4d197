//! Ids from a Pacifica UniqueID service.
//!
//! The service counts on with every call, so a call whose answer is lost leaves a gap, and none of its ids is ever given
//! out again. Those that did arrive for a job's files are recorded before they are used: a step that runs twice finds
//! them.

use std::ops::Range;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;

use super::{Ids, SeamError, kept};
use crate::db::Db;
use crate::model::{FileId, JobId};
use crate::seams::service::Service;

/// What the service calls ids of jobs and of files.
const JOBS: &str = "upload_job";
const FILES: &str = "file";

/// The waits between two tries for a job's id, for which a client is waiting.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The service, and where the ids of files are recorded.
pub(crate) struct UniqueIds {
    pub(crate) service: Service,
    pub(crate) db: Db,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    start_index: i64,
    end_index: i64,
}

impl UniqueIds {
    async fn take(&self, mode: &str, count: u64) -> Result<Range<i64>, SeamError> {
        let mut url = self.service.below("getid");
        url.query_pairs_mut().append_pair("range", &count.to_string()).append_pair("mode", mode);
        let (call, answer) = self.service.ask(self.service.request(Method::GET, url)).await?;
        if !answer.status.is_success() {
            return Err(self.service.refused(&call, &answer));
        }
        let given = serde_json::from_slice(&answer.body).ok().filter(|Given { start_index, end_index }| {
            *start_index > 0
                && end_index.checked_sub(*start_index).and_then(|less| less.checked_add(1)) == i64::try_from(count).ok()
        });
        match given {
            Some(Given { start_index, end_index }) => Ok(start_index..end_index + 1),
            None => {
                Err(self.service.strange(&call, &answer, &format!("the startIndex and endIndex of {count} new ids")))
            }
        }
    }
}

#[async_trait]
impl Ids for UniqueIds {
    async fn job(&self) -> Result<JobId, SeamError> {
        let (began, mut wait) = (Instant::now(), SHORTEST_WAIT);
        loop {
            match self.take(JOBS, 1).await {
                Ok(ids) => return Ok(JobId::new(ids.start)),
                Err(error @ SeamError::Refused(_)) => return Err(error),
                Err(error) if began.elapsed() + wait >= self.service.timeout() => return Err(error),
                Err(_) => {}
            }
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }

    async fn files(&self, job: JobId, count: u64, again: bool) -> Result<Vec<FileId>, SeamError> {
        kept(&self.db, job, count, again, self.take(FILES, count)).await
    }
}
