//! Places in the archive: chosen, reserved, filled, and given up again.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::{Placing, Run, StepError};
use crate::db::{ArchivedFile, Reservation, ReserveError};
use crate::failpoint::{self, Point};
use crate::ingest::progress::Meter;
use crate::ingest::{Pipeline, Sources};
use crate::model::{BundlePath, Digest, Document, JobId, JobKind, Timestamp};
use crate::seams::archive::{Incoming, Location, Origin, Put};
use crate::spool::Spool;

/// Files that are put at once. Between two of these the percentage moves.
const BATCH: usize = 1_024;

/// A file that has been checked against its row.
pub(super) struct Checked {
    pub(super) incoming: Incoming,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

impl Run<'_> {
    /// The reason why no place was found, if a mover gave one.
    pub(super) fn refused(&self) -> Result<(), StepError> {
        match &self.placing {
            Placing::Refused(why) => Err(StepError::Final(why.clone())),
            _ => Ok(()),
        }
    }

    /// The place of each file, in the order of the rows.
    pub(super) async fn locations(&self) -> Result<Vec<Location>, StepError> {
        let loaded = self.loaded()?;
        let valid = |path: &str| Location::new(path).map_err(|error| StepError::Final(error.to_string()));
        match &self.placing {
            Placing::Refused(why) => Err(StepError::Final(why.clone())),
            // The policy has seen to it that there is one place for each file.
            Placing::Planned(places) => {
                let mut places: Vec<_> = places.iter().collect();
                places.sort_by_key(|place| place.file);
                places.into_iter().map(|place| valid(&place.path)).collect()
            }
            Placing::Default => {
                let path = |file: &crate::model::FileRow| match &file.path {
                    Ok(path) => valid(&format!("{}/{path}", self.id())),
                    Err(error) => Err(StepError::Final(error.to_string())),
                };
                loaded.document.files().iter().map(path).collect()
            }
            Placing::Reserved => {
                let mut reserved = self.pipeline.db.archived(self.id()).await?;
                reserved.sort_by_key(|file| file.row);
                if reserved.len() != loaded.document.files().len() {
                    return Err(StepError::Final("the places reserved are not those of the bundle".to_owned()));
                }
                reserved.iter().map(|file| valid(&file.location)).collect()
            }
        }
    }

    /// Reserves the places of all files and puts the files there. The intent is on record before the first is touched.
    pub(super) async fn put_in_place(&mut self, files: Vec<Checked>, meter: &Meter) -> Result<(), StepError> {
        let archive = self.pipeline.archive.clone();
        let locations = self.locations().await?;
        let ids = self.loaded()?.file_ids.iter();
        let locations: Vec<Location> =
            locations.into_iter().zip(ids.clone()).map(|(planned, id)| archive.place(planned, *id)).collect();
        clashes(&locations)?;
        let wanted = ids.zip(&locations).zip(&files).enumerate().map(|(row, ((id, location), file))| Reservation {
            file_id: *id,
            row,
            location: location.to_string(),
            size: file.size,
            hash: file.digest.clone(),
        });
        let (db, wanted) = (&self.pipeline.db, wanted.collect::<Vec<_>>());
        let reserved = match self.unreported.take() {
            Some(report) => db.reserve_reported(&wanted, &report, self.epoch(), Timestamp::now()).await,
            None => db.reserve(self.id(), &wanted).await,
        };
        reserved.map_err(|error| match error {
            ReserveError::Db(error) => error.into(),
            error => StepError::Final(error.to_string()),
        })?;
        failpoint::pass(Point::JobReserved);
        let (job, moved) = (self.id(), self.kind() == JobKind::Move);
        let put = |(file, location): (Checked, Location)| Put {
            incoming: Arc::new(file.incoming),
            location,
            size: file.size,
            job,
            moved,
        };
        let puts: Vec<Put> = files.into_iter().zip(locations).map(put).collect();
        if moved && archive.leaves_originals() {
            self.originals = puts.iter().map(|put| put.incoming.clone()).collect();
        }

        let taken = meter.taken();
        let (db, id, epoch) = (&self.pipeline.db, self.id(), self.epoch());
        // Only this worker has the job: what is left of earlier ones is nobody's.
        if !self.is_first() {
            archive.give_up(id).await?;
        }
        let fill = async {
            for batch in puts.chunks(BATCH) {
                archive.put(batch.to_vec(), &taken).await?;
            }
            Ok::<_, StepError>(())
        };
        meter.watch(fill, async |percent| Ok(db.progress(id, epoch, Timestamp::now(), percent).await?)).await?;
        failpoint::pass(Point::JobPlaced);
        Ok(())
    }
}

/// Two files at one place.
fn clashes(locations: &[Location]) -> Result<(), StepError> {
    let mut taken = HashSet::with_capacity(locations.len());
    let mistakes = locations.iter().filter(|location| !taken.insert(location.as_str()));
    super::all_well(mistakes.map(|location| format!("two files would lie at {location}")).collect())
}

impl Pipeline {
    /// Takes everything back that a job has put into the archive, and gives up its places. Where it has none, nothing
    /// is done; cut off half-way, it can be done again.
    pub(in crate::ingest) async fn take_back(&self, job: JobId) -> Result<(), StepError> {
        let reserved = self.db.archived(job).await?;
        if reserved.is_empty() {
            return Ok(());
        }
        let (spool, sources) = (self.spool.clone(), self.sources.clone());
        let puts = super::blocking(move || homes(&spool, &sources, job, &reserved)).await?;
        self.archive.take_back(puts.map_err(|error| StepError::Final(format!("{error:#}")))?).await?;
        failpoint::pass(Point::JobTakenBack);
        self.db.release(job).await?;
        failpoint::pass(Point::JobReleased);
        Ok(())
    }
}

/// Where each file goes back to.
fn homes(spool: &Spool, sources: &Sources, job: JobId, reserved: &[ArchivedFile]) -> anyhow::Result<Vec<Put>> {
    let document = Document::parse(spool.metadata(job)?)?;
    let manifest = spool.manifest(job)?.context("the spool has nothing of the job any more")?;
    let members: HashMap<&BundlePath, u32> =
        manifest.members.iter().map(|member| (&member.path, member.number)).collect();
    let folder = Origin::open(&spool.job_folder(job))?;
    let home = |file: &ArchivedFile| {
        let row = document.files().get(file.row).context("the document has no such row")?;
        let moved = manifest.members.is_empty() && row.source.is_some();
        let incoming = match &row.source {
            Some(source) if moved => sources.place(source)?,
            _ => {
                let member =
                    members.get(row.path.as_ref().map_err(Clone::clone)?).context("there is no such member")?;
                folder.place(Path::new(&member.to_string()))?
            }
        };
        let location = Location::new(&file.location)?;
        Ok(Put { incoming: Arc::new(incoming), location, size: file.size, job, moved })
    };
    reserved.iter().map(home).collect()
}
