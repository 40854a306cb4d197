//! The lookups of one call, and of the job that it is part of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::fetch::Lookups;
use super::grant::LookupGrant;
use super::{Answered, LookupError};
use crate::model::{Digest, HashKind, LookupReport};
use crate::plugin::granted::GrantedLookup;
use crate::plugin::limits::{LOOKUP_ANSWERS, LOOKUPS};
use crate::plugin::store::shortened;

/// The longest text of a report's entry.
const SHOWN: usize = 4_096;

/// What was looked up for one job: all of its rules that have the same grant are given the same answers, errors as well.
#[derive(Clone, Debug, Default)]
pub struct JobLookups(Arc<Mutex<HashMap<(String, String), Cell>>>);

/// The answer, once it is there, and whether it came from the cache.
type Cell = Arc<OnceCell<(Answered, bool)>>;

impl JobLookups {
    fn cell(&self, grant: &str, url: &str) -> Cell {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.entry((grant.to_owned(), url.to_owned())).or_default().clone()
    }
}

/// The lookups of one call.
pub(in crate::plugin) struct Asking {
    granted: Option<GrantedLookup>,
    lookups: Arc<Lookups>,
    /// Where requests are made: guests' own threads have no network.
    runtime: Option<Handle>,
    count: usize,
    bytes: usize,
    waited: Duration,
    reports: Vec<LookupReport>,
}

impl Asking {
    pub(in crate::plugin) fn new(
        granted: Option<GrantedLookup>,
        lookups: Arc<Lookups>,
        runtime: Option<Handle>,
    ) -> Self {
        Self { granted, lookups, runtime, count: 0, bytes: 0, waited: Duration::ZERO, reports: Vec::new() }
    }

    /// What was asked, in order.
    pub(in crate::plugin) fn reports(&mut self) -> Vec<LookupReport> {
        std::mem::take(&mut self.reports)
    }

    /// Asks for a URL, and notes it for the report.
    pub(in crate::plugin) async fn get(&mut self, url: &str) -> Answered {
        let began = Instant::now();
        self.count += 1;
        let (answered, cached) = if self.count > LOOKUPS {
            (Err(LookupError::Denied(format!("a call may ask {LOOKUPS} times, and this one has"))), false)
        } else {
            self.answer(url).await
        };
        let took = began.elapsed();
        self.waited += took;
        // One beyond the cap is noted, so that the report tells of it; there may be any number.
        if self.count <= LOOKUPS + 1 {
            self.reports.push(report(url, &answered, cached, took));
        }
        answered
    }

    async fn answer(&mut self, url: &str) -> (Answered, bool) {
        match &self.granted {
            None => {
                let why =
                    "the rule is granted no lookups; a policy grants them as grants.lookup, with prefixes of URLs";
                (Err(LookupError::Denied(why.to_owned())), false)
            }
            Some(GrantedLookup::Recorded(recorded)) => (recorded.answer(url), false),
            Some(GrantedLookup::Asked { grant, job }) => match grant.admit(url) {
                Err(why) => (Err(LookupError::Denied(why)), false),
                Ok(url) => {
                    let cell = job.cell(&grant.key, url.as_str());
                    // What has an answer keeps it; beyond the bounds of the call nothing new is asked.
                    if !cell.initialized() {
                        if self.waited >= grant.patience() {
                            return (Err(LookupError::Timeout), false);
                        }
                        if self.bytes >= grant.most * LOOKUP_ANSWERS {
                            return (Err(LookupError::TooLarge), false);
                        }
                    }
                    let mut is_first = false;
                    let asking = cell.get_or_init(|| {
                        is_first = true;
                        ask(self.lookups.clone(), self.runtime.clone(), grant.clone(), url)
                    });
                    let asked = tokio::time::timeout(grant.longest_answer(), asking).await;
                    let (answered, cached) = asked.ok().cloned().unwrap_or((Err(LookupError::Timeout), false));
                    if is_first && let Ok(answer) = &answered {
                        self.bytes += answer.body.len();
                    }
                    (answered, cached || !is_first)
                }
            },
        }
    }
}

/// Asks on the runtime, and stops asking when nobody waits any more.
async fn ask(
    lookups: Arc<Lookups>,
    runtime: Option<Handle>,
    grant: Arc<LookupGrant>,
    url: url::Url,
) -> (Answered, bool) {
    let lost = |why: &str| (Err(LookupError::Unavailable(format!("the gate could not ask: {why}"))), false);
    let Some(runtime) = runtime else { return lost("it is not running") };
    let asking = runtime.spawn(async move { lookups.ask(&grant, url).await });
    AbortOnDropHandle::new(asking).await.unwrap_or_else(|error| lost(&error.to_string()))
}

fn report(url: &str, answered: &Answered, cached: bool, took: Duration) -> LookupReport {
    let body = answered.as_ref().ok().map(|answer| &answer.body);
    LookupReport {
        url: shortened(url, SHOWN).to_owned(),
        status: answered.as_ref().ok().map(|answer| answer.status),
        error: answered.as_ref().err().map(|error| shortened(&error.to_string(), SHOWN).to_owned()),
        bytes: body.map_or(0, |body| body.len() as u64),
        sha256: body.map(|body| Digest::of(HashKind::Sha256, body).hex),
        cached,
        duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    }
}
