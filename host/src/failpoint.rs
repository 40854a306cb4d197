//! Points at which a test can have the program die, fail or dawdle.
//!
//! Only builds with debug assertions have them: in any other, `reach` and `pass` are empty and leave nothing behind, and
//! the variable is refused as one that no setting has. Here `SLUICE_FAILPOINTS` names a file, which is read whenever a
//! point is reached, so that faults come and go while the program runs. A line of it is `POINT=ACTION`, perhaps with
//! `@N` behind it: only the Nth time, counted from when the line was first seen. The actions:
//!
//! - `kill`: SIGKILL, as a crash would have it; nothing is unwound or tidied up;
//! - `error:ENOSPC`, `error:EIO`, `error:EROFS`: what the operating system says of a disk that is full, fails, or cannot be
//!   written (only where the point is followed by something that can fail so);
//! - `delay:MILLISECONDS`: a disk that is slow;
//! - `hold`: a pause until the line is gone from the file, so that a test can do something at that very moment.
//!
//! Each point that takes effect is noted in a file beside it, `….reached`, so that a test can tell that it was.

use std::io;

/// The variable that names the file.
pub const VARIABLE: &str = "SLUICE_FAILPOINTS";

/// Whether this program has failpoints.
pub const COMPILED_IN: bool = cfg!(debug_assertions);

macro_rules! points {
    ($($(#[$doc:meta])* $id:ident = $name:literal;)*) => {
        /// A point of the program. The list is the only one: tests go through all of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $id,)*
        }

        impl Point {
            /// All of them, in the order in which a bundle comes to them.
            pub const ALL: &[Self] = &[$(Self::$id,)*];

            /// Its name in the file.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

points! {
    /// The row of a bundle that is to be received is made.
    IntakeRow = "intake.row";
    /// An upload whose server died is ended; what was received of it is still there.
    SweepInterrupted = "sweep.interrupted";
    /// Something of a member is about to be written. May fail.
    SpoolMember = "spool.member";
    /// All members are written, and no manifest. May fail.
    SpoolMembers = "spool.members";
    /// The manifest is written; nothing is synced. May fail.
    SpoolManifest = "spool.manifest";
    /// All of it is synced, and the job not committed. May fail.
    SpoolSynced = "spool.synced";
    /// Any transaction is about to be committed. May fail.
    DbCommit = "db.commit";
    /// It is committed, and not yet durable.
    DbCommitted = "db.committed";
    /// The log of SQLite is about to be flushed. May fail.
    DbFlush = "db.flush";
    /// The job is committed, and nobody told.
    IntakeCommitted = "intake.committed";
    /// A worker is about to be told.
    QueuePush = "queue.push";
    /// A worker is told, the client not answered.
    IntakeWoken = "intake.woken";
    /// A part of an upload is on disk, its client not answered.
    UploadsAppended = "uploads.appended";
    /// An upload in parts has become a job, and does not know it yet.
    UploadsJob = "uploads.job";
    /// A worker has claimed a job.
    JobClaimed = "job.claimed";
    /// Its metadata is loaded, its files have ids.
    JobLoaded = "job.loaded";
    /// The rules have judged it; the report is not kept.
    JobJudged = "job.judged";
    /// The report is kept.
    JobReported = "job.reported";
    /// The sources of a move are found and opened, and not read.
    MoveFound = "move.found";
    /// The places in the archive are reserved, and empty.
    JobReserved = "job.reserved";
    /// A file is about to be renamed into its place. May fail.
    ArchivePut = "archive.put";
    /// A file is in its place, and not yet seen to be the one that was checked. May fail.
    ArchivePlaced = "archive.placed";
    /// A file from another file system is copied aside, not synced. May fail.
    ArchiveCopying = "archive.copying";
    /// The copy is in its place, and aside still.
    ArchiveLinked = "archive.linked";
    /// Some files are in their places, which are not synced. May fail.
    ArchiveSync = "archive.sync";
    /// They are synced.
    ArchiveSynced = "archive.synced";
    /// A copy is safe, and its original is about to go.
    ArchiveCopied = "archive.copied";
    /// All files of a job are in their places.
    JobPlaced = "job.placed";
    /// The metadata is recorded.
    MetadataRecorded = "metadata.recorded";
    /// The job has ended well; the spool has its bundle still.
    JobFinished = "job.finished";
    /// The spool is cleared.
    SpoolCleared = "spool.cleared";
    /// A job is about to fail, and its files may be in the archive.
    JobFailing = "job.failing";
    /// A file is copied back to another file system, where it came from, and not gone from the archive. May fail.
    ArchiveGivenBack = "archive.given-back";
    /// A file is back where it came from.
    ArchiveReturned = "archive.returned";
    /// All of them are; the places are reserved still.
    JobTakenBack = "job.taken-back";
    /// The places are given up; the job has not ended.
    JobReleased = "job.released";
    /// An event is taken up.
    OutboxTaken = "outbox.taken";
    /// It is delivered, and that is not recorded.
    OutboxPosted = "outbox.posted";
    /// It is recorded.
    OutboxNoted = "outbox.noted";
    /// A policy is checked, and no revision.
    PolicyChecked = "policy.checked";
    /// The revision is durable, and not in force here.
    PolicyRecorded = "policy.recorded";
    /// It is in force, and its author not answered.
    PolicyPublished = "policy.published";
}

/// A point at which something may fail: answers the error that was ordered. Blocks where a delay or a hold was.
#[inline(always)]
#[cfg_attr(not(debug_assertions), allow(unused_variables, clippy::unnecessary_wraps))]
pub(crate) fn reach(point: Point) -> io::Result<()> {
    #[cfg(debug_assertions)]
    ordered::carry_out(point)?;
    Ok(())
}

/// A point at which only the program's death matters.
#[inline(always)]
pub(crate) fn pass(point: Point) {
    drop(reach(point));
}

#[cfg(debug_assertions)]
mod ordered {
    use std::collections::HashMap;
    use std::ffi::OsString;
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::path::{Path, PathBuf};
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::time::Duration;

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};

    use super::{Point, VARIABLE};

    static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    /// How often each line that has a number was come to.
    static SEEN: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Action {
        Kill,
        Error(Errno),
        Delay(Duration),
        Hold,
    }

    /// How often a held point looks whether it may go on.
    const LOOK: Duration = Duration::from_millis(2);

    pub(super) fn carry_out(point: Point) -> io::Result<()> {
        let Some(file) = &*FILE else { return Ok(()) };
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let Some((line, action, turn)) = text.lines().find_map(|line| order(line, point)) else { return Ok(()) };
        if turn.is_some_and(|turn| count(line) != turn) {
            return Ok(());
        }
        note(file, point);
        match action {
            Action::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                loop {
                    std::thread::park();
                }
            }
            Action::Error(errno) => Err(errno.into()),
            Action::Delay(time) => {
                std::thread::sleep(time);
                Ok(())
            }
            Action::Hold => {
                while std::fs::read_to_string(file).unwrap_or_default().lines().any(|ordered| ordered == line) {
                    std::thread::sleep(LOOK);
                }
                Ok(())
            }
        }
    }

    /// What a line orders for a point. One that cannot be read is a mistake of the test's that must not pass for a success.
    pub(super) fn order(line: &str, point: Point) -> Option<(&str, Action, Option<u64>)> {
        let (name, order) = line.split_once('=')?;
        if name != point.name() {
            return None;
        }
        let (action, turn) = match order.split_once('@') {
            Some((action, turn)) => (action, Some(turn.parse().expect("a number after @"))),
            None => (order, None),
        };
        let action = match action.split_once(':').unwrap_or((action, "")) {
            ("kill", "") => Action::Kill,
            ("hold", "") => Action::Hold,
            ("error", "ENOSPC") => Action::Error(Errno::NOSPC),
            ("error", "EIO") => Action::Error(Errno::IO),
            ("error", "EROFS") => Action::Error(Errno::ROFS),
            ("delay", time) => Action::Delay(Duration::from_millis(time.parse().expect("milliseconds"))),
            _ => panic!("{line:?} orders nothing that is known"),
        };
        Some((line, action, turn))
    }

    fn count(line: &str) -> u64 {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.get_or_insert_default().entry(line.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn note(file: &Path, point: Point) {
        let mut beside = OsString::from(file);
        beside.push(".reached");
        let noted = File::options().create(true).append(true).open(beside);
        drop(noted.and_then(|mut noted| noted.write_all(format!("{}\n", point.name()).as_bytes())));
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use rustix::io::Errno;

    use super::ordered::{Action, order};
    use super::*;

    #[test]
    fn no_two_points_have_one_name() {
        let names: BTreeSet<&str> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }

    #[test]
    fn a_line_orders_something_for_its_point_and_for_no_other() {
        let read = |line| order(line, Point::DbFlush).map(|(_, action, turn)| (action, turn));
        assert_eq!(read("db.flush=kill@3"), Some((Action::Kill, Some(3))));
        assert_eq!(read("db.flush=error:EIO"), Some((Action::Error(Errno::IO), None)));
        assert_eq!(read("db.flush=delay:50"), Some((Action::Delay(Duration::from_millis(50)), None)));
        assert_eq!(read("db.flush=hold@2"), Some((Action::Hold, Some(2))));
        assert_eq!(read("db.flush"), None);
        assert_eq!(read("db.commit=kill"), None);
    }
}
