//! What is sent: CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>) in one document
//! or with its attributes as headers, and the 0.1 of Pacifica's metadata service.

use serde::Serialize;
use serde_json::{Value, json};

use crate::db::{DueEvent, StoredTransaction};
use crate::model::{Document, FileId, JobEnded};
use crate::seams::service::for_services;

/// What every event of ours is. A change that receivers would notice makes it `v2`.
const TYPE: &str = "org.sluice.job.ended.v1";
/// Where an event comes from if the site does not say.
const SOURCE: &str = "/sluice";
/// The same for Pacifica's, as its metadata service has it: `{_id}` stands for the transaction.
const PACIFICA_SOURCE: &str = "http://metadata.pacifica.org/transactions?_id={_id}";
const PACIFICA_TYPE: &str = "org.pacifica.metadata.ingest";

/// A body, and the headers that say what it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What an event says of its job.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    ended: &'a JobEnded,
    /// Where the report is; none where the job did not come so far.
    report: Option<String>,
}

fn data<'a>(ended: &'a JobEnded, source: Option<&str>) -> Data<'a> {
    // Below the gate's address where that is the source, and else below whatever address the receiver knows it by.
    let address = source.filter(|source| source.starts_with("http://") || source.starts_with("https://"));
    let report = ended.revision.map(|_| format!("{}/api/jobs/{}/report", address.unwrap_or_default(), ended.id));
    Data { ended, report }
}

/// CloudEvents 1.0 in structured mode.
pub(super) fn structured(event: &DueEvent, source: Option<&str>) -> Message {
    let document = json!({
        "specversion": "1.0",
        "id": event.id,
        "source": source.unwrap_or(SOURCE),
        "type": TYPE,
        "subject": event.ended.id.to_string(),
        "time": event.ended.ended,
        "datacontenttype": "application/json",
        "data": data(&event.ended, source),
    });
    let content = ("content-type", "application/cloudevents+json; charset=utf-8".to_owned());
    Message { headers: vec![content], body: document.to_string().into_bytes() }
}

/// CloudEvents 1.0 in binary mode.
pub(super) fn binary(event: &DueEvent, source: Option<&str>) -> Message {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", event.id.clone()),
        ("ce-source", source.unwrap_or(SOURCE).to_owned()),
        ("ce-type", TYPE.to_owned()),
        ("ce-subject", event.ended.id.to_string()),
        ("ce-time", event.ended.ended.to_string()),
    ];
    let body = serde_json::to_vec(&data(&event.ended, source)).expect("ids, words and moments are always JSON");
    Message { headers, body }
}

/// CloudEvents 0.1, as Pacifica's metadata service emits it: <https://github.com/pacifica/pacifica-metadata>,
/// `pacifica/metadata/rest/ingest.py`. Its data is the document that this service is given.
pub(super) fn pacifica(
    event: &DueEvent,
    transaction: &StoredTransaction,
    source: Option<&str>,
) -> Result<Message, String> {
    let job = event.ended.id;
    let unreadable = |error: &dyn std::fmt::Display| format!("the metadata of job {job} cannot be read: {error}");
    let document = Document::parse(transaction.document.clone().into_bytes()).map_err(|error| unreadable(&error))?;
    let ids: Vec<FileId> = transaction.files.iter().map(|file| file.id).collect();
    let rows = for_services(&document, job, &ids, true);
    let rows: Value = serde_json::from_slice(&rows).map_err(|error| unreadable(&error))?;
    let mut time = event.ended.ended.to_string();
    // A second and no zone, as Python's isoformat has it.
    time.truncate("2018-01-25T16:54:50".len());
    let document = json!({
        "cloudEventsVersion": "0.1",
        "eventType": PACIFICA_TYPE,
        "source": source.unwrap_or(PACIFICA_SOURCE).replace("{_id}", &job.to_string()),
        "eventID": format!("metadata.ingest.{job}"),
        "eventTime": time,
        "extensions": {},
        "contentType": "application/json",
        "data": rows,
    });
    let content = ("content-type", "application/json".to_owned());
    Ok(Message { headers: vec![content], body: document.to_string().into_bytes() })
}
