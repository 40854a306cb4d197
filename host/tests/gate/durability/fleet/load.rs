//! What uploaders send, and how they go about it: a request that gets no answer, or is put off, is sent again under its
//! key, to the other gate.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use tokio::task::JoinHandle;

use crate::bundle::{Generated, bundle, test_data, tree};
use crate::site::JobState;
use crate::wait::PATIENCE;

/// Uploaders at a time.
const UPLOADERS: usize = 8;

/// One thing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    /// A bundle that ends in the archive.
    Good(Generated),
    /// A bundle that the rules reject.
    Foreign,
    /// Files that lie at the gate already.
    Move,
}

impl Parcel {
    fn of(number: u64) -> Self {
        match number {
            // Larger than what the archive is sent at once.
            _ if number % 97 == 11 => Self::Good(Generated { files: 1, size: 9 << 20, seed: number }),
            _ if number % 10 == 3 => Self::Foreign,
            _ if number % 10 == 7 => Self::Move,
            _ => {
                let (files, size) = (1 + number % 5, 100 + number * 37 % 3_000);
                Self::Good(Generated { files: files as u32, size, seed: number })
            }
        }
    }
}

/// All of it, and what came of it so far. Cheap to clone.
#[derive(Clone)]
pub(super) struct Load(Arc<State>);

struct State {
    parcels: Vec<Parcel>,
    addresses: Arc<Mutex<Vec<String>>>,
    /// The jobs that were promised, by the parcel's number.
    promised: Mutex<BTreeMap<u64, u64>>,
    refused: AtomicU64,
    lost: AtomicU64,
    complaint: Mutex<Option<String>>,
    incoming: PathBuf,
    client: Client,
}

impl Load {
    pub(super) fn new(count: u64, addresses: Arc<Mutex<Vec<String>>>, incoming: PathBuf) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self(Arc::new(State {
            parcels: (0..count).map(Parcel::of).collect(),
            addresses,
            promised: Mutex::default(),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            complaint: Mutex::default(),
            incoming,
            client,
        }))
    }

    /// Sends everything, some at a time.
    pub(super) fn send(&self) -> JoinHandle<()> {
        let load = self.clone();
        tokio::spawn(async move {
            let numbers = 0..load.0.parcels.len() as u64;
            futures::stream::iter(numbers).for_each_concurrent(UPLOADERS, |number| load.send_one(number)).await;
            load.assert_no_complaint();
        })
    }

    /// The parcels and their jobs.
    pub(super) fn promised(&self) -> Vec<(u64, Parcel, u64)> {
        let promised = self.0.promised.lock().expect("no panic");
        promised.iter().map(|(number, job)| (*number, self.0.parcels[*number as usize], *job)).collect()
    }

    /// Where the files of a move lie before it.
    pub(super) fn source(&self, number: u64) -> PathBuf {
        self.0.incoming.join(number.to_string())
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.0.promised.lock().expect("no panic").len() as u64
    }

    pub(super) fn is_over(&self) -> bool {
        self.acknowledged() == self.0.parcels.len() as u64
    }

    /// Answers that put a client off: "try again later".
    pub(super) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Requests that got no answer.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Fails the test when a client got an answer that it should not get.
    pub(super) fn assert_no_complaint(&self) {
        if let Some(complaint) = &*self.0.complaint.lock().expect("no panic") {
            panic!("{complaint}");
        }
    }

    async fn send_one(&self, number: u64) {
        let parcel = self.0.parcels[number as usize];
        let (call, kind, body) = match parcel {
            Parcel::Good(generated) => ("/upload", "application/octet-stream", generated.bytes()),
            Parcel::Foreign => ("/upload", "application/octet-stream", bundle("foreign-submitter")),
            Parcel::Move => ("/move", "application/json", self.document(number).into_bytes()),
        };
        let body = bytes::Bytes::from(body);
        for attempt in number.. {
            let address = {
                let addresses = self.0.addresses.lock().expect("no panic");
                addresses[attempt as usize % addresses.len()].clone()
            };
            let request = self.0.client.post(format!("{address}{call}")).header(CONTENT_TYPE, kind);
            let answer =
                request.header("Idempotency-Key", format!("\"parcel-{number}\"")).body(body.clone()).send().await;
            let answer = match answer {
                Ok(answer) => (answer.status(), answer.headers().contains_key(RETRY_AFTER), answer.text().await),
                Err(_) => (StatusCode::OK, false, Ok(String::new())),
            };
            match answer {
                (StatusCode::OK, _, Ok(text)) if !text.is_empty() => {
                    let state: JobState = serde_json::from_str(&text).expect("a job's state");
                    self.0.promised.lock().expect("no panic").insert(number, state.job_id);
                    return;
                }
                (StatusCode::OK, ..) => drop(self.0.lost.fetch_add(1, Ordering::Relaxed)),
                (StatusCode::SERVICE_UNAVAILABLE, true, _) => drop(self.0.refused.fetch_add(1, Ordering::Relaxed)),
                // An earlier attempt is still being received, or its gate has died and nobody has noticed yet.
                (StatusCode::CONFLICT, true, _) => {}
                (status, retry, text) => {
                    let complaint = format!("parcel {number}: {status}, Retry-After {retry}: {text:?}");
                    *self.0.complaint.lock().expect("no panic") = Some(complaint);
                    return;
                }
            }
            // Politely, so that what is down is not asked thousands of times.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Puts the files of a move where it takes them from, and answers its document.
    fn document(&self, number: u64) -> String {
        let source = self.source(number);
        for (path, contents) in moved_files() {
            let target = source.join(path);
            std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
            std::fs::write(target, contents).expect("a file to move");
        }
        let document = std::fs::read_to_string(test_data().join("move-md.json")).expect("a document");
        document.replace("{SOURCE}", source.to_str().expect("UTF-8"))
    }
}

/// The files of each move.
pub(super) fn moved_files() -> BTreeMap<String, Vec<u8>> {
    let mut files = tree(&test_data().join("move-files"));
    files.remove("README.md");
    files
}
