//! Where the contents of a bundle's files are, as far as rules may read them.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::Sources;
use crate::db::ArchivedFile;
use crate::model::{Document, Job, JobKind};
use crate::plugin::Contents;
use crate::seams::archive::{Archive, Location};
use crate::spool::{Manifest, Spool};

/// The contents of a bundle that is not in the archive yet: an upload's in the spool, a move's where they lie.
pub(super) fn waiting(
    job: &Job,
    manifest: &Manifest,
    document: &Arc<Document>,
    spool: &Spool,
    sources: &Arc<Sources>,
) -> Arc<dyn Contents> {
    match job.kind {
        JobKind::Upload => {
            let members: HashMap<_, _> = manifest.members.iter().map(|member| (&member.path, member)).collect();
            let path = |path| Some(spool.member(job.id, members.get(path)?));
            let paths = document.files().iter().map(|file| path(file.path.as_ref().ok()?));
            Arc::new(Spooled(paths.collect()))
        }
        JobKind::Move => Arc::new(AtSource { document: document.clone(), sources: sources.clone() }),
    }
}

/// The contents of a bundle that is in the archive.
pub(super) fn archived(archive: &Arc<dyn Archive>, places: &[ArchivedFile]) -> Arc<dyn Contents> {
    let place = |place: &ArchivedFile| Some((place.row, Location::new(&place.location).ok()?));
    Arc::new(Archived { archive: archive.clone(), places: places.iter().filter_map(place).collect() })
}

struct Spooled(Vec<Option<PathBuf>>);

impl Contents for Spooled {
    fn open(&self, file: usize) -> Option<File> {
        File::open(self.0.get(file)?.as_ref()?).ok()
    }
}

/// Only below the roots that moves may come from.
struct AtSource {
    document: Arc<Document>,
    sources: Arc<Sources>,
}

impl Contents for AtSource {
    fn open(&self, file: usize) -> Option<File> {
        let source = self.document.files().get(file)?.source.as_deref()?;
        self.sources.find(source).ok().map(|(_, file)| file)
    }
}

struct Archived {
    archive: Arc<dyn Archive>,
    places: HashMap<usize, Location>,
}

impl Contents for Archived {
    fn open(&self, file: usize) -> Option<File> {
        self.archive.local(self.places.get(&file)?)
    }
}
