//! The bundle as rules see it.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, OnceLock};

use super::bindings::types::FileInfo;
use crate::model::{Document, FileId, JobId, JobKind, Timestamp};

/// Where the contents of a bundle's files come from.
pub trait Contents: Send + Sync {
    /// Opens the file of this index among the document's `Files` rows, for reading; none where it is not at hand.
    fn open(&self, file: usize) -> Option<File>;
}

/// The contents of a dry run: none are at hand.
#[derive(Clone, Copy, Debug)]
pub struct NoContents;

impl Contents for NoContents {
    fn open(&self, _file: usize) -> Option<File> {
        None
    }
}

/// All that rules may see of one bundle. Shared by the calls of all rules.
pub struct Bundle {
    /// The job; none in a dry run.
    pub job: Option<JobId>,
    /// Upload or move.
    pub kind: JobKind,
    /// Who sent it.
    pub user: String,
    /// When it was received.
    pub received: Timestamp,
    /// Its metadata.
    pub document: Arc<Document>,
    /// The ids given to its files, in order; empty in a dry run.
    pub file_ids: Vec<FileId>,
    /// Its files' contents.
    pub contents: Arc<dyn Contents>,
    infos: OnceLock<Vec<FileInfo>>,
    by_path: OnceLock<HashMap<String, usize>>,
}

impl Bundle {
    /// A bundle of these parts.
    pub fn new(
        job: Option<JobId>,
        kind: JobKind,
        user: String,
        received: Timestamp,
        document: Arc<Document>,
        file_ids: Vec<FileId>,
        contents: Arc<dyn Contents>,
    ) -> Self {
        Self {
            job,
            kind,
            user,
            received,
            document,
            file_ids,
            contents,
            infos: OnceLock::new(),
            by_path: OnceLock::new(),
        }
    }

    /// The `Files` rows as guests are given them, made once for all rules.
    pub(super) fn infos(&self) -> &[FileInfo] {
        self.infos.get_or_init(|| {
            let ids = self.file_ids.iter().map(|id| id.get() as u64).chain(std::iter::repeat(0));
            let infos = self.document.files().iter().zip(ids).map(|(file, id)| FileInfo {
                id,
                row: u32::try_from(file.row).unwrap_or(u32::MAX),
                path: match &file.path {
                    Ok(path) => path.as_str().to_owned(),
                    // A path that means no place is shown as it was sent, for a rule to complain of.
                    Err(_) => format!("{}/{}", file.subdir, file.name),
                },
                size: file.size.unwrap_or(0),
                mimetype: file.mimetype.clone().unwrap_or_default(),
                hash_type: file.hash_type.clone(),
                hash_sum: file.hash_sum.clone().unwrap_or_default(),
                ctime: file.ctime.clone(),
                mtime: file.mtime.clone(),
                source: file.source.clone(),
            });
            infos.collect()
        })
    }

    /// The index of the file with this path below `data/`.
    pub(super) fn file_at(&self, path: &str) -> Option<usize> {
        let by_path = self.by_path.get_or_init(|| {
            let files = self.document.files().iter().enumerate();
            files.filter_map(|(index, file)| Some((file.path.as_ref().ok()?.as_str().to_owned(), index))).collect()
        });
        by_path.get(path).copied()
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("job", &self.job).field("kind", &self.kind).finish_non_exhaustive()
    }
}
