//! Files of the archive compared to what the database says of them.
//!
//! A file of the wrong size is not read at all; one of the right size is read whole, through its hash function, on a
//! thread that may block.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinHandle;

use crate::db::{ArchivedFile, Db, DbError};
use crate::model::{Digest, FileId, JobId};
use crate::seams::SeamError;
use crate::seams::archive::{Archive, Location};

/// Rows that are asked for at a time.
const PAGE: u32 = 1_000;
/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub(super) enum Wrong {
    /// It is not there.
    Missing,
    /// It has another size than it had.
    Size { expected: u64, found: u64 },
    /// It has another digest than it had.
    Digest { expected: String, found: String },
    /// It is there, and cannot be read.
    Unreadable { error: String },
}

impl Wrong {
    /// In one or two words.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Size { .. } => "wrong size",
            Self::Digest { .. } => "wrong digest",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::Size { expected, found } => write!(f, "it has {found} bytes, and had {expected}"),
            Self::Digest { expected, found } => write!(f, "its digest is {found}, and was {expected}"),
            Self::Unreadable { error } => f.write_str(error),
        }
    }
}

/// A file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) file_id: FileId,
    #[serde(rename = "job_id")]
    pub(super) job: JobId,
    pub(super) location: String,
    #[serde(flatten)]
    pub(super) wrong: Wrong,
}

/// The archive, as it is read here.
#[derive(Clone)]
enum Source {
    /// A folder is read on threads that may block.
    Folder(Arc<Dir>),
    /// One that is elsewhere is asked.
    Elsewhere(Arc<dyn Archive>),
}

/// A walk over all files that the database knows.
pub(super) struct Verifier {
    archive: Source,
    threads: usize,
    last: FileId,
    files: u64,
    bytes: u64,
}

impl Verifier {
    /// Fails where the archive itself is not there: that every file is missing would be the wrong news.
    pub(super) fn open(folder: &Path, threads: usize) -> io::Result<Self> {
        let archive = Source::Folder(Arc::new(Dir::open_ambient_dir(folder, ambient_authority())?));
        Ok(Self { archive, threads, last: FileId::new(0), files: 0, bytes: 0 })
    }

    /// Over an archive that is no folder of this machine.
    pub(super) fn elsewhere(archive: Arc<dyn Archive>, threads: usize) -> Self {
        Self { archive: Source::Elsewhere(archive), threads, last: FileId::new(0), files: 0, bytes: 0 }
    }

    /// The next files; none after the last.
    pub(super) async fn page(&mut self, db: &Db) -> Result<Option<Vec<ArchivedFile>>, DbError> {
        let page = db.archived_after(self.last, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.last = last.file_id;
        Ok(Some(page))
    }

    /// Checks files, several at a time.
    pub(super) fn check(&mut self, page: Vec<ArchivedFile>) -> Checks<'_> {
        Checks { verifier: self, waiting: page.into(), running: FuturesUnordered::new() }
    }

    /// Files and bytes so far.
    pub(super) const fn totals(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }
}

/// Files that are being checked.
pub(super) struct Checks<'a> {
    verifier: &'a mut Verifier,
    waiting: VecDeque<ArchivedFile>,
    running: FuturesUnordered<JoinHandle<(u64, Option<Problem>)>>,
}

impl Checks<'_> {
    /// The next file that something is wrong with; none after the last. `watch` is told of all files and bytes so far,
    /// after each file.
    pub(super) async fn next(&mut self, mut watch: impl FnMut(u64, u64)) -> Option<Problem> {
        loop {
            while self.running.len() < self.verifier.threads
                && let Some(file) = self.waiting.pop_front()
            {
                self.running.push(match self.verifier.archive.clone() {
                    Source::Folder(archive) => tokio::task::spawn_blocking(move || {
                        let (bytes, wrong) = check(&archive, &file);
                        (bytes, problem(file, wrong))
                    }),
                    Source::Elsewhere(archive) => tokio::spawn(async move {
                        let mut read = 0;
                        let wrong = elsewhere(&*archive, &file, &mut read).await;
                        (read, problem(file, wrong.unwrap_or_else(|error| Some(Wrong::Unreadable { error }))))
                    }),
                });
            }
            let (bytes, problem) = match self.running.next().await? {
                Ok(checked) => checked,
                // A panic is a fault of ours: that the file is in order must not be concluded from it.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            self.verifier.files += 1;
            self.verifier.bytes += bytes;
            watch(self.verifier.files, self.verifier.bytes);
            if problem.is_some() {
                return problem;
            }
        }
    }
}

fn problem(file: ArchivedFile, wrong: Option<Wrong>) -> Option<Problem> {
    let ArchivedFile { file_id, job, location, .. } = file;
    wrong.map(|wrong| Problem { file_id, job, location, wrong })
}

/// Compares one file of an archive that is elsewhere. The error says why it cannot be read.
async fn elsewhere(archive: &dyn Archive, file: &ArchivedFile, read: &mut u64) -> Result<Option<Wrong>, String> {
    let said = |error: SeamError| error.to_string();
    let location = Location::new(&file.location).map_err(|error| error.to_string())?;
    match archive.size(&location).await.map_err(said)? {
        None => return Ok(Some(Wrong::Missing)),
        Some(found) if found != file.size => return Ok(Some(Wrong::Size { expected: file.size, found })),
        Some(_) => {}
    }
    let mut contents = archive.open(&location, file.size, 0..file.size).await.map_err(said)?;
    let mut hasher = file.hash.kind.hasher();
    let mut chunk = vec![0; CHUNK];
    loop {
        match contents.read(&mut chunk).await.map_err(|error| error.to_string())? {
            0 => break,
            count => {
                hasher.update(&chunk[..count]);
                *read += count as u64;
            }
        }
    }
    let found = hasher.finish();
    let same = found == file.hash;
    Ok((!same).then(|| Wrong::Digest { expected: file.hash.to_string(), found: found.to_string() }))
}

/// Whether the file is still said to be in the archive.
pub(super) async fn still_there(db: &Db, problem: &Problem) -> Result<bool, DbError> {
    let file = db.archived_file(problem.file_id).await?;
    Ok(file.is_some_and(|file| file.archived_at.is_some() && file.location == problem.location))
}

/// Compares one file. The answer is how many bytes were read, and what is wrong.
fn check(archive: &Dir, file: &ArchivedFile) -> (u64, Option<Wrong>) {
    let mut read = 0;
    let wrong = match compare(archive, file, &mut read) {
        Ok(wrong) => wrong,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Wrong::Missing),
        Err(error) => Some(Wrong::Unreadable { error: error.to_string() }),
    };
    (read, wrong)
}

fn compare(archive: &Dir, file: &ArchivedFile, read: &mut u64) -> io::Result<Option<Wrong>> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let metadata = archive.symlink_metadata(&file.location)?;
    if !metadata.is_file() {
        return Ok(Some(Wrong::Unreadable { error: "it is no regular file any more".to_owned() }));
    }
    if metadata.len() != file.size {
        return Ok(Some(Wrong::Size { expected: file.size, found: metadata.len() }));
    }
    let mut contents = archive.open(&file.location)?;
    let mut hasher = file.hash.kind.hasher();
    let mut chunk = vec![0; usize::try_from(file.size).unwrap_or(CHUNK).clamp(1, CHUNK)];
    loop {
        match contents.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&chunk[..count]);
                *read += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let found: Digest = hasher.finish();
    let same = found == file.hash;
    Ok((!same).then(|| Wrong::Digest { expected: file.hash.to_string(), found: found.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HashKind;

    fn file(location: &str, contents: &[u8]) -> ArchivedFile {
        ArchivedFile {
            file_id: FileId::new(1),
            job: JobId::new(2),
            row: 0,
            location: location.to_owned(),
            size: contents.len() as u64,
            hash: Digest::of(HashKind::Sha256, contents),
            archived_at: None,
        }
    }

    fn archive() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/x"), b"contents").unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        (folder, dir)
    }

    #[test]
    fn a_file_that_is_as_it_was_is_read_whole() {
        let (_folder, dir) = archive();
        assert_eq!(check(&dir, &file("a/x", b"contents")), (8, None));
    }

    #[test]
    fn a_changed_byte_is_found_and_a_changed_size_is_found_without_reading() {
        let (_folder, dir) = archive();
        let (read, wrong) = check(&dir, &file("a/x", b"Contents"));
        assert_eq!((read, wrong.unwrap().name()), (8, "wrong digest"));
        assert_eq!(check(&dir, &file("a/x", b"more")), (0, Some(Wrong::Size { expected: 4, found: 8 })));
    }

    #[test]
    fn what_is_gone_or_no_file_any_more_is_told_apart() {
        let (folder, dir) = archive();
        assert_eq!(check(&dir, &file("a/y", b"")).1, Some(Wrong::Missing));
        assert_eq!(check(&dir, &file("a", b"")).1.unwrap().name(), "unreadable");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("a/link")).unwrap();
        assert_eq!(check(&dir, &file("a/link", b"")).1.unwrap().name(), "unreadable");
    }

    #[tokio::test]
    async fn many_files_are_checked_at_a_time_and_every_wrong_one_is_named() {
        let (folder, _) = archive();
        let mut verifier = Verifier::open(folder.path(), 3).unwrap();
        let page =
            vec![file("a/x", b"contents"), file("a/x", b"contentz"), file("gone", b""), file("a/x", b"contents")];
        let mut seen = 0;
        let mut wrong = Vec::new();
        let mut checks = verifier.check(page);
        while let Some(problem) = checks.next(|files, _| seen = files).await {
            wrong.push(problem.wrong.name());
        }
        drop(checks);
        wrong.sort_unstable();
        assert_eq!(wrong, ["missing", "wrong digest"]);
        assert_eq!((seen, verifier.totals()), (4, (4, 24)));
        assert!(Verifier::open(&folder.path().join("gone"), 1).is_err());
    }

    #[test]
    fn a_problem_is_one_flat_object_to_programs() {
        let problem = Problem {
            file_id: FileId::new(1),
            job: JobId::new(2),
            location: "a/x".to_owned(),
            wrong: Wrong::Size { expected: 4, found: 8 },
        };
        let json = serde_json::to_value(&problem).unwrap();
        let expected = r#"{"file_id":1,"job_id":2,"location":"a/x","problem":"size","expected":4,"found":8}"#;
        assert_eq!(json, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    }
}
