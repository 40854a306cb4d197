//! What can be exchanged: the archive, the metadata store, the source of ids; and who else is asked.
//!
//! Each is a trait with the embedded form beside it, and a form that asks one of Pacifica's services. An implementation
//! says of every failure whether trying again may help; the pipeline does the trying.

pub mod archive;
pub mod ids;
pub mod metadata;
pub(crate) mod policy;
pub(crate) mod service;

use std::sync::Arc;

use anyhow::Context as _;

use crate::config::{ArchiveUrl, ServiceUrl, Settings};
use crate::db::Db;
use archive::{Archive, FolderArchive, PacificaArchive, StoreArchive};
use ids::{Ids, TableIds, UniqueIds};
use metadata::{MetadataService, MetadataStore, TableMetadata};
use policy::PolicyService;
use service::Service;

/// Files that are sent to a store of objects at a time.
const STORE_CONCURRENCY: usize = 4;

/// Whatever a site has behind its seams.
#[derive(Clone)]
pub(crate) struct Seams {
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) metadata: Arc<dyn MetadataStore>,
    pub(crate) policy: Option<PolicyService>,
}

/// What the settings say, any mix of the gate's own and of services.
pub(crate) fn open(settings: &Settings, db: &Db) -> anyhow::Result<Seams> {
    let (services, http) = (&settings.services, service::client()?);
    let service = |name, url: &ServiceUrl| Service::new(&http, name, url, services.timeout);
    Ok(Seams {
        archive: open_archive(settings, &http, Some(db))?,
        ids: match &services.ids {
            Some(url) => Arc::new(UniqueIds { service: service("UniqueID", url), db: db.clone() }),
            None => Arc::new(TableIds::new(db.clone())),
        },
        metadata: match &services.metadata {
            Some(url) => Arc::new(MetadataService(service("metadata", url))),
            None => Arc::new(TableMetadata(db.clone())),
        },
        policy: services.policy.as_ref().map(|url| PolicyService {
            service: service("policy", url),
            user_header: settings.http.user_header.clone(),
        }),
    })
}

/// The archive alone. What puts files there needs the database, in which it is on record what was begun.
pub(crate) fn open_archive(
    settings: &Settings,
    http: &reqwest::Client,
    db: Option<&Db>,
) -> anyhow::Result<Arc<dyn Archive>> {
    let services = &settings.services;
    Ok(match &settings.archive {
        ArchiveUrl::Folder(folder) => {
            let open = FolderArchive::open(folder);
            Arc::new(open.with_context(|| format!("the archive folder {} cannot be made", folder.display()))?)
        }
        ArchiveUrl::Pacifica(url) => {
            let service = Service::new(http, "archive interface", url, services.timeout);
            let concurrency = services.archive_concurrency.unwrap_or(1);
            let scratch = settings.spool.folder.clone();
            Arc::new(PacificaArchive::new(service, concurrency, services.ids.is_none(), scratch))
        }
        ArchiveUrl::Store(url) => {
            Arc::new(StoreArchive::open(url, services.archive_concurrency.unwrap_or(STORE_CONCURRENCY), db)?)
        }
    })
}

/// Why something behind a seam did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SeamError {
    /// It answered, and the answer is no: trying again gives the same. The text is for the uploader.
    #[error("{0}")]
    Refused(String),
    /// It did not answer, or could not: trying again may help.
    #[error("{0}")]
    Unavailable(String),
    /// It was asked and said nothing, for so long: trying again may help, as far as there is patience left.
    #[error("{why}")]
    Silent {
        /// The text for the uploader.
        why: String,
        /// How long it was waited for.
        waited: std::time::Duration,
    },
}

impl From<crate::db::DbError> for SeamError {
    fn from(error: crate::db::DbError) -> Self {
        if error.is_temporary() {
            Self::Unavailable(format!("the database does not answer: {error}"))
        } else {
            Self::Refused(format!("the database refuses: {error}"))
        }
    }
}
