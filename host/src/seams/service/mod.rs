//! Services behind the gate that are asked over HTTP, as a Pacifica site has them.
//!
//! What is promised of every call: it says which service, which call and which answer it was about; a 4xx is final; no
//! answer and a 5xx may pass, and whoever calls tries again; none is waited for without end.

mod document;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::SeamError;
use crate::config::{ServiceUrl, without_password};

pub(crate) use document::for_services;

/// How long a connection may take. Several tries of it fit into the patience that a job has.
const CONNECT: Duration = Duration::from_secs(2);
/// Pacifica's servers close a connection that is idle for ten seconds; one that is about to be closed is not used.
const IDLE: Duration = Duration::from_secs(5);
/// No service has more to say than this. What comes after it is not read.
const LONGEST_ANSWER: usize = 1 << 20;
/// Of an answer that is not understood, so much is shown.
const SHOWN: usize = 300;

/// Says which implementation TLS is to use. Said once in a process; whoever comes second finds it done.
pub(crate) fn choose_cryptography() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// The client that all services share, with its connections.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    choose_cryptography();
    // These are services of the site: a proxy that the environment names is for the world outside.
    let builder = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT).pool_idle_timeout(IDLE);
    Ok(builder.user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION"))).build()?)
}

/// One service.
#[derive(Clone)]
pub(crate) struct Service {
    http: reqwest::Client,
    name: &'static str,
    base: Url,
    timeout: Duration,
}

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// An error as CherryPy's servers put it.
#[derive(Deserialize)]
struct Fault {
    message: String,
    #[serde(default)]
    traceback: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The message and the traceback of an error, where it has them.
    pub(crate) fn fault(&self) -> Option<(String, String)> {
        let Fault { message, traceback } = serde_json::from_slice(&self.body).ok()?;
        Some((message, traceback))
    }

    /// What it says, for people: the message and what the traceback ends with, or the beginning of the body.
    fn words(&self) -> String {
        match self.fault() {
            Some((message, traceback)) => match traceback.lines().rev().find(|line| !line.trim().is_empty()) {
                Some(last) if !last.contains(&message) => format!("{message} ({})", last.trim()),
                _ => message,
            },
            None => {
                let text = String::from_utf8_lossy(&self.body);
                let text = text.trim();
                text[..text.floor_char_boundary(SHOWN)].to_owned()
            }
        }
    }
}

impl Service {
    /// The service at an address. `name` is what it is called in errors.
    pub(crate) fn new(http: &reqwest::Client, name: &'static str, url: &ServiceUrl, timeout: Duration) -> Self {
        Self { http: http.clone(), name, base: url.url().clone(), timeout }
    }

    /// How long it may leave a call without an answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The address of something below the service's own.
    pub(crate) fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }

    /// The service's own address, which is all of it for those that have one call.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// A short call: sent, and its answer read to the end.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Result<(Call, Answer), SeamError> {
        let (call, answer) = self.open(request, self.timeout).await?;
        let answer = self.settle(&call, answer).await?;
        Ok((call, answer))
    }

    /// Sends a request and waits so long for the head of its answer. An answer in the 5xx is an error, of which trying
    /// again may be a cure.
    pub(crate) async fn open(
        &self,
        request: RequestBuilder,
        patience: Duration,
    ) -> Result<(Call, Response), SeamError> {
        let began = Instant::now();
        let (client, request) = request.build_split();
        let request = request.map_err(|error| SeamError::Refused(format!("{}: {error}", self.name)))?;
        let call = Call(format!("{} {}", request.method(), without_password(request.url().as_str())));
        let answer = match tokio::time::timeout(patience, client.execute(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.silent(&call, &cause(&error), began)),
            Err(_) => return Err(self.silent(&call, &format!("no answer within {patience:?}"), began)),
        };
        if answer.status().is_server_error() {
            let answer = self.read(&call, answer, began).await?;
            return Err(SeamError::Unavailable(self.said(&call, &answer)));
        }
        Ok((call, answer))
    }

    /// Reads an answer to its end.
    pub(crate) async fn settle(&self, call: &Call, answer: Response) -> Result<Answer, SeamError> {
        self.read(call, answer, Instant::now()).await
    }

    /// The next piece of a long answer; none after the last.
    pub(crate) async fn piece(&self, call: &Call, answer: &mut Response) -> Result<Option<Bytes>, SeamError> {
        let began = Instant::now();
        match tokio::time::timeout(self.timeout, answer.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(self.silent(call, &cause(&error), began)),
            Err(_) => Err(self.silent(call, "the answer has stood still", began)),
        }
    }

    async fn read(&self, call: &Call, mut answer: Response, began: Instant) -> Result<Answer, SeamError> {
        let status = answer.status();
        let mut body = BytesMut::new();
        let reading = async {
            while body.len() < LONGEST_ANSWER
                && let Some(chunk) = answer.chunk().await?
            {
                body.extend_from_slice(&chunk);
            }
            Ok::<_, reqwest::Error>(())
        };
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(Ok(())) => Ok(Answer { status, body: body.freeze() }),
            Ok(Err(error)) => Err(self.silent(call, &cause(&error), began)),
            Err(_) => Err(self.silent(call, "its answer did not end", began)),
        }
    }

    /// An answer that is not the one to go on with.
    pub(crate) fn refused(&self, call: &Call, answer: &Answer) -> SeamError {
        SeamError::Refused(self.said(call, answer))
    }

    /// An answer that says well and not what it should.
    pub(crate) fn strange(&self, call: &Call, answer: &Answer, wanted: &str) -> SeamError {
        SeamError::Refused(format!("{}, and not {wanted}", self.said(call, answer)))
    }

    fn said(&self, Call(call): &Call, answer: &Answer) -> String {
        let words = answer.words();
        let words = if words.is_empty() { "nothing more".to_owned() } else { words };
        format!("the {} service answered {} to {call}: {words}", self.name, answer.status)
    }

    fn silent(&self, Call(call): &Call, why: &str, began: Instant) -> SeamError {
        let why = format!("the {} service does not answer: {call}: {why}", self.name);
        SeamError::Silent { why, waited: began.elapsed() }
    }

    /// What the service says of itself; for `sluice doctor`. Any answer is one.
    pub(crate) async fn greeting(&self, url: Url) -> Result<StatusCode, SeamError> {
        let request = self.request(Method::GET, url);
        match self.open(request, self.timeout).await {
            Ok((_, answer)) => Ok(answer.status()),
            Err(SeamError::Unavailable(why)) => Err(SeamError::Unavailable(why)),
            Err(error) => Err(error),
        }
    }
}

/// A call, as errors show it.
#[derive(Clone, Debug)]
pub(crate) struct Call(String);

/// The innermost cause, which says what happened; the outer ones say that something did.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: StatusCode::PRECONDITION_FAILED, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn an_error_is_shown_in_the_services_own_words() {
        let cherrypy =
            r#"{"status": "412", "message": "no project", "traceback": "Traceback\n  x\nValueError: bad\n"}"#;
        assert_eq!(answer(cherrypy).words(), "no project (ValueError: bad)");
        assert_eq!(answer(r#"{"message": "m", "traceback": ""}"#).words(), "m");
        assert_eq!(answer("<html>gateway</html>\n").words(), "<html>gateway</html>");
        assert!(answer(&"\u{6e2c}".repeat(1000)).words().len() <= SHOWN);
    }

    #[test]
    fn a_service_below_a_path_is_asked_there() {
        let url = ServiceUrl::of("http://h:8051/ids/");
        let service = Service::new(&client().unwrap(), "UniqueID", &url, Duration::from_secs(1));
        assert_eq!(service.below("getid").as_str(), "http://h:8051/ids/getid");
        let url = ServiceUrl::of("http://h:8051");
        assert_eq!(Service::new(&client().unwrap(), "x", &url, CONNECT).below("7").as_str(), "http://h:8051/7");
    }
}
