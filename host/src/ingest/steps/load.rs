//! `open tar` and `load metadata`: what the spool has of the bundle.

use std::io;
use std::sync::Arc;

use super::{Loaded, Run, StepError, blocking};
use crate::failpoint::{self, Point};
use crate::model::Document;
use crate::spool::Fault;

impl Run<'_> {
    /// Takes up the manifest and fails of a bundle that is no tar at all.
    pub(in crate::ingest) async fn open_tar(&mut self) -> Result<(), StepError> {
        let (spool, id) = (self.pipeline.spool.clone(), self.id());
        let manifest = blocking(move || spool.manifest(id)).await?.map_err(|error| spool_failed(&error))?;
        self.manifest = manifest.ok_or_else(gone)?;
        match &self.manifest.fault {
            Some(Fault::NoTar(what)) => Err(StepError::Final(what.clone())),
            _ => Ok(()),
        }
    }

    /// Parses the document, and gives ids to its files.
    pub(in crate::ingest) async fn load_metadata(&mut self) -> Result<(), StepError> {
        if let Some(Fault::Broken(what) | Fault::Metadata(what)) = &self.manifest.fault {
            return Err(StepError::Final(what.clone()));
        }
        let (spool, id) = (self.pipeline.spool.clone(), self.id());
        let parsed = blocking(move || spool.metadata(id).map(Document::parse)).await?;
        let parsed = parsed.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StepError::Final("the bundle has no metadata.txt".to_owned()),
            _ => spool_failed(&error),
        })?;
        let document = Arc::new(parsed.map_err(|error| StepError::Final(error.to_string()))?);

        let files = document.files().len() as u64;
        let file_ids = self.pipeline.ids.files(self.id(), files, !self.is_first()).await?;
        failpoint::pass(Point::JobLoaded);
        self.loaded = Some(Loaded { document, file_ids });
        Ok(())
    }
}

/// A job whose spool is gone cannot be worked off. Nobody but an admin removes it.
fn gone() -> StepError {
    StepError::Final("the bundle is no longer in the spool; send it again".to_owned())
}

fn spool_failed(error: &io::Error) -> StepError {
    StepError::Temporary(format!("the spool cannot be read: {error}"))
}
