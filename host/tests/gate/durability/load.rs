//! What uploaders send, and how they go about it: a request that gets no answer, or is put off, is sent again, to the
//! next gate, most of them under a key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use tokio::task::JoinSet;

use super::parcel::{How, Parcel, Thing, moved_files};
use crate::bundle::test_data;
use crate::site::JobState;
use crate::wait::PATIENCE;

/// What is sent: parcel by parcel, so many uploaders at a time, each with a pause in between.
pub(super) struct Plan {
    pub(super) parcel: fn(u64) -> Parcel,
    /// None sends until it is told that it is enough.
    pub(super) count: Option<u64>,
    pub(super) uploaders: usize,
    pub(super) pause: Duration,
    pub(super) addresses: Arc<Mutex<Vec<String>>>,
    /// The folders that moves take from.
    pub(super) roots: Vec<PathBuf>,
}

/// All of it, and what came of it so far. Cheap to clone.
#[derive(Clone)]
pub(super) struct Load(Arc<State>);

struct State {
    plan: Plan,
    begun: AtomicU64,
    enough: AtomicBool,
    /// The jobs that were promised, by the parcel's number.
    promised: Mutex<BTreeMap<u64, u64>>,
    refused: AtomicU64,
    lost: AtomicU64,
    complaint: Mutex<Option<String>>,
    client: Client,
}

/// What a request came to.
enum Came {
    /// A job was promised.
    To(u64),
    /// Nothing yet: it is to be tried again.
    Again,
}

impl Load {
    pub(super) fn new(plan: Plan) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self(Arc::new(State {
            plan,
            begun: AtomicU64::new(0),
            enough: AtomicBool::new(false),
            promised: Mutex::default(),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            complaint: Mutex::default(),
            client,
        }))
    }

    /// Sends everything, some at a time.
    pub(super) fn send(&self) -> JoinSet<()> {
        let mut sending = JoinSet::new();
        for _ in 0..self.0.plan.uploaders {
            let load = self.clone();
            sending.spawn(async move {
                while !load.0.enough.load(Ordering::Relaxed) {
                    let number = load.0.begun.fetch_add(1, Ordering::Relaxed);
                    if load.0.plan.count.is_some_and(|count| number >= count) {
                        return;
                    }
                    load.send_one(number).await;
                    tokio::time::sleep(load.0.plan.pause).await;
                }
            });
        }
        sending
    }

    /// Nothing more is to be begun; what is begun is brought to its end.
    pub(super) fn enough(&self) {
        self.0.enough.store(true, Ordering::Relaxed);
    }

    /// The parcels and their jobs.
    pub(super) fn promised(&self) -> Vec<(u64, Parcel, u64)> {
        let promised = self.0.promised.lock().expect("no panic");
        promised.iter().map(|(number, job)| (*number, (self.0.plan.parcel)(*number), *job)).collect()
    }

    /// Who sends a parcel.
    pub(super) fn user(number: u64) -> String {
        format!("parcel-{number}")
    }

    /// Where the files of a move lie before it.
    pub(super) fn source(&self, number: u64, root: usize) -> PathBuf {
        let roots = &self.0.plan.roots;
        roots[root % roots.len()].join(number.to_string())
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.0.promised.lock().expect("no panic").len() as u64
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.plan.count == Some(self.acknowledged())
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
        let parcel = (self.0.plan.parcel)(number);
        let (call, kind, body) = match parcel.thing {
            Thing::Move(root) => {
                ("/move", "application/json", self.document(number, root, "move-md.json").into_bytes())
            }
            Thing::LameMove(root) => {
                ("/move", "application/json", self.document(number, root, "move-lame-mime-type.json").into_bytes())
            }
            thing => ("/upload", "application/octet-stream", thing.body()),
        };
        let body = bytes::Bytes::from(body);
        let mut upload = None;
        for attempt in number.. {
            let address = {
                let addresses = self.0.plan.addresses.lock().expect("no panic");
                addresses[attempt as usize % addresses.len()].clone()
            };
            let came = if parcel.how == How::Parts {
                self.next_part(number, &address, &mut upload, &body).await
            } else {
                let mut request = self.request(number, Method::POST, format!("{address}{call}"));
                if parcel.how == How::Keyed {
                    request = request.header("Idempotency-Key", format!("\"parcel-{number}\""));
                }
                self.whole(request.header(CONTENT_TYPE, kind).body(body.clone())).await
            };
            match came {
                Ok(Came::To(job)) => {
                    self.0.promised.lock().expect("no panic").insert(number, job);
                    return;
                }
                Ok(Came::Again) => {}
                Err(complaint) => {
                    *self.0.complaint.lock().expect("no panic") = Some(format!("parcel {number}: {complaint}"));
                    return;
                }
            }
            // Politely, so that what is down is not asked thousands of times.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn request(&self, number: u64, method: Method, url: String) -> RequestBuilder {
        self.0.client.request(method, url).header("X-Http-Authed-User", Self::user(number))
    }

    /// A request that sends all of it.
    async fn whole(&self, request: RequestBuilder) -> Result<Came, String> {
        let answer = match request.send().await {
            Ok(answer) => (answer.status(), answer.headers().contains_key(RETRY_AFTER), answer.text().await),
            Err(_) => (StatusCode::OK, false, Ok(String::new())),
        };
        match answer {
            (StatusCode::OK, _, Ok(text)) if !text.is_empty() => {
                let state: JobState = serde_json::from_str(&text).map_err(|error| format!("{error} in {text}"))?;
                Ok(Came::To(state.job_id))
            }
            (StatusCode::OK, ..) => Ok(self.no_answer()),
            // An earlier attempt is still being received, or its gate has died and nobody has noticed yet.
            (StatusCode::CONFLICT, true, _) => Ok(Came::Again),
            (status, retry, text) => self.put_off(status, retry, text),
        }
    }

    /// One step of an upload in parts: it is begun, or looked at and sent the next half of what it lacks.
    async fn next_part(
        &self,
        number: u64,
        address: &str,
        upload: &mut Option<String>,
        body: &bytes::Bytes,
    ) -> Result<Came, String> {
        let tus = |method, path: &str| {
            self.request(number, method, format!("{address}/api/{path}")).header("Tus-Resumable", "1.0.0")
        };
        let header = |answer: &reqwest::Response, name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let Some(path) = upload.clone() else {
            let request = tus(Method::POST, "uploads").header("Upload-Length", body.len());
            let Ok(answer) = request.header("Content-Length", 0).send().await else { return Ok(self.no_answer()) };
            if answer.status() != StatusCode::CREATED {
                return self.part_put_off(answer).await;
            }
            *upload = header(&answer, "location");
            return Ok(Came::Again);
        };
        let Ok(answer) = tus(Method::HEAD, &path).send().await else { return Ok(self.no_answer()) };
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                *upload = None;
                return Ok(Came::Again);
            }
            // Somebody is just making a job of it.
            _ => return self.part_put_off(answer).await,
        }
        let job = |answer: &reqwest::Response| header(answer, "sluice-job").and_then(|job| job.parse().ok());
        if let Some(job) = job(&answer) {
            return Ok(Came::To(job));
        }
        let offset: usize = header(&answer, "upload-offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        let next = (offset + body.len() / 2 + 1).min(body.len());
        let request = tus(Method::PATCH, &path).header(CONTENT_TYPE, "application/offset+octet-stream");
        let request = request.header("Upload-Offset", offset).body(body.slice(offset..next));
        let Ok(answer) = request.send().await else { return Ok(self.no_answer()) };
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(job(&answer).map_or(Came::Again, Came::To)),
            _ => self.part_put_off(answer).await,
        }
    }

    /// Who is at it with another request, be it one whose client is gone, is waited for.
    async fn part_put_off(&self, answer: reqwest::Response) -> Result<Came, String> {
        let (status, retry) = (answer.status(), answer.headers().contains_key(RETRY_AFTER));
        match status {
            StatusCode::CONFLICT | StatusCode::LOCKED | StatusCode::NOT_FOUND => Ok(Came::Again),
            _ => self.put_off(status, retry, answer.text().await),
        }
    }

    fn put_off(&self, status: StatusCode, retry: bool, text: reqwest::Result<String>) -> Result<Came, String> {
        if status == StatusCode::SERVICE_UNAVAILABLE && retry {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return Ok(Came::Again);
        }
        Err(format!("{status}, Retry-After {retry}: {text:?}"))
    }

    fn no_answer(&self) -> Came {
        self.0.lost.fetch_add(1, Ordering::Relaxed);
        Came::Again
    }

    /// Puts the files of a move where it takes them from, and answers its document.
    fn document(&self, number: u64, root: usize, name: &str) -> String {
        let source = self.source(number, root);
        for (path, contents) in moved_files() {
            let target = source.join(path);
            std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
            std::fs::write(target, contents).expect("a file to move");
        }
        let document = std::fs::read_to_string(test_data().join(name)).expect("a document");
        document.replace("{SOURCE}", source.to_str().expect("UTF-8"))
    }
}
