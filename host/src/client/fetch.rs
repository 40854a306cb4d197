//! Bringing the files of a job back, and checking that they are what was sent.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::send::{Attempts, Watcher};
use super::{Gate, GateError};
use crate::model::{BundlePath, FileId, HashKind, Hasher, JobId};

const BUFFER: usize = 256 << 10;

/// A file that the archive has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoteFile {
    /// Its id.
    pub id: FileId,
    /// Its path below `data/`.
    pub path: String,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The function of its hash.
    pub hash_type: String,
    /// Its hash.
    pub hash_sum: Option<String>,
}

/// Why a file was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The gate does not give it.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// It cannot be written here.
    #[error("{path} cannot be written: {error}", path = path.display())]
    Here {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is another file in its place.
    #[error("{} is there already and is another file; move it away, or choose another folder with --out", .0.display())]
    Taken(PathBuf),
    /// It is not what was sent.
    #[error("{path} is not what was sent: {what}; ask an administrator to run `sluice archive verify`")]
    Wrong {
        /// Its path.
        path: String,
        /// What does not fit.
        what: String,
    },
}

/// The files of a job.
pub async fn remote_files(gate: &Gate, job: JobId) -> Result<Vec<RemoteFile>, GateError> {
    #[derive(Deserialize)]
    struct Files {
        files: Vec<RemoteFile>,
    }
    let Files { files } = gate.get(&format!("/api/jobs/{job}/files")).await?;
    Ok(files)
}

/// Brings one file into a folder, below its own path. What an earlier try left is gone on with; a file that is there and
/// right is left as it is, which is what `false` says.
pub async fn fetch(gate: &Gate, file: &RemoteFile, folder: &Path, watcher: &dyn Watcher) -> Result<bool, FetchError> {
    let wrong = |what: String| FetchError::Wrong { path: file.path.clone(), what };
    // Whatever a gate says, nothing is written outside of the folder.
    let place = BundlePath::of_row("data", &file.path).map_err(|error| wrong(error.to_string()))?;
    let kind: HashKind = file.hash_type.parse().map_err(|error| wrong(format!("{error}")))?;
    let path = folder.join(place.as_str());
    let part = beside(&path);
    let here = |error| FetchError::Here { path: path.clone(), error };
    if path.symlink_metadata().is_ok() {
        let same = read_hash(&path, kind).await.map_err(here)?.finish().hex;
        return if Some(&same) == file.hash_sum.as_ref() { Ok(false) } else { Err(FetchError::Taken(path.clone())) };
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(here)?;
    }
    let mut attempts = Attempts::new();
    let hasher = loop {
        let had = fs::metadata(&part).map_or(0, |part| part.len());
        match append(gate, file, &part, kind, watcher).await {
            Ok(hasher) => break hasher,
            Err(FetchError::Gate(error)) => {
                if fs::metadata(&part).map_or(0, |part| part.len()) > had {
                    attempts.refresh();
                }
                attempts.after(error, watcher).await?;
            }
            Err(error) => return Err(error),
        }
    };
    let hash = hasher.finish();
    if Some(&hash.hex) != file.hash_sum.as_ref() {
        // Of no use to another try.
        drop(fs::remove_file(&part));
        let sent = file.hash_sum.as_deref().unwrap_or("none");
        return Err(wrong(format!("its {kind} is {}, and was {sent}", hash.hex)));
    }
    fs::rename(&part, &path).map_err(here)?;
    Ok(true)
}

/// Where a file is put together: beside its place, under a name that says that it is not whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sluice-part");
    PathBuf::from(name)
}

/// Fetches what is missing of a file, and answers the hash of all of it.
async fn append(
    gate: &Gate,
    file: &RemoteFile,
    part: &Path,
    kind: HashKind,
    watcher: &dyn Watcher,
) -> Result<Hasher, FetchError> {
    let here = |error| FetchError::Here { path: part.to_owned(), error };
    let had = fs::metadata(part).map_or(0, |part| part.len());
    let mut hasher = if had > 0 { read_hash(part, kind).await.map_err(here)? } else { kind.hasher() };
    watcher.sent(had);
    if had > 0 && Some(had) == file.size {
        return Ok(hasher);
    }
    let mut request = gate.request(Method::GET, &format!("/api/files/{}", file.id));
    if had > 0 {
        request = request.header(RANGE, format!("bytes={had}-"));
    }
    let mut answer = match gate.send(request).await {
        // What is here is longer than the file: it is the beginning of another one.
        Err(GateError::Refused { status: StatusCode::RANGE_NOT_SATISFIABLE, .. }) => {
            fs::remove_file(part).map_err(here)?;
            hasher = kind.hasher();
            gate.send(gate.request(Method::GET, &format!("/api/files/{}", file.id))).await?
        }
        answer => answer?,
    };
    let expected = format!("bytes {had}-");
    let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let partial = answer.status() == StatusCode::PARTIAL_CONTENT;
    let goes_on = partial && range.is_some_and(|range| range.starts_with(&expected));
    let mut options = fs::File::options();
    let open = if goes_on { options.append(true) } else { options.write(true).truncate(true) };
    let mut open = open.create(true).open(part).map_err(here)?;
    let mut there = had;
    if !goes_on {
        (hasher, there) = (kind.hasher(), 0);
    }
    loop {
        let piece = answer.chunk().await.map_err(|error| gate.unreachable(&error))?;
        let Some(piece) = piece else { return Ok(hasher) };
        open.write_all(&piece).map_err(here)?;
        hasher.update(&piece);
        there += piece.len() as u64;
        watcher.sent(there);
    }
}

/// Reads a file into a hash.
async fn read_hash(path: &Path, kind: HashKind) -> io::Result<Hasher> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let (mut file, mut hasher, mut buffer) = (fs::File::open(path)?, kind.hasher(), vec![0; BUFFER]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hasher),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    });
    read.await.map_err(io::Error::other)?
}
