//! What a client of the site says and sees.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Site;
use crate::bundle::body_of;
use crate::wait::{PATIENCE, until};

/// The job state of the legacy calls, with the very keys and types of Pacifica's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobState {
    pub(crate) job_id: u64,
    pub(crate) state: String,
    pub(crate) task: String,
    pub(crate) task_percent: String,
    pub(crate) complete: bool,
    pub(crate) updated: String,
    pub(crate) created: String,
    pub(crate) exception: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    /// The job state of an answer that must be a 200.
    pub(crate) fn job_state(&self) -> JobState {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

impl Site {
    /// A request to a path of the site.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        let (client, request) = request.build_split();
        let mut request = request.expect("a request");
        // The client says nothing of the length of an empty body, as if there were none.
        if request.body().and_then(reqwest::Body::as_bytes).is_some_and(<[u8]>::is_empty) {
            request.headers_mut().insert("content-length", HeaderValue::from_static("0"));
        }
        let answer = client.execute(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("a broken answer: {error:?}"));
        Reply { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// `127.0.0.1:PORT`, for sockets of the test's own.
    pub(crate) fn address(&self) -> &str {
        self.base.strip_prefix("http://").expect("an address")
    }

    /// Uploads a bundle, and answers the job's id.
    pub(crate) async fn upload(&self, body: impl Into<reqwest::Body>) -> u64 {
        self.upload_as("root", body).await
    }

    pub(crate) async fn upload_as(&self, user: &str, body: impl Into<reqwest::Body>) -> u64 {
        let request = self.request(Method::POST, "/upload").header("content-type", "application/octet-stream");
        self.send(request.header("X-Http-Authed-User", user).body(body)).await.job_state().job_id
    }

    /// Uploads what is made meanwhile, and answers the job's id.
    pub(crate) async fn upload_stream(&self, pieces: impl Iterator<Item = Bytes> + Send + 'static) -> u64 {
        self.upload(body_of(pieces)).await
    }

    /// Posts a move, and answers the job's id.
    pub(crate) async fn move_(&self, document: &str) -> u64 {
        let request = self.request(Method::POST, "/move").header("content-type", "application/json");
        self.send(request.body(document.to_owned())).await.job_state().job_id
    }

    pub(crate) async fn state(&self, job: u64) -> JobState {
        self.get(&format!("/get_state?job_id={job}")).await.job_state()
    }

    /// The state of a job that has ended.
    pub(crate) async fn wait(&self, job: u64) -> JobState {
        self.wait_for(job, PATIENCE, "it is complete", |state| state.complete).await
    }

    /// The state of a job that has ended, with time for the lease of a dead worker to run out.
    pub(crate) async fn wait_up_to(&self, deadline: Duration, job: u64) -> JobState {
        self.wait_for(job, deadline, "it is complete", |state| state.complete).await
    }

    /// The first state that is as it should be.
    pub(crate) async fn wait_for(
        &self,
        job: u64,
        deadline: Duration,
        what: &str,
        is: impl Fn(&JobState) -> bool,
    ) -> JobState {
        let what = format!("of job {job} {what}");
        until(deadline, &what, || async {
            self.serve().assert_running();
            Some(self.state(job).await).filter(&is)
        })
        .await
    }

    /// A call of the API, with the administrator's token where the site has one.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.send(self.api_request(method, path, body)).await
    }

    pub(crate) fn api_request(&self, method: Method, path: &str, body: Option<Value>) -> RequestBuilder {
        let mut request = self.request(method, path);
        if let Ok(token) = std::fs::read_to_string(self.data().join("admin-token")) {
            request = request.bearer_auth(token.trim());
        }
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    pub(crate) async fn api_json(&self, path: &str) -> Value {
        let reply = self.api(Method::GET, path, None).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text());
        reply.json()
    }

    /// All jobs, newest first or not.
    pub(crate) async fn jobs(&self) -> Vec<Value> {
        list(self.api_json("/api/jobs").await, "jobs")
    }

    /// The API's record of a job.
    pub(crate) async fn job(&self, job: u64) -> Value {
        self.api_json(&format!("/api/jobs/{job}")).await
    }

    /// What all rules said of a job.
    pub(crate) async fn report(&self, job: u64) -> Value {
        self.api_json(&format!("/api/jobs/{job}/report")).await
    }

    /// The contents of all archived files of a job, by path below `data/`, as the API gives them.
    pub(crate) async fn files(&self, job: u64) -> BTreeMap<String, Vec<u8>> {
        let mut contents = BTreeMap::new();
        for file in list(self.api_json(&format!("/api/jobs/{job}/files")).await, "files") {
            let id = file["id"].as_u64().unwrap_or_else(|| panic!("a file without id: {file}"));
            let path = file["path"].as_str().unwrap_or_else(|| panic!("a file without path: {file}"));
            let reply = self.api(Method::GET, &format!("/api/files/{id}"), None).await;
            assert_eq!(reply.status, StatusCode::OK, "/api/files/{id}: {}", reply.text());
            let before = contents.insert(path.to_owned(), reply.body.to_vec());
            assert!(before.is_none(), "{path} is archived twice");
        }
        contents
    }

    /// Puts a rule at the end of the policy in force. The new revision is in force when this returns.
    pub(crate) async fn add_rule(&mut self, rule: Value) {
        self.edit_policy(|rules| rules.push(rule)).await;
    }

    /// The rules of the policy in force.
    pub(crate) async fn policy(&self) -> Vec<Value> {
        list(self.api_json("/api/policy").await, "rules")
    }

    /// Changes the policy in force. Workers of their own follow within a second; where there are some, the site is
    /// started anew with a policy file, so that the change is in force everywhere when this returns.
    pub(crate) async fn edit_policy(&mut self, edit: impl FnOnce(&mut Vec<Value>)) {
        let reply = self.api(Method::GET, "/api/policy", None).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let mut rules = list(reply.json(), "rules");
        edit(&mut rules);
        let document = json!({"rules": rules, "message": "a change by the tests"});
        if self.has_workers() {
            return self.restart_with_policy(&document).await;
        }
        let etag = reply.headers["etag"].to_str().expect("a tag").to_owned();
        let reply = self.put_policy(&etag, &document).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    }

    /// `PUT /api/policy` in the place of the revision of this tag.
    pub(crate) async fn put_policy(&self, etag: &str, document: &Value) -> Reply {
        let request = self.api_request(Method::PUT, "/api/policy", Some(document.clone()));
        self.send(request.header("if-match", etag)).await
    }

    /// Where the starter policy's placement puts the files of a job, below `archive/`.
    pub(crate) async fn place(&self, job: u64) -> String {
        let created = self.state(job).await.created;
        format!("1234a/54/{}/{}/{job}", &created[0..4], &created[5..7])
    }
}

/// A list that comes bare, or under its name.
fn list(mut json: Value, name: &str) -> Vec<Value> {
    let inner = if json.is_array() { json } else { json[name].take() };
    match inner {
        Value::Array(list) => list,
        other => panic!("no list of {name}: {other}"),
    }
}
