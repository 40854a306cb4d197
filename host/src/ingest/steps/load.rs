//! `open tar` and `load metadata`: what the spool has of the bundle.

use std::io;
use std::sync::Arc;

use super::{Loaded, Run, StepError, blocking};
use crate::failpoint::{self, Point};
use crate::model::{Document, DocumentError, JobId};
use crate::spool::{Fault, Manifest, Spool};

/// Documents of up to so many bytes are parsed with the manifest.
const SMALL: u64 = 64 << 10;

/// What the spool has of a bundle.
#[derive(Default)]
pub(in crate::ingest) struct Opened {
    pub(in crate::ingest) manifest: Manifest,
    /// The document, where it is small and the bundle whole.
    pub(super) parsed: Option<io::Result<Result<Document, DocumentError>>>,
}

impl Opened {
    /// A bundle with this manifest, whose document nobody has looked at.
    pub(in crate::ingest) fn unread(manifest: Manifest) -> Self {
        Self { manifest, parsed: None }
    }

    /// A bundle with this manifest. Blocks.
    pub(in crate::ingest) fn read(spool: &Spool, id: JobId, manifest: Manifest) -> Self {
        // Each time that work is handed to where it may block costs more than to read and parse a small document.
        let small = manifest.fault.is_none() && spool.metadata_size(id).is_ok_and(|size| size <= SMALL);
        Self { manifest, parsed: small.then(|| parse(spool, id)) }
    }
}

impl Run<'_> {
    /// Takes up the manifest and fails of a bundle that is no tar at all.
    pub(in crate::ingest) async fn open_tar(&mut self) -> Result<(), StepError> {
        self.opened = match self.received.take() {
            Some(received) => received,
            None => {
                let (spool, id) = (self.pipeline.spool.clone(), self.id());
                let opening = blocking(move || {
                    let manifest = spool.manifest(id)?;
                    Ok(manifest.map(|manifest| Opened::read(&spool, id, manifest)))
                });
                opening.await?.map_err(|error: io::Error| spool_failed(&error))?.ok_or_else(gone)?
            }
        };
        match &self.opened.manifest.fault {
            Some(Fault::NoTar(what)) => Err(StepError::Final(what.clone())),
            _ => Ok(()),
        }
    }

    /// Parses the document, and gives ids to its files.
    pub(in crate::ingest) async fn load_metadata(&mut self) -> Result<(), StepError> {
        if let Some(Fault::Broken(what) | Fault::Metadata(what)) = &self.opened.manifest.fault {
            return Err(StepError::Final(what.clone()));
        }
        let parsed = match self.opened.parsed.take() {
            Some(parsed) => parsed,
            None => {
                let (spool, id) = (self.pipeline.spool.clone(), self.id());
                blocking(move || parse(&spool, id)).await?
            }
        };
        let parsed = parsed.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StepError::Final("the bundle has no metadata.txt".to_owned()),
            _ => spool_failed(&error),
        })?;
        let document = Arc::new(parsed.map_err(|error| StepError::Final(error.to_string()))?);

        let files = document.files().len() as u64;
        // As many as the bundle has members were given when it was received, which mostly is what its document lists.
        let given = self.claim.file_ids.take().filter(|ids| ids.len() as u64 == files);
        let file_ids = match given {
            Some(ids) => ids,
            None => self.pipeline.ids.files(self.id(), files, !self.is_first()).await?,
        };
        failpoint::pass(Point::JobLoaded);
        self.loaded = Some(Loaded { document, file_ids });
        Ok(())
    }
}

fn parse(spool: &Spool, id: JobId) -> io::Result<Result<Document, DocumentError>> {
    spool.metadata(id).map(Document::parse)
}

/// A job whose spool is gone cannot be worked off. Nobody but an admin removes it.
fn gone() -> StepError {
    StepError::Final("the bundle is no longer in the spool; send it again".to_owned())
}

fn spool_failed(error: &io::Error) -> StepError {
    StepError::Temporary(format!("the spool cannot be read: {error}"))
}
