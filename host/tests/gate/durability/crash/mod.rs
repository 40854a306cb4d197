//! A site that keeps dying: bundles, moves and changes of the policy come all the time, and its processes are killed at
//! random moments and at every failpoint of the program in turn. Each time it is started again, and goes on. In the end a
//! checker compares what clients were told with what is there.

mod moment;
mod once;
mod settled;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sluice::failpoint::Point;
use tempfile::TempDir;

use super::failpoints::Failpoints;
use super::load::{Load, Plan};
use super::parcel::{How, Parcel, Thing};
use crate::bundle::Generated;
use crate::receiver::Receiver;
use crate::site::{Options, Site};
use crate::stores::Stores;
use crate::wait::PATIENCE;
use moment::Moments;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_dies_at_every_point_keeps_every_promise() {
    let stores = Stores::sqlite().await.expect("it is embedded");
    Crash::start(stores, None).await.outlive(Point::ALL.len() + 5).await;
}

/// Two hundred deaths, for minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `make soak` runs it"]
async fn soak_a_gate_on_sqlite_dies_200_times_and_keeps_every_promise() {
    let stores = Stores::sqlite().await.expect("it is embedded");
    Crash::start(stores, None).await.outlive(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `make soak` runs it"]
async fn soak_a_gate_and_a_worker_on_postgresql_and_redis_die_200_times_and_keep_every_promise() {
    let Some(stores) = Stores::postgres().await else { return };
    Crash::start(stores, Some(1)).await.outlive(200).await;
}

/// How long it may take until a point is reached.
const REACHED: Duration = Duration::from_secs(60);

/// How long an upload that was cut off may take to be swept up, which is done when its lease is over.
const SWEPT: Duration = Duration::from_secs(10);

/// A site under load.
struct Crash {
    site: Site,
    failpoints: Failpoints,
    load: Load,
    moments: Moments,
    /// Where the gate listens now.
    address: Arc<Mutex<Vec<String>>>,
    receiver: Receiver,
    /// A folder of another file system that moves take from; none where there is none.
    elsewhere: Option<TempDir>,
    _here: TempDir,
    /// The messages of the changes of the policy that were acknowledged, by their revisions.
    revisions: Vec<(i64, String)>,
}

impl Crash {
    async fn start(stores: Stores, workers: Option<usize>) -> Self {
        let (failpoints, receiver) = (Failpoints::new(), Receiver::taking().await);
        let here = tempfile::Builder::new().prefix("sluice-moves-").tempdir().expect("a temporary folder");
        let elsewhere = other_file_system(here.path());
        let incoming = here.path().join("incoming");
        std::fs::create_dir(&incoming).expect("a folder");
        let mut options = failpoints.of(Options::default()).stores(stores).move_root(&incoming);
        options = options.env("SLUICE_EVENTS_URL", receiver.url()).env("SLUICE_LOG", "warn");
        if let Some(elsewhere) = &elsewhere {
            options = options.move_root(elsewhere.path());
        }
        if let Some(workers) = workers {
            options = options.workers(workers);
        }
        // A dead worker's jobs are taken over soon, however often that is, and what is kept for later is kept for seconds.
        let soon =
            [("LEASE", "2s"), ("SWEEP", "200ms"), ("PATIENCE", "120s"), ("MAX_ATTEMPTS", "100"), ("CONCURRENCY", "4")];
        for (name, value) in soon {
            options = options.env(&format!("SLUICE_WORKER_{name}"), value);
        }
        options = options.env("SLUICE_SPOOL_KEEP_FAILED", "1s").env("SLUICE_UPLOADS_EXPIRE", "10s");
        let site = options.start().await;
        let roots: Vec<PathBuf> = [Some(incoming.clone()), elsewhere.as_ref().map(|folder| folder.path().to_owned())]
            .into_iter()
            .flatten()
            .collect();
        let address = Arc::new(Mutex::new(vec![format!("http://{}", site.address())]));
        let load = Load::new(Plan {
            parcel,
            count: None,
            uploaders: 6,
            pause: Duration::from_millis(60),
            addresses: address.clone(),
            roots,
        });
        Self {
            site,
            failpoints,
            load,
            moments: Moments::seeded(),
            address,
            receiver,
            elsewhere,
            _here: here,
            revisions: Vec::new(),
        }
    }

    /// Dies so many times, and then shows that nothing was lost.
    async fn outlive(mut self, rounds: usize) {
        let sending = self.load.send();
        let points = self.points();
        let mut seen = BTreeSet::new();
        for round in 0..rounds {
            // Every point once, and then random moments and points, which are come to some more times first, by turns.
            match points.get(round) {
                Some(point) => {
                    self.die_at(*point, 1).await;
                    seen.insert(point.name());
                }
                None if round % 2 == 0 => self.die_some_time().await,
                None => {
                    let point = points[self.moments.below(points.len() as u64) as usize];
                    self.die_at(point, 1 + self.moments.below(3)).await;
                }
            }
            self.come_back(round).await;
        }
        let missed: Vec<_> = points.iter().map(|point| point.name()).filter(|name| !seen.contains(name)).collect();
        assert!(rounds < points.len() || missed.is_empty(), "these points were not reached: {missed:?}");
        self.load.enough();
        sending.join_all().await;
        self.load.assert_no_complaint();
        self.settle(rounds).await;
    }

    /// The points that such a site comes to.
    fn points(&self) -> Vec<Point> {
        let copies = [Point::ArchiveCopying, Point::ArchiveLinked, Point::ArchiveCopied, Point::ArchiveGivenBack];
        if self.elsewhere.is_none() {
            eprintln!(
                "\n**** SKIPPED in part: there is no second file system, so nothing is copied between two ****\n"
            );
        }
        let embedded = self.site.stores().database.is_none();
        let comes_to = |point: &Point| {
            (embedded || *point != Point::DbFlush) && (self.elsewhere.is_some() || !copies.contains(point))
        };
        Point::ALL.iter().copied().filter(comes_to).collect()
    }

    /// Has a process die at a point, the `turn`th time that it comes there.
    async fn die_at(&mut self, point: Point, turn: u64) {
        if point != Point::SweepInterrupted {
            assert!(
                self.dies_at(point, turn, REACHED).await,
                "{} was not reached {turn} times within {REACHED:?}",
                point.name()
            );
            return;
        }
        // Only an upload that was cut off by a death brings the program here, and not for long.
        for _ in 0..5 {
            assert!(self.dies_at(Point::IntakeRow, 1, REACHED).await, "no bundle came");
            self.start_again().await;
            if self.dies_at(point, 1, SWEPT).await {
                return;
            }
        }
        panic!("no upload that was cut off was swept up, five times over");
    }

    /// Whether a process dies at a point in time.
    async fn dies_at(&mut self, point: Point, turn: u64, patience: Duration) -> bool {
        let before = self.failpoints.reached().len();
        self.failpoints.set(&[(point, &format!("kill@{turn}"))]);
        let start = std::time::Instant::now();
        let status = loop {
            if let Some(status) = self.site.ended().first() {
                break *status;
            }
            if start.elapsed() > patience {
                self.failpoints.clear();
                return false;
            }
            self.load.assert_no_complaint();
            if point.name().starts_with("policy.") {
                self.change_policy().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        self.failpoints.clear();
        assert_eq!(status.signal(), Some(9), "the program ended at {} with {status}", point.name());
        let reached = self.failpoints.reached();
        assert!(
            reached.len() > before && reached[before..].iter().all(|name| name == point.name()),
            "{} was to be reached: {:?}",
            point.name(),
            &reached[before..]
        );
        true
    }

    /// Kills all processes at a random moment, which is what is waited for here.
    async fn die_some_time(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.moments.below(800))).await;
        self.site.kill_all();
    }

    /// Starts what died, and sees the site take bundles again. Two processes may have come to the point, and one of them be
    /// seen to have died a moment later.
    async fn come_back(&mut self, round: usize) {
        let before = self.load.acknowledged();
        let start = std::time::Instant::now();
        loop {
            self.start_again().await;
            self.load.assert_no_complaint();
            if self.load.acknowledged() > before + 2 {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "no bundles are taken after round {round}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.change_policy().await;
    }

    async fn start_again(&mut self) {
        let died = self.site.ended();
        assert!(died.iter().all(|status| status.signal() == Some(9)), "the program ended by itself: {died:?}");
        self.site.start_what_ended().await;
        *self.address.lock().expect("no panic") = vec![format!("http://{}", self.site.address())];
    }

    /// Changes the policy, which stays as strict as it was. What is acknowledged is a promise too.
    async fn change_policy(&mut self) {
        let message = format!("change {}", self.moments.below(u64::MAX));
        let change = async {
            let policy = self.site.api_request(Method::GET, "/api/policy", None).send().await.ok()?;
            let etag = policy.headers().get("etag")?.clone();
            let mut policy: Value = policy.json().await.ok()?;
            let rules = policy["rules"].as_array_mut()?;
            rules.first_mut()?["limits"] = json!({"time_ms": 5_000 + self.moments.below(10_000), "memory_mib": 64});
            let document = json!({"rules": policy["rules"], "message": message});
            let request = self.site.api_request(Method::PUT, "/api/policy", Some(document)).header("if-match", etag);
            let answer = request.send().await.ok()?;
            let status = answer.status();
            let text = answer.text().await.ok()?;
            assert!(
                [StatusCode::OK, StatusCode::PRECONDITION_FAILED, StatusCode::SERVICE_UNAVAILABLE].contains(&status),
                "a change of the policy: {status} {text}"
            );
            let answer: Value = serde_json::from_str(&text).ok().filter(|_| status == StatusCode::OK)?;
            answer["revision"].as_i64()
        };
        if let Some(revision) = change.await {
            self.revisions.push((revision, message));
        }
    }
}

/// What is sent: mostly good, sent in all ways, some of it at fault.
fn parcel(number: u64) -> Parcel {
    let root = (number / 20 % 2) as usize;
    let thing = match number % 20 {
        3 => Thing::Foreign,
        5 => Thing::Hashes,
        7 | 17 => Thing::Move(root),
        9 => Thing::LameMove(root),
        11 => Thing::WrongHash,
        13 => Thing::Lame,
        _ => Thing::Good(Generated { files: (1 + number % 4) as u32, size: 100 + number * 37 % 3_000, seed: number }),
    };
    let how = match (thing, number % 3) {
        (Thing::Good(_), 0) | (Thing::Move(_), 0) => How::Bare,
        (Thing::Good(_), 1) if number.is_multiple_of(4) => How::Parts,
        _ => How::Keyed,
    };
    Parcel { thing, how }
}

/// A folder of another file system than this one's.
fn other_file_system(than: &std::path::Path) -> Option<TempDir> {
    let device = |path: &std::path::Path| Some(std::fs::metadata(path).ok()?.dev());
    let folder = tempfile::Builder::new().prefix("sluice-moves-").tempdir_in("/dev/shm").ok()?;
    (device(folder.path())? != device(than)?).then_some(folder)
}
