//! A Pacifica policy service, asked after the gate's own rules have accepted a bundle.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::SeamError;
use super::service::{Service, for_services};
use crate::model::{Document, FileId, JobId};

/// The service.
#[derive(Clone)]
pub(crate) struct PolicyService {
    pub(crate) service: Service,
    /// The header that tells it the acting user.
    pub(crate) user_header: String,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The bundle may go on.
    Accepted,
    /// It may not; the reason is in the words that Pacifica Ingest shows.
    Rejected(String),
}

impl PolicyService {
    /// Has it judge a bundle's metadata.
    pub(crate) async fn judge(
        &self,
        user: &str,
        document: &Document,
        job: JobId,
        file_ids: &[FileId],
    ) -> Result<Judgement, SeamError> {
        let service = &self.service;
        let document = for_services(document, job, file_ids, false);
        let request = service.request(Method::POST, service.base().clone());
        let request = request.header(CONTENT_TYPE, "application/json").header(&self.user_header, user).body(document);
        let (call, answer) = service.ask(request).await?;
        if answer.status.is_success() {
            let accepted = answer.json().is_some_and(|json| json["status"] == "success");
            return if accepted { Ok(Judgement::Accepted) } else { Err(service.strange(&call, &answer, "success")) };
        }
        match answer.fault() {
            Some((message, traceback)) => Ok(Judgement::Rejected(format!("{message} ({traceback})"))),
            None => Err(service.refused(&call, &answer)),
        }
    }
}
