//! `ingest files`: the files of an upload go from the spool into the archive.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use futures::{StreamExt, TryStreamExt};

use super::place::Checked;
use super::{Placing, Run, StepError, all_well, blocking};
use crate::ingest::progress::Meter;
use crate::model::{BundlePath, Digest, FileRow, HashKind, Timestamp};
use crate::seams::archive::{Incoming, Origin};
use crate::spool::Member;

/// Files that are hashed at a time, where they must be read again.
pub(super) const HASHED_AT_ONCE: usize = 4;
const BUFFER: usize = 256 << 10;

impl Run<'_> {
    /// Checks every file against its row, all before the first one moves, and puts them in their places.
    pub(in crate::ingest) async fn ingest_files(&mut self) -> Result<(), StepError> {
        self.refused()?;
        let document = self.loaded()?.document.clone();
        let members: HashMap<&BundlePath, &Member> =
            self.opened.manifest.members.iter().map(|member| (&member.path, member)).collect();
        let mut mistakes = Vec::new();
        let mut rows = Vec::with_capacity(document.files().len());
        let mut listed = HashSet::new();
        for file in document.files() {
            match check_row(file, &members, &mut listed) {
                Ok(row) => rows.push(row),
                Err(what) => mistakes.push(format!("/{}: {what}", file.row)),
            }
        }
        all_well(mistakes)?;

        // The hash function of most rows is the one the spool used already; the others are read once more.
        let again = |row: &&Row<'_>| row.member.digest.kind != row.claimed.kind;
        let to_read: u64 = rows.iter().filter(again).map(|row| row.member.size).sum();
        let to_put: u64 = rows.iter().map(|row| row.member.size).sum();
        let meter = Meter::new(to_read + to_put);
        let (spool, id) = (&self.pipeline.spool, self.id());
        // Places are reserved for files alone that were checked: one that is gone has been taken in since.
        let may_be_gone = matches!(self.placing, Placing::Reserved);
        let to_hash: Vec<_> = rows
            .iter()
            .filter(again)
            .map(|row| (spool.member(id, row.member), row.claimed.clone(), row.member.number, row.member.path.clone()))
            .collect();
        let reading = futures::stream::iter(to_hash.into_iter().map(|(file, claimed, number, path)| {
            let meter = meter.clone();
            async move {
                let kind = claimed.kind;
                match blocking(move || hash(&file, kind, &meter)).await? {
                    Ok(digest) => Ok((number, digest)),
                    Err(error) if may_be_gone && error.kind() == io::ErrorKind::NotFound => Ok((number, claimed)),
                    Err(error) => {
                        Err(StepError::Temporary(format!("data/{path} cannot be read from the spool: {error}")))
                    }
                }
            }
        }))
        .buffer_unordered(HASHED_AT_ONCE)
        .try_collect::<HashMap<_, _>>();
        let (db, epoch) = (&self.pipeline.db, self.epoch());
        let note = async |percent| Ok(db.progress(id, epoch, Timestamp::now(), percent).await?);
        let read = meter.watch(reading, note).await?;

        let wrong = rows.iter().filter_map(|row| {
            let digest = read.get(&row.member.number).unwrap_or(&row.member.digest);
            (*digest != row.claimed).then(|| wrong_digest(row.row, &row.claimed, digest))
        });
        all_well(wrong.collect())?;

        let folder = spool.job_folder(id);
        let wanted: Vec<(u32, u64, Digest)> =
            rows.into_iter().map(|row| (row.member.number, row.member.size, row.claimed)).collect();
        let files = blocking(move || {
            let origin = Origin::open(&folder)?;
            let checked = |(number, size, digest): (u32, u64, Digest)| {
                Ok(Checked { incoming: spooled(&origin, number)?, size, digest })
            };
            wanted.into_iter().map(checked).collect::<io::Result<Vec<_>>>()
        });
        let files = files.await?.map_err(|error| StepError::Temporary(format!("the spool cannot be read: {error}")))?;
        self.put_in_place(files, &meter).await
    }
}

/// A row and its member, as far as they can be compared without reading.
struct Row<'a> {
    row: &'a FileRow,
    member: &'a Member,
    claimed: Digest,
}

fn check_row<'a>(
    row: &'a FileRow,
    members: &HashMap<&BundlePath, &'a Member>,
    listed: &mut HashSet<&'a BundlePath>,
) -> Result<Row<'a>, String> {
    let path = row.path.as_ref().map_err(ToString::to_string)?;
    if !listed.insert(path) {
        return Err(format!("data/{path} is listed twice"));
    }
    let claimed = claimed_digest(row)?;
    let member = *members.get(path).ok_or_else(|| format!("data/{path} is listed but is not in the bundle"))?;
    if row.size.is_some_and(|size| size != member.size) {
        let said = row.size.unwrap_or_default();
        return Err(format!("data/{path} has {} bytes; its row says {said}", member.size));
    }
    Ok(Row { row, member, claimed })
}

/// The digest that a row claims.
pub(super) fn claimed_digest(row: &FileRow) -> Result<Digest, String> {
    let kind: HashKind = row.hash_type.parse().map_err(|error| format!("{error}"))?;
    let hex = row.hash_sum.clone().ok_or_else(|| format!("{:?} has no hashsum", row.name))?;
    Ok(Digest { kind, hex })
}

/// What is said of a file whose contents are not those that its row claims.
pub(super) fn wrong_digest(row: &FileRow, claimed: &Digest, found: &Digest) -> String {
    let path = row.path.as_ref().map_or(row.name.as_str(), BundlePath::as_str);
    format!(
        "/{}: data/{path} does not have the contents its row claims: the row says {claimed}, the file is {found}",
        row.row
    )
}

fn hash(path: &Path, kind: HashKind, meter: &Meter) -> io::Result<Digest> {
    hash_file(&mut File::open(path)?, kind, meter)
}

/// The digest of an open file, read from where it stands.
pub(super) fn hash_file(file: &mut File, kind: HashKind, meter: &Meter) -> io::Result<Digest> {
    let mut hasher = kind.hasher();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                meter.add(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A member in the spool; one that is not there has been taken in by a run before this one.
fn spooled(origin: &Origin, number: u32) -> io::Result<Incoming> {
    let name = number.to_string();
    match origin.find(Path::new(&name), true) {
        Ok((incoming, _)) => Ok(incoming),
        Err(error) if error.kind() == io::ErrorKind::NotFound => origin.place(Path::new(&name)),
        Err(error) => Err(error),
    }
}
