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

impl Transaction {
    /// As the gate's own tables have it.
    pub(crate) fn rows(&self) -> NewTransaction<'_> {
        NewTransaction {
            job: self.job,
            user: &self.user,
            received: self.received,
            document: &self.document,
            file_ids: &self.file_ids,
        }
    }
}

/// A metadata store.
#[async_trait]
pub trait MetadataStore: Send + Sync {
    /// Records a transaction. One that is recorded already, just so, is no error.
    async fn put(&self, transaction: &Transaction) -> Result<(), SeamError>;

    /// Whether a transaction, which it would record, can as well be recorded with the end of its job ([`Db::finish_with`]). Fails
    /// where it would refuse it by its own rules.
    fn may_wait(&self, _transaction: &Transaction) -> Result<bool, SeamError> {
        Ok(false)
    }

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
        self.0.put_transaction(&transaction.rows()).await.map_err(|error| match error {
            PutTransactionError::Db(error) => error.into(),
            error => SeamError::Refused(error.to_string()),
        })
    }

    fn may_wait(&self, transaction: &Transaction) -> Result<bool, SeamError> {
        rules::check(&transaction.document).map_err(SeamError::Refused)?;
        Ok(true)
    }

    /// It compares what it has with what comes.
    fn is_told_of_repeats(&self) -> bool {
        false
    }
}
