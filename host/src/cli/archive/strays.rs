//! Files in the archive that no row names.
//!
//! The search is right while a server works: what is on its way into the archive when the search begins is known by
//! its job's reservations, and what arrives later is newer than the search.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::db::{Db, DbError, JobFilter};
use crate::model::Stage;

/// The archive's own folder, for what is written aside. No row names a place in it.
use crate::seams::archive::ASIDE;
/// Jobs that are asked for at a time.
const PAGE: u32 = 1_000;

/// A search in the making: it is told of all that is known, and then looks.
pub(super) struct Search {
    /// Half of a digest of each known location: 16 bytes in place of a path, as there may be a hundred million.
    known: HashSet<[u8; 16]>,
    began: SystemTime,
}

impl Search {
    /// Begins with the places of jobs that have not ended. To be called before the first known file is read from the
    /// database: a job that ends in between is found there.
    pub(super) async fn begin(db: &Db) -> Result<Self, DbError> {
        let mut search = Self { known: HashSet::new(), began: SystemTime::now() };
        for stage in [Stage::Waiting, Stage::Running] {
            let mut filter = JobFilter { stage: Some(stage), limit: PAGE, ..JobFilter::default() };
            loop {
                let jobs = db.list_jobs(&filter).await?;
                for job in &jobs {
                    let places = db.archived(job.id).await?;
                    search.know(places.iter().map(|place| place.location.as_str()));
                }
                let Some(last) = jobs.last() else { break };
                filter.before = Some(last.id);
            }
        }
        Ok(search)
    }

    /// Adds locations that rows name.
    pub(super) fn know<'a>(&mut self, locations: impl Iterator<Item = &'a str>) {
        self.known.extend(locations.map(|location| half_digest(location.as_bytes())));
    }

    /// All files below the folder that are not known, in order, by their paths from there. Blocks.
    pub(super) fn walk(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut strays = Vec::new();
        self.walk_below(folder, Path::new(""), &mut strays)?;
        strays.sort_unstable();
        Ok(strays)
    }

    fn walk_below(&self, folder: &Path, below: &Path, strays: &mut Vec<String>) -> io::Result<()> {
        for entry in std::fs::read_dir(folder.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if path == Path::new(ASIDE) {
                continue;
            }
            let metadata = match entry.metadata() {
                // It was taken back while we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                self.walk_below(folder, &path, strays)?;
            } else if !self.known.contains(&half_digest(path.as_os_str().as_encoded_bytes()))
                && !self.is_newer(&metadata)
            {
                strays.push(path.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }

    /// Whether the file came to its place after the search began: a rename changes the inode's time, not the file's.
    fn is_newer(&self, metadata: &std::fs::Metadata) -> bool {
        let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = (i64::try_from(began.as_secs()).unwrap_or(i64::MAX), i64::from(began.subsec_nanos()));
        (metadata.ctime(), metadata.ctime_nsec()) >= began
    }
}

fn half_digest(location: &[u8]) -> [u8; 16] {
    let digest = blake3::hash(location);
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_folder_that_is_passed_over_is_one_that_no_row_can_name() {
        assert!(crate::seams::archive::Location::new(&format!("{ASIDE}/x")).is_err());
    }

    #[test]
    fn files_that_nobody_knows_are_named_and_those_on_their_way_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/known", "a/b/stray", ".incoming/half", "測定/stray"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let later = SystemTime::now() + Duration::from_secs(60);
        let mut search = Search { known: HashSet::new(), began: later };
        search.know(["a/known", "a/never-put"].into_iter());
        assert_eq!(search.walk(folder.path()).unwrap(), ["a/b/stray", "測定/stray"]);
        search.began = UNIX_EPOCH;
        assert!(search.walk(folder.path()).unwrap().is_empty());
    }
}
