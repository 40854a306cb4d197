//! Getting things onto the disk, many with one flush.
//!
//! A file system that is told to sync one small file commits its journal, and again for the next file. Told to sync
//! everything, it does so once, for all files of a bundle and for all bundles that are waiting at that moment: so whoever
//! has written something small asks [`Disk::flush`], and those who ask while a flush is under way share the next one.
//!
//! What a flush of everything must not do is to make a small bundle wait for the gigabytes of somebody else. Where one
//! took long, small things are synced one by one for a while.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Up to so many files are synced one by one where a flush of everything is slow.
const FEW: usize = 8;
/// A flush of everything that takes longer than this has written what others had left.
const SLOW: Duration = Duration::from_millis(250);
/// So long after a slow one, few files are synced one by one.
const WARY: Duration = Duration::from_secs(2);

/// The file system that a folder is on. Cheap to clone; all that are on the same one share their flushes.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Any folder of it: what is flushed is the file system.
    folder: File,
    turns: Mutex<Turns>,
    ended: Condvar,
}

#[derive(Debug)]
struct Turns {
    /// Whether a flush is under way.
    flushing: bool,
    /// Those who wait for the one after it.
    next: Arc<OnceLock<Outcome>>,
    /// Until when few files are better synced one by one.
    wary_until: Option<Instant>,
}

/// What came of a flush, for all who shared it.
type Outcome = Result<(), (io::ErrorKind, String)>;

impl PartialEq for Disk {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Disk {
    /// The file system that this folder is on.
    pub fn of(folder: File) -> io::Result<Self> {
        static KNOWN: Mutex<Option<HashMap<u64, Disk>>> = Mutex::new(None);
        let device = folder.metadata()?.dev();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_default();
        // One that nobody else uses may have been unmounted since, and another one mounted under its number.
        known.retain(|_, disk| Arc::strong_count(&disk.0) > 1);
        Ok(known.entry(device).or_insert_with(|| Self::new(folder)).clone())
    }

    fn new(folder: File) -> Self {
        let turns = Turns { flushing: false, next: Arc::default(), wary_until: None };
        Self(Arc::new(Shared { folder, turns: Mutex::new(turns), ended: Condvar::new() }))
    }

    /// Blocks until all that was written before the call is on the disk.
    pub fn flush(&self) -> io::Result<()> {
        self.flush_by(|folder| Ok(rustix::fs::syncfs(folder)?))
    }

    /// Blocks until what was just written, so many files and folders, is on the disk. `alone` syncs one by one.
    pub fn sync(&self, files: usize, alone: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if files <= FEW && self.is_wary() { alone() } else { self.flush() }
    }

    fn is_wary(&self) -> bool {
        self.0.turns().wary_until.is_some_and(|until| Instant::now() < until)
    }

    fn flush_by(&self, flush: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
        let shared = &*self.0;
        let mut turns = shared.turns();
        let mine = turns.next.clone();
        loop {
            if let Some(outcome) = mine.get() {
                return outcome.clone().map_err(|(kind, why)| io::Error::new(kind, why));
            }
            if !turns.flushing {
                break;
            }
            turns = shared.ended.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        // Whoever asks from here on has maybe written what this flush does not see any more.
        turns.flushing = true;
        turns.next = Arc::default();
        drop(turns);
        let began = Instant::now();
        // Since Linux 5.8 syncfs reports failed writes as fsync does.
        let outcome = flush(&shared.folder).map_err(|error| (error.kind(), error.to_string()));
        let ended = Instant::now();
        let mut turns = shared.turns();
        turns.flushing = false;
        turns.wary_until = (ended - began > SLOW).then(|| ended + WARY);
        let _ = mine.set(outcome.clone());
        drop(turns);
        shared.ended.notify_all();
        outcome.map_err(|(kind, why)| io::Error::new(kind, why))
    }
}

impl Shared {
    fn turns(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Syncs one file or folder.
pub fn sync_all(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs the files in a folder, and the folder itself.
pub(crate) fn sync_with_contents(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        sync_all(&entry?.path())?;
    }
    sync_all(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn folders_of_one_file_system_share_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        let of = |path: &Path| Disk::of(File::open(path).unwrap()).unwrap();
        let (one, other) = (of(folder.path()), of(&folder.path().join("below")));
        assert!(one == other);
        one.flush().unwrap();
    }

    /// While a flush is under way, all who ask wait for one more, and what comes of that one is told to each of them.
    #[test]
    fn those_who_wait_together_share_a_flush_and_its_outcome() {
        let disk = Disk::new(File::open("/").unwrap());
        let (begun, go_on) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
        let flushes = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let first = disk.clone();
            scope.spawn(move || {
                first.flush_by(|_| {
                    begun.0.send(()).unwrap();
                    go_on.1.recv().map_err(io::Error::other)
                })
            });
            begun.1.recv().unwrap();
            let waiting: Vec<_> = (0..20)
                .map(|_| {
                    let (disk, flushes) = (disk.clone(), &flushes);
                    scope.spawn(move || {
                        disk.flush_by(|_| {
                            flushes.fetch_add(1, Ordering::SeqCst);
                            Err(io::Error::new(io::ErrorKind::StorageFull, "no room"))
                        })
                    })
                })
                .collect();
            let next = disk.0.turns().next.clone();
            // Ours, the one in the turns, and one of each that waits.
            while Arc::strong_count(&next) < 22 {
                std::thread::yield_now();
            }
            go_on.0.send(()).unwrap();
            for one in waiting {
                assert_eq!(one.join().unwrap().unwrap_err().kind(), io::ErrorKind::StorageFull);
            }
        });
        assert_eq!(flushes.load(Ordering::SeqCst), 1);
        disk.flush_by(|_| Ok(())).unwrap();
    }

    #[test]
    fn after_a_slow_flush_few_files_are_synced_alone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(File::open(folder.path()).unwrap());
        disk.0.turns().wary_until = Some(Instant::now() + Duration::from_secs(3600));
        let is_alone = |files: usize| {
            let mut alone = false;
            let note = || {
                alone = true;
                Ok(())
            };
            disk.sync(files, note).unwrap();
            alone
        };
        assert!(is_alone(FEW));
        assert!(!is_alone(FEW + 1), "many are flushed with everything");
        disk.flush_by(|_| Ok(())).unwrap();
        assert!(!disk.is_wary(), "a quick flush ends the caution");
    }
}
