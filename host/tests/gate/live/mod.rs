//! Live events: what happens to jobs is told to whoever listens, from all nodes, and nothing is missed.

mod listeners;
mod nodes;
mod resumed;
mod stream;
mod uploader;

use std::collections::VecDeque;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::site::Site;
use crate::wait::PATIENCE;

/// One event.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: Value,
}

impl Event {
    fn job(&self) -> u64 {
        self.data["job_id"].as_u64().unwrap_or_else(|| panic!("no job in {self:?}"))
    }

    fn is_done(&self) -> bool {
        self.name == "job" && self.data["stage"] == "done"
    }
}

/// A stream of events, as a client of few words reads it.
struct Stream {
    answer: Response,
    text: String,
    read: VecDeque<Event>,
    last_id: Option<String>,
}

/// A request to listen, from where the last event was.
fn request(site: &Site, path: &str, last_id: Option<&str>) -> RequestBuilder {
    let request = site.api_request(Method::GET, path, None);
    if let Some(id) = last_id { request.header("last-event-id", id) } else { request }
}

impl Stream {
    async fn open(site: &Site, path: &str, last_id: Option<&str>) -> Self {
        Self::of(request(site, path, last_id)).await
    }

    async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new(), read: VecDeque::new(), last_id: None }
    }

    /// The next event; none where the stream is at its end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.last_id = event.id.clone().or(self.last_id.take());
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.expect("something before long");
            // A stream that breaks off is at its end as well.
            self.text.push_str(std::str::from_utf8(&chunk.ok().flatten()?).expect("UTF-8"));
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(data) = field("data: ") {
                    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error} in {block}"));
                    let name = field("event: ").expect("a name");
                    self.read.push_back(Event { id: field("id: "), name, data });
                }
            }
        }
    }

    /// The next event that is of this kind.
    async fn until(&mut self, is: impl Fn(&Event) -> bool) -> Event {
        loop {
            match self.next().await {
                Some(event) if is(&event) => return event,
                Some(_) => {}
                None => panic!("the stream has ended"),
            }
        }
    }
}
