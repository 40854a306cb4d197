//! Requests that no client sends: heads that are none, bodies that are not as long as they say, and several at once.

mod bodies;
mod heads;
mod pipelined;
mod slow;

use super::wire::say;
use super::{assert_goes_on, assert_spool_empties, forgetful};
use crate::bundle::bundle;
use crate::site::Site;
use crate::wait::{PATIENCE, until};

/// A request, or what is to pass for one, around the address of the gate and a good bundle.
type Make = fn(&Asked) -> Vec<u8>;

/// What a request is made of.
struct Asked {
    host: String,
    bundle: Vec<u8>,
}

impl Asked {
    /// An upload with these further header lines, each with its end.
    fn upload(&self, lines: &str) -> Vec<u8> {
        format!("POST /upload HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n", self.host).into()
    }

    /// The good bundle, with a head that says how long it is.
    fn whole(&self, lines: &str) -> Vec<u8> {
        [self.upload(&format!("Content-Length: {}\r\n{lines}", self.bundle.len())), self.bundle.clone()].concat()
    }

    /// A chunked upload of this body, which has its chunks already.
    fn chunked(&self, body: &[u8]) -> Vec<u8> {
        [self.upload("Transfer-Encoding: chunked\r\n"), body.to_vec()].concat()
    }

    /// The good bundle as one chunk, whose line and end can be other than they should.
    fn chunk(&self, line: &str, end: &str) -> Vec<u8> {
        self.chunked(&[line.as_bytes(), &self.bundle, end.as_bytes()].concat())
    }

    /// The length of the good bundle as a chunk has it.
    fn hex(&self) -> String {
        format!("{:x}", self.bundle.len())
    }

    /// A request without a body for a path.
    fn get(&self, path: &str, lines: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n", self.host).into()
    }
}

/// The statuses that are answered, one after the other. Nothing but the end may come of a connection instead where `0` is
/// among the allowed.
type Statuses = &'static [&'static [u16]];

/// What it is called, what is sent, what is answered, and how many bundles are archived of it.
type Case = (&'static str, Make, Statuses, usize);

async fn try_cases(site: &Site, cases: &[Case]) {
    let asked = Asked { host: site.address().to_owned(), bundle: bundle("metadata-last") };
    let mut wrong = Vec::new();
    for (name, make, expected, archived) in cases {
        let before = ok_jobs(site).await;
        // One more answer than there may be is waited for: the gate closes the connection instead.
        let heard = say(site, &make(&asked), expected.len() + 1).await;
        let statuses = heard.statuses();
        let fits = statuses.len() <= expected.len()
            && expected.iter().enumerate().all(|(place, allowed)| allowed.contains(statuses.get(place).unwrap_or(&0)));
        if !fits || !heard.closed {
            wrong.push(format!("{name}: {:?} and not {expected:?}", heard.answers));
        }
        let now = ok_jobs(site).await - before;
        if now != *archived {
            wrong.push(format!("{name}: {now} bundles are archived and not {archived}; {statuses:?}"));
        }
        site.serve().assert_running();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_goes_on(site, "all of them").await;
    assert_spool_empties(site).await;
}

/// How many jobs have ended well, when none is under way.
async fn ok_jobs(site: &Site) -> usize {
    until(PATIENCE, "no job is under way", || async {
        let jobs = site.api_json("/api/jobs?limit=1000").await;
        let jobs = jobs["jobs"].as_array().expect("jobs").clone();
        let ended = jobs.iter().all(|job| job["stage"] == "done" || job["complete"] == true);
        ended.then(|| jobs.iter().filter(|job| job["state"] == "OK").count())
    })
    .await
}
