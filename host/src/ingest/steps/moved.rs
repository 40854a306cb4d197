//! `move files`: the files of a move go from where they lie into the archive.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};

use super::place::Checked;
use super::uploaded::{HASHED_AT_ONCE, claimed_digest, hash_file, wrong_digest};
use super::{Placing, Run, StepError, all_well, blocking};
use crate::failpoint::{self, Point};
use crate::ingest::Sources;
use crate::ingest::progress::Meter;
use crate::model::{Digest, FileRow, Timestamp};
use crate::seams::archive::{Claims, Incoming};

/// Files that one thread opens or reads in a turn.
const TURN: usize = 64;

/// A source that was found.
struct Found {
    row: usize,
    incoming: Incoming,
    /// The file, be it where it was or, where an earlier run has moved it already, in the archive; none where that has no
    /// files of this machine.
    file: Option<File>,
    claimed: Digest,
    size: u64,
}

impl Run<'_> {
    /// Finds every source and checks it against its row, all before the first one moves, and puts them in their
    /// places.
    pub(in crate::ingest) async fn move_files(&mut self) -> Result<(), StepError> {
        self.refused()?;
        let document = self.loaded()?.document.clone();
        // Only a run that came this far before can find a source gone and be right.
        let may_be_gone = matches!(self.placing, Placing::Reserved);
        let places = if may_be_gone { self.locations().await? } else { Vec::new() };
        let (sources, archive) = (self.pipeline.sources.clone(), self.pipeline.archive.clone());
        let looked_up = document.clone();
        let finding = move || {
            // What was moved by a run that was cut off may have been exchanged before that run could see it.
            let moved = |row: usize| archive.local(places.get(row)?);
            let found = find_all(&sources, looked_up.files(), may_be_gone.then_some(&moved));
            failpoint::pass(Point::MoveFound);
            found
        };
        let Search { found, mistakes, busy } = blocking(finding).await?;
        all_well(mistakes)?;
        if let Some(source) = busy {
            // When that job is over, the source is gone or is to be had.
            return Err(StepError::Temporary(format!("{source} is being moved by another job")));
        }

        let bytes: u64 = found.iter().map(|found| found.size).sum();
        let meter = Meter::new(2 * bytes);
        let mut turns = Vec::new();
        let mut rest = found.into_iter();
        loop {
            let turn: Vec<Found> = rest.by_ref().take(TURN).collect();
            if turn.is_empty() {
                break;
            }
            turns.push(turn);
        }
        let rows = Arc::new(document);
        let reading = futures::stream::iter(turns.into_iter().map(|turn| {
            let (rows, meter) = (rows.clone(), meter.clone());
            blocking(move || read_turn(turn, rows.files(), &meter))
        }))
        .buffered(HASHED_AT_ONCE)
        .try_collect::<Vec<_>>();
        let (db, id, epoch) = (&self.pipeline.db, self.id(), self.epoch());
        let note = async |percent| Ok(db.progress(id, epoch, Timestamp::now(), percent).await?);
        let (mut files, mut mistakes) = (Vec::new(), Vec::new());
        for turn in meter.watch(reading, note).await? {
            for checked in turn {
                match checked {
                    Ok(file) => files.push(file),
                    Err(what) => mistakes.push(what),
                }
            }
        }
        all_well(mistakes)?;
        self.put_in_place(files, &meter).await
    }
}

/// What became of the search for all sources.
#[derive(Default)]
struct Search {
    found: Vec<Found>,
    mistakes: Vec<String>,
    /// A source that another job has claimed.
    busy: Option<String>,
}

/// The file of a row that is in its place already.
type Moved<'a> = &'a dyn Fn(usize) -> Option<File>;

fn find_all(sources: &Sources, rows: &[FileRow], moved: Option<Moved<'_>>) -> Search {
    let mut search = Search::default();
    let (mut taken, mut listed, mut claims) = (HashSet::new(), HashSet::new(), Claims::default());
    for (index, row) in rows.iter().enumerate() {
        match find(sources, index, row, moved) {
            Ok(_) if !row.source.as_ref().is_some_and(|source| taken.insert(source.clone())) => {
                search.mistakes.push(format!("/{}/source: another row has the same source", row.row));
            }
            Ok(_) if !row.path.as_ref().is_ok_and(|path| listed.insert(path)) => {
                search.mistakes.push(format!("/{}: another row has the same subdir and name", row.row));
            }
            Ok(source) => {
                if !claims.claim(&source.incoming, source.file.as_ref()) {
                    search.busy = Some(source.incoming.path().display().to_string());
                }
                search.found.push(source);
            }
            Err(what) => search.mistakes.push(format!("/{}: {what}", row.row)),
        }
    }
    search
}

fn find(sources: &Sources, index: usize, row: &FileRow, moved: Option<Moved<'_>>) -> Result<Found, String> {
    row.path.as_ref().map_err(ToString::to_string)?;
    let source = row.source.as_deref().ok_or_else(|| format!("{:?} has no source to be moved from", row.name))?;
    let claimed = claimed_digest(row)?;
    match sources.find(source) {
        Ok((incoming, file)) => {
            let size = file.metadata().map_err(|error| format!("{source:?} cannot be read: {error}"))?.len();
            match row.size {
                Some(said) if said != size => Err(format!("{source:?} has {size} bytes; its row says {said}")),
                _ => Ok(Found { row: index, incoming, file: Some(file), claimed, size }),
            }
        }
        Err(error) => {
            let moved = moved.ok_or_else(|| error.to_string())?;
            let incoming = sources.place(source).map_err(|error| error.to_string())?;
            let file = moved(index);
            let is = file.as_ref().and_then(|file| Some(file.metadata().ok()?.len()));
            Ok(Found { row: index, incoming, file, claimed, size: row.size.or(is).unwrap_or_default() })
        }
    }
}

/// Reads some files and compares them with their rows.
fn read_turn(turn: Vec<Found>, rows: &[FileRow], meter: &Meter) -> Vec<Result<Checked, String>> {
    let check = |mut found: Found| {
        let row = &rows[found.row];
        if let Some(mut file) = found.file {
            let path = found.incoming.path().display();
            let digest = hash_file(&mut file, found.claimed.kind, meter)
                .map_err(|error| format!("/{}: {path} cannot be read: {error}", row.row))?;
            if digest != found.claimed {
                return Err(wrong_digest(row, &found.claimed, &digest));
            }
            found.incoming.hold(file);
        }
        Ok(Checked { incoming: found.incoming, size: found.size, digest: found.claimed })
    };
    turn.into_iter().map(check).collect()
}
