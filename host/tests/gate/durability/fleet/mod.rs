//! A site of four processes, two that receive and two that work, over PostgreSQL, Redis and an S3 server. Bundles keep
//! coming while each of the seven is stopped and started again in turn. In the end a checker that knows only what was
//! sent and what was answered compares it with what is there.

mod objects;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::check::{self, Database};
use super::load::{Load, Plan};
use super::parcel::{How, Parcel, Thing};
use crate::bundle::Generated;
use crate::postgres::Server;
use crate::redis::Redis;
use crate::site::{Process, plugin_folders};
use crate::wait::{PATIENCE, until, until_or_not};
use objects::Objects;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_of_four_processes_outlives_each_of_its_parts() {
    outlives(280, 2).await;
}

/// The same, for minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `make soak` runs it"]
async fn soak_a_site_of_four_processes_outlives_each_of_its_parts_again_and_again() {
    outlives(2_000, 5).await;
}

/// Sends so many bundles, while all parts are stopped in turn, so many times over.
async fn outlives(bundles: u64, rounds: u64) {
    let Some(mut fleet) = Fleet::start().await else { return };
    let load = Load::new(Plan {
        parcel,
        count: Some(bundles),
        uploaders: 8,
        pause: Duration::ZERO,
        addresses: fleet.addresses(),
        roots: vec![fleet.data().join("incoming")],
    });
    let sending = load.send();
    let faults = rounds * Fleet::PARTS as u64;
    // The first faults fall into the first bundles, the last ones into the last: at equal distances in between.
    for fault in 0..faults {
        let due = (fault + 1) * bundles / (faults + 1);
        until(10 * PATIENCE, &format!("{due} bundles are acknowledged"), || async {
            load.assert_no_complaint();
            (load.acknowledged() >= due).then_some(())
        })
        .await;
        fleet.stop_and_start((fault % Fleet::PARTS as u64) as usize, &load).await;
    }
    sending.join_all().await;
    load.assert_no_complaint();
    fleet.start_what_ended().await;
    let mut database = Database::postgres(&fleet.postgres.url()).await;
    let address = fleet.address();
    let rejected = check::every_promise_is_kept(&address, &mut database, || fleet.objects.contents(), &load).await;
    fleet.start_workers_anew().await;
    check::the_spool_is_empty(&fleet.spool(), &rejected).await;
    let mut unfinished = Vec::new();
    let finished = until_or_not(PATIENCE, || {
        unfinished = fleet.objects.unfinished();
        unfinished.is_empty()
    })
    .await;
    assert!(finished, "the store has uploads that nobody ended: {unfinished:?}");
    drop(database);
    fleet.stop().await;
}

fn parcel(number: u64) -> Parcel {
    let thing = match number {
        // Larger than what the archive is sent at once.
        _ if number % 97 == 11 => Thing::Good(Generated { files: 1, size: 9 << 20, seed: number }),
        _ if number % 10 == 3 => Thing::Foreign,
        _ if number % 10 == 7 => Thing::Move(0),
        _ => {
            let (files, size) = (1 + number % 5, 100 + number * 37 % 3_000);
            Thing::Good(Generated { files: files as u32, size, seed: number })
        }
    };
    Parcel { thing, how: How::Keyed }
}

/// The site. What runs is stopped with it.
struct Fleet {
    processes: Vec<Option<Process>>,
    /// Where the two that receive listen now.
    addresses: std::sync::Arc<Mutex<Vec<String>>>,
    postgres: Server,
    redis: Redis,
    objects: Objects,
    folder: TempDir,
}

impl Fleet {
    /// What can be stopped: four processes and three servers.
    const PARTS: usize = 7;
    const NAMES: [&str; 4] = ["gate-0", "gate-1", "worker-0", "worker-1"];
    const GATES: usize = 2;

    /// Starts the site; none where one of the servers cannot be had.
    async fn start() -> Option<Self> {
        let servers = || Some((Server::start()?, Redis::start()?, Objects::start()?));
        let (postgres, redis, objects) = tokio::task::spawn_blocking(servers).await.expect("no panic")?;
        let folder = tempfile::Builder::new().prefix("sluice-fleet-").tempdir().expect("a temporary folder");
        let mut fleet = Self {
            processes: Vec::new(),
            addresses: std::sync::Arc::new(Mutex::new(vec![String::new(); Self::GATES])),
            postgres,
            redis,
            objects,
            folder,
        };
        for part in 0..Self::NAMES.len() {
            fleet.processes.push(None);
            fleet.start_process(part).await;
        }
        Some(fleet)
    }

    async fn start_process(&mut self, part: usize) {
        let mut args: Vec<String> = match part < Self::GATES {
            true => ["serve", "--no-worker", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec(),
            false => vec!["worker".to_owned()],
        };
        args.extend(["--data".to_owned(), text(&self.data()), "--database".to_owned(), self.postgres.url()]);
        args.extend(["--queue".to_owned(), self.redis.url()]);
        for plugins in plugin_folders() {
            args.extend(["--plugins".to_owned(), text(&plugins)]);
        }
        let mut env = self.objects.settings();
        // A dead worker's jobs are taken over soon, and a server that is being started is waited for.
        for (name, value) in [("LEASE", "2s"), ("PATIENCE", "120s"), ("SWEEP", "500ms"), ("MAX_ATTEMPTS", "50")] {
            env.push((format!("SLUICE_WORKER_{name}"), value.to_owned()));
        }
        let process = Process::start(self.folder.path(), Self::NAMES[part], &args, &env);
        if part < Self::GATES {
            let address = process.address().await;
            self.addresses.lock().expect("no panic")[part] = address;
        }
        self.processes[part] = Some(process);
    }

    /// Takes one part away, lets the uploaders notice, and brings it back.
    async fn stop_and_start(&mut self, part: usize, load: &Load) {
        self.start_what_ended().await;
        if part < Self::NAMES.len() {
            if let Some(process) = self.processes[part].take() {
                process.kill();
            }
            return self.start_process(part).await;
        }
        let refused = load.refused();
        tokio::task::block_in_place(|| match part {
            4 => self.redis.crash(),
            5 => self.postgres.crash(),
            _ => self.objects.stop(),
        });
        if part == 5 && !load.is_over() {
            // Without a database nothing can be promised, and the uploaders are told so.
            until(PATIENCE, "an upload is put off", || async { (load.refused() > refused).then_some(()) }).await;
        }
        tokio::task::block_in_place(|| match part {
            4 => self.redis.revive(),
            5 => self.postgres.revive(),
            _ => self.objects.revive(),
        });
    }

    /// A process that finds no database while it starts ends with an error, and is started again by what manages services.
    async fn start_what_ended(&mut self) {
        for part in 0..Self::NAMES.len() {
            if self.processes[part].as_ref().is_none_or(|process| process.ended().is_some()) {
                self.start_process(part).await;
            }
        }
    }

    /// Workers clear the spool of what others have left there, when they start and then now and again.
    async fn start_workers_anew(&mut self) {
        for part in Self::GATES..Self::NAMES.len() {
            if let Some(worker) = self.processes[part].take() {
                let status = worker.terminate().await;
                assert!(status.success(), "after SIGTERM the worker ended with {status}");
            }
            self.start_process(part).await;
        }
    }

    /// Ends all processes as a service manager does.
    async fn stop(mut self) {
        for process in std::mem::take(&mut self.processes).into_iter().flatten() {
            let status = process.terminate().await;
            assert!(status.success(), "after SIGTERM the program ended with {status}");
        }
    }

    fn addresses(&self) -> std::sync::Arc<Mutex<Vec<String>>> {
        self.addresses.clone()
    }

    fn address(&self) -> String {
        self.addresses.lock().expect("no panic")[0].clone()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn spool(&self) -> PathBuf {
        self.data().join("spool")
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}
