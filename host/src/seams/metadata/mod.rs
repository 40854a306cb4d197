//! Where the metadata of accepted bundles ends up.

mod pacifica;
mod rules;

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;
use crate::db::{Db, NewTransaction, PutTransactionError};
use crate::model::{Document, FileId, JobId, Timestamp};

pub(crate) use pacifica::MetadataService;

/// An accepted bundle's metadata.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The job, whose id is the transaction's.
    pub job: JobId,
    /// Who sent it.
    pub user: String,
    /// When it was received.
    pub received: Timestamp,
    /// The document.
    pub document: Arc<Document>,
    /// The ids of its files, in order.
    pub file_ids: Vec<FileId>,
    /// Whether it was put before, by a run that never heard the answer or was cut off.
    pub again: bool,
}

/// A metadata store.
#[async_trait]
pub trait MetadataStore: Send + Sync {
    /// Records a transaction. One that is recorded already, just so, is no error.
    async fn put(&self, transaction: &Transaction) -> Result<(), SeamError>;

    /// Whether it has to be told that it may have a transaction already ([`Transaction::again`]).
    fn is_told_of_repeats(&self) -> bool {
        true
    }
}

/// The gate's own tables, with the rules that Pacifica's metadata service has.
#[derive(Clone)]
pub struct TableMetadata(pub Db);

#[async_trait]
impl MetadataStore for TableMetadata {
    async fn put(&self, transaction: &Transaction) -> Result<(), SeamError> {
        rules::check(&transaction.document).map_err(SeamError::Refused)?;
        let new = NewTransaction {
            job: transaction.job,
            user: &transaction.user,
            received: transaction.received,
            document: &transaction.document,
            file_ids: &transaction.file_ids,
        };
        self.0.put_transaction(&new).await.map_err(|error| match error {
            PutTransactionError::Db(error) => error.into(),
            error => SeamError::Refused(error.to_string()),
        })
    }

    /// It compares what it has with what comes.
    fn is_told_of_repeats(&self) -> bool {
        false
    }
}
