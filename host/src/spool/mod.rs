//! Where bundles wait, durable, until a worker has brought them into the archive.
//!
//! `SPOOL/JOB/` holds `metadata.txt`, the data members under numbers (so that no name from a tar ever reaches the
//! file system) and, written last, `manifest.json`. A member is written once, and hashed while it is.
//!
//! What [`Spool::receive_tar`] and [`Spool::receive_document`] promise: when they return well, everything is on disk
//! (files, folder and the folder's entry are synced); when they do not, the job's folder is gone, unless it was there before.

mod body;
mod manifest;
mod members;
mod uploads;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use body::{BodyError, BodyReader, body_channel};
pub use manifest::{Fault, Ignored, Manifest, Member};
pub use members::MemberLimits;
pub use uploads::{AppendError, LockError, Locked, Purpose, UploadId, UploadRecord, UploadStore};

use crate::disk::{self, Disk};
use crate::failpoint::{self, Point};
use crate::model::JobId;

const METADATA: &str = "metadata.txt";
const MANIFEST: &str = "manifest.json";

/// The spool folder.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
    limits: MemberLimits,
    disk: Disk,
}

/// Why a bundle could not be received. What is wrong with the bundle itself is no reason: that is the manifest's to
/// tell, and the job's tasks to judge.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The client's side: it went away, fell silent, or sent too much.
    #[error(transparent)]
    Body(BodyError),
    /// Our side: the disk is full or failing.
    #[error("the spool cannot be written: {0}")]
    Storage(#[source] io::Error),
    /// The spool has something of a job of this id, which is left as it is.
    #[error("the spool has a bundle of this id already")]
    Taken,
}

impl ReceiveError {
    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Storage(error) if matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ))
    }

    /// An error of a read or a write, told apart by what it carries.
    fn of(error: io::Error) -> Self {
        match error.downcast::<BodyError>() {
            Ok(body) => Self::Body(body),
            Err(error) => Self::Storage(error),
        }
    }
}

impl Spool {
    /// The spool in this folder, which is made where it is not there.
    pub fn open(folder: &Path, limits: MemberLimits) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let disk = Disk::of(fs::File::open(folder)?)?;
        Ok(Self { folder: folder.to_owned(), limits, disk })
    }

    /// The folder of all jobs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a job.
    pub fn job_folder(&self, job: JobId) -> PathBuf {
        self.folder.join(job.to_string())
    }

    /// Receives an upload. Blocks until the body has ended.
    pub fn receive_tar(&self, job: JobId, mut body: impl Read) -> Result<Manifest, ReceiveError> {
        self.receive(job, |folder| {
            let manifest = members::receive(folder, &self.limits, &mut body)?;
            // What follows the end of the archive, or its first fault, is of no use, but the client wants to be heard
            // out: its answer is the state of the job.
            io::copy(&mut body, &mut io::sink())?;
            Ok(manifest)
        })
    }

    /// Receives the document of a move.
    pub fn receive_document(&self, job: JobId, document: &[u8]) -> Result<Manifest, ReceiveError> {
        self.receive(job, |folder| {
            fs::write(folder.join(METADATA), document)?;
            Ok(Manifest { metadata: true, ..Manifest::default() })
        })
    }

    fn receive(&self, job: JobId, fill: impl FnOnce(&Path) -> io::Result<Manifest>) -> Result<Manifest, ReceiveError> {
        let folder = self.job_folder(job);
        fs::create_dir(&folder).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => ReceiveError::Taken,
            _ => ReceiveError::Storage(error),
        })?;
        let kept = fill(&folder).and_then(|manifest| {
            failpoint::reach(Point::SpoolMembers)?;
            fs::write(folder.join(MANIFEST), serde_json::to_vec(&manifest)?)?;
            failpoint::reach(Point::SpoolManifest)?;
            // The members, metadata.txt and the manifest, the folder and the one above.
            self.disk.sync(manifest.members.len() + 4, || {
                disk::sync_with_contents(&folder)?;
                disk::sync_all(&self.folder)
            })?;
            failpoint::reach(Point::SpoolSynced)?;
            Ok(manifest)
        });
        kept.map_err(|error| {
            if let Err(error) = self.remove(job) {
                tracing::warn!(%job, %error, "what was received of an upload could not be removed");
            }
            ReceiveError::of(error)
        })
    }

    /// What was received of a job; none where the spool has nothing of it.
    pub fn manifest(&self, job: JobId) -> io::Result<Option<Manifest>> {
        match fs::read(self.job_folder(job).join(MANIFEST)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A job's metadata document, as it was received.
    pub fn metadata(&self, job: JobId) -> io::Result<Vec<u8>> {
        fs::read(self.job_folder(job).join(METADATA))
    }

    /// The size of that document.
    pub fn metadata_size(&self, job: JobId) -> io::Result<u64> {
        Ok(fs::metadata(self.job_folder(job).join(METADATA))?.len())
    }

    /// Where a member lies until the archive takes it.
    pub fn member(&self, job: JobId, member: &Member) -> PathBuf {
        self.job_folder(job).join(member.number.to_string())
    }

    /// Forgets a job. A job that the spool has nothing of is no error.
    pub fn remove(&self, job: JobId) -> io::Result<()> {
        match fs::remove_dir_all(self.job_folder(job)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// How long ago something of a job was written last; none where the spool has nothing of it.
    pub fn age(&self, job: JobId) -> io::Result<Option<std::time::Duration>> {
        match fs::metadata(self.job_folder(job)) {
            Ok(metadata) => Ok(Some(metadata.modified()?.elapsed().unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The jobs that the spool has something of.
    pub fn jobs(&self) -> io::Result<Vec<JobId>> {
        let mut jobs = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            jobs.extend(name.to_str().and_then(|name| name.parse::<JobId>().ok()));
        }
        Ok(jobs)
    }
}
