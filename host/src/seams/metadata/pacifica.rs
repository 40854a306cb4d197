//! A Pacifica metadata service.

use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use super::{MetadataStore, SeamError, Transaction};
use crate::seams::service::{Answer, Service, for_services};

/// The service. It has rules of its own, and its no is final.
pub(crate) struct MetadataService(pub(crate) Service);

#[async_trait]
impl MetadataStore for MetadataService {
    async fn put(&self, transaction: &Transaction) -> Result<(), SeamError> {
        let Self(service) = self;
        let Transaction { job, document, file_ids, again, .. } = transaction;
        let document = for_services(document, *job, file_ids, true);
        let request = service.request(Method::PUT, service.base().clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(document);
        let (call, answer) = service.ask(request).await?;
        if answer.status.is_success() {
            let done = answer.json().is_some_and(|json| json["status"] == "success");
            return if done { Ok(()) } else { Err(service.strange(&call, &answer, "success")) };
        }
        if *again && is_there(&answer) {
            tracing::info!(%job, "the metadata service has the transaction from a try whose answer was lost");
            return Ok(());
        }
        Err(service.refused(&call, &answer))
    }
}

/// Whether the answer is that the transaction is there already. The service takes a document whole or not at all.
fn is_there(answer: &Answer) -> bool {
    let message = answer.fault().map(|(message, _)| message.to_lowercase()).unwrap_or_default();
    let words = ["duplicate", "already", "exists"];
    answer.status == StatusCode::BAD_REQUEST && words.iter().any(|word| message.contains(word))
}
