//! Sending that goes on where it was: tus 1.0, <https://tus.io/protocols/resumable-upload>.

use std::sync::Arc;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::parcel::{Parcel, body};
use super::send::{Attempts, SendError, Watcher, of_parcel, telling};
use super::{Gate, GateError};
use crate::model::JobId;

const UPLOADS: &str = "/api/uploads";
const RESUMABLE: &str = "Tus-Resumable";
const VERSION: &str = "1.0.0";
const LENGTH: &str = "Upload-Length";
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const JOB: HeaderName = HeaderName::from_static("sluice-job");

/// Whether the gate takes bundles this way.
pub(super) async fn is_spoken(gate: &Gate) -> Result<bool, GateError> {
    match gate.send(gate.request(Method::OPTIONS, UPLOADS)).await {
        Ok(answer) => Ok(answer.headers().contains_key("tus-version")),
        Err(error) if error.is_passing() => Err(error),
        Err(_) => Ok(false),
    }
}

/// Sends a bundle, through as many connections as it takes, and answers its job.
pub(super) async fn send(gate: &Gate, parcel: &Arc<Parcel>, watcher: Arc<dyn Watcher>) -> Result<JobId, SendError> {
    let length = parcel.length();
    let mut attempts = Attempts::new();
    let upload = loop {
        match create(gate, length).await {
            Ok(upload) => break upload,
            Err(error) => attempts.after(error, &*watcher).await?,
        }
    };
    let (mut offset, mut job) = (0, None);
    loop {
        watcher.sent(offset);
        let answer = if offset < length { append(gate, &upload, parcel, offset, &watcher).await } else { Ok(None) };
        match answer {
            Ok(Some(id)) => job = Some(id),
            Ok(None) => {}
            Err(SendError::Gate(error)) => attempts.after(error, &*watcher).await?,
            Err(error) => return Err(error),
        }
        // Where the gate stands is the gate's to say: what was on its way when a connection broke may be lost.
        while job.is_none() {
            match look(gate, &upload).await {
                Ok((_, Some(id))) => job = Some(id),
                Ok((there, None)) => {
                    if there > offset {
                        attempts.refresh();
                    }
                    offset = there;
                    if offset < length {
                        break;
                    }
                    // All is there, and the job is still to be made of it.
                    let waiting = GateError::Refused {
                        status: StatusCode::LOCKED,
                        message: "the gate is making a job of the bundle".to_owned(),
                    };
                    attempts.after(waiting, &*watcher).await?;
                }
                Err(error) => attempts.after(error, &*watcher).await?,
            }
        }
        if let Some(job) = job {
            watcher.sent(length);
            return Ok(job);
        }
    }
}

/// Makes an upload, and answers its address.
async fn create(gate: &Gate, length: u64) -> Result<Url, GateError> {
    let request = gate.request(Method::POST, UPLOADS).header(RESUMABLE, VERSION).header(LENGTH, length);
    let answer = gate.send(request.header(CONTENT_LENGTH, 0)).await?;
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let upload = location.and_then(|location| answer.url().join(location).ok());
    // The token is for this gate and for no other place that an answer may name.
    let upload = upload.filter(|upload| upload.origin() == gate.base().origin());
    upload.ok_or_else(|| strange(&answer, "it has no Location of its own for the upload"))
}

/// Sends what lies behind the offset. Answers the job, where that was the end.
async fn append(
    gate: &Gate,
    upload: &Url,
    parcel: &Arc<Parcel>,
    offset: u64,
    watcher: &Arc<dyn Watcher>,
) -> Result<Option<JobId>, SendError> {
    let (tell, fault) = telling(offset, watcher.clone());
    let request = to(gate, Method::PATCH, upload).header(OFFSET, offset);
    let request = request.header(CONTENT_TYPE, "application/offset+octet-stream");
    let request = request.header(CONTENT_LENGTH, parcel.length() - offset);
    let answer = gate.send(request.body(body(parcel, offset, tell, fault.clone()))).await;
    of_parcel(&fault)?;
    Ok(job(&answer?))
}

/// How much of the upload the gate has for good, and the job that came of it.
async fn look(gate: &Gate, upload: &Url) -> Result<(u64, Option<JobId>), GateError> {
    let answer = gate.send(to(gate, Method::HEAD, upload)).await?;
    let offset = answer.headers().get(OFFSET).and_then(|offset| offset.to_str().ok()?.parse().ok());
    Ok((offset.ok_or_else(|| strange(&answer, "it has no Upload-Offset"))?, job(&answer)))
}

fn to(gate: &Gate, method: Method, upload: &Url) -> RequestBuilder {
    gate.request_to(method, upload.clone()).header(RESUMABLE, VERSION)
}

fn job(answer: &Response) -> Option<JobId> {
    answer.headers().get(JOB)?.to_str().ok()?.parse().ok()
}

fn strange(answer: &Response, why: &str) -> GateError {
    GateError::Strange { url: answer.url().clone(), why: why.to_owned() }
}
