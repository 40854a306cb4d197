//! Sources of moves that are exchanged between their check and their use: for links, for pipes, for other files, and so are the
//! folders that they lie in. Nothing outside is read, moved or written over, and nothing but what was checked is archived.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::fs::{CWD, Mode, RenameFlags, renameat_with};
use serde_json::json;
use sha1::{Digest as _, Sha1};
use sluice::failpoint::Point;
use tempfile::TempDir;

use super::{assert_goes_on, assert_plain};
use crate::bundle::{paths, tree};
use crate::durability::failpoints::Failpoints;
use crate::site::{JobState, Options, Site};
use crate::wait::{PATIENCE, TAKEOVER, until};

const CHECKED: &[u8] = b"what was checked\n";
const SECRET: &[u8] = b"what nobody may\n\n";

/// A site whose moves can be held, a root that anybody can write to, and a file outside it.
struct Scene {
    site: Site,
    failpoints: Failpoints,
    root: TempDir,
    outside: TempDir,
}

impl Scene {
    /// With its root on the archive's file system, so that files are renamed in.
    async fn near() -> Self {
        Self::with(tempfile::Builder::new().prefix("sluice-races-").tempdir().expect("a temporary folder")).await
    }

    /// With its root on another, so that they are copied; none where there is no other.
    async fn far() -> Option<Self> {
        let root = tempfile::Builder::new().prefix("sluice-races-").tempdir_in("/dev/shm").ok()?;
        let here = std::fs::metadata(std::env::temp_dir()).ok()?.dev();
        if root.path().metadata().ok()?.dev() == here {
            eprintln!("\n**** SKIPPED: there is no second file system ****\n");
            return None;
        }
        Some(Self::with(root).await)
    }

    async fn with(root: TempDir) -> Self {
        let failpoints = Failpoints::new();
        // Beside the root and on its file system: what a rename or a hard link could reach.
        let beside = root.path().parent().expect("a folder").to_owned();
        let outside = tempfile::Builder::new().prefix("sluice-outside-").tempdir_in(beside).expect("a folder");
        std::fs::write(outside.path().join("file.txt"), SECRET).expect("a secret");
        let options = failpoints.of(Options::default()).env("SLUICE_WORKER_LEASE", "2s");
        let site = options.move_root(root.path()).start().await;
        Self { site, failpoints, root, outside }
    }

    /// The file that a move is to take: `folder/file.txt` below the root.
    fn source(&self) -> PathBuf {
        self.root.path().join("folder/file.txt")
    }

    fn secret(&self) -> PathBuf {
        self.outside.path().join("file.txt")
    }

    fn put_source(&self) {
        drop(std::fs::remove_dir_all(self.source().parent().expect("a folder")));
        std::fs::create_dir_all(self.source().parent().expect("a folder")).expect("a folder");
        std::fs::write(self.source(), CHECKED).expect("a source");
    }

    /// Moves the source, exchanges it when the move has come to a point, and answers what became of the job.
    async fn exchange_at(&self, point: Point, exchange: fn(&Self)) -> (u64, JobState) {
        self.put_source();
        let job = self.hold_move(point).await;
        exchange(self);
        self.failpoints.clear();
        (job, self.site.wait(job).await)
    }

    /// Begins to move the source, and holds the move at a point.
    async fn hold_move(&self, point: Point) -> u64 {
        let held = self.hold(point);
        let job = self.site.move_(&document(&[(self.source(), CHECKED)])).await;
        held.await;
        job
    }

    /// Orders that a point holds whoever comes there, instead of what was ordered before; the answer comes when it does.
    fn hold(&self, point: Point) -> impl Future<Output = ()> {
        let before = self.failpoints.reached().len();
        self.failpoints.set(&[(point, "hold")]);
        async move {
            until(PATIENCE, &format!("the move is at {}", point.name()), || async {
                (self.failpoints.reached().len() > before).then_some(())
            })
            .await;
        }
    }

    /// The secret is where it was, and nothing of it is in the archive, which holds files and nothing else.
    async fn assert_nothing_got_out(&self, job: u64, name: &str) {
        assert_eq!(std::fs::read(self.secret()).expect("the secret"), SECRET, "{name}");
        assert_eq!(std::fs::read_dir(self.outside.path()).expect("a folder").count(), 1, "{name}: something came");
        assert_plain(&self.site.archive(), name);
        assert!(!tree(&self.site.archive()).values().any(|contents| contents == SECRET), "{name}: it is archived");
        for (path, contents) in self.site.files(job).await {
            assert!(contents == CHECKED, "{name}: {path} has other contents");
        }
    }
}

/// The document of a move of these files.
fn document(files: &[(PathBuf, &[u8])]) -> String {
    let mut rows = vec![
        json!({"destinationTable": "Transactions.submitter", "value": 10}),
        json!({"destinationTable": "Transactions.project", "value": "1234a"}),
        json!({"destinationTable": "Transactions.instrument", "value": 54}),
    ];
    rows.extend(files.iter().map(|(source, contents)| {
        let name = source.file_name().and_then(|name| name.to_str()).expect("a name");
        json!({
            "destinationTable": "Files", "name": name, "subdir": "", "size": contents.len(), "source": source,
            "mimetype": "text/plain", "hashtype": "sha1", "hashsum": hex::encode(Sha1::digest(contents)),
            "ctime": "2018-01-25T16:54:50", "mtime": "2018-01-25T16:54:50",
        })
    }));
    json!(rows).to_string()
}

/// Puts something at a path in one step, so that it is never empty: it is made aside first.
fn swap_in(at: &Path, make: impl FnOnce(&Path)) {
    let aside = at.with_extension("aside");
    make(&aside);
    std::fs::rename(aside, at).expect("an exchange");
}

/// What is done to the source, and what is there when the move is over.
type Exchange = (&'static str, fn(&Scene), fn(&Scene) -> bool);

const FILES: &[Exchange] = &[
    (
        "a link out of the root",
        |scene| swap_in(&scene.source(), |aside| symlink(scene.secret(), aside).expect("a link")),
        |scene| std::fs::read_link(scene.source()).is_ok_and(|target| target == scene.secret()),
    ),
    (
        "a relative link out of the root",
        |scene| {
            let up = format!("../../{}/file.txt", scene.outside.path().file_name().expect("a name").display());
            swap_in(&scene.source(), |aside| symlink(up, aside).expect("a link"));
        },
        |scene| scene.source().is_symlink(),
    ),
    (
        "a link to another file of the root",
        |scene| {
            std::fs::write(scene.root.path().join("folder/other.txt"), SECRET).expect("a file");
            swap_in(&scene.source(), |aside| symlink("other.txt", aside).expect("a link"));
        },
        |scene| scene.source().is_symlink() && scene.root.path().join("folder/other.txt").is_file(),
    ),
    (
        "another file of the same size",
        |scene| swap_in(&scene.source(), |aside| std::fs::write(aside, SECRET).expect("a file")),
        |scene| std::fs::read(scene.source()).is_ok_and(|contents| contents == SECRET),
    ),
    (
        "another name of a file outside",
        |scene| swap_in(&scene.source(), |aside| std::fs::hard_link(scene.secret(), aside).expect("a link")),
        |scene| std::fs::read(scene.source()).is_ok_and(|contents| contents == SECRET),
    ),
    (
        "a pipe",
        |scene| {
            let pipe = |aside: &Path| {
                rustix::fs::mkfifoat(CWD, aside, Mode::RUSR | Mode::WUSR).expect("a pipe");
            };
            swap_in(&scene.source(), pipe);
        },
        |scene| std::fs::symlink_metadata(scene.source()).is_ok_and(|there| there.file_type().is_fifo()),
    ),
    (
        "a folder",
        |scene| {
            std::fs::remove_file(scene.source()).expect("the source goes");
            std::fs::create_dir(scene.source()).expect("a folder");
        },
        |scene| scene.source().is_dir(),
    ),
    (
        "nothing",
        |scene| std::fs::remove_file(scene.source()).expect("the source goes"),
        |scene| !scene.source().exists(),
    ),
    (
        "another file with the number of the first",
        |scene| {
            let number = std::fs::metadata(scene.source()).expect("the source").ino();
            std::fs::remove_file(scene.source()).expect("the source goes");
            // File systems give numbers that have become free to the next files.
            for count in 0..2_000 {
                let name = scene.root.path().join(format!("folder/{count}.new"));
                std::fs::write(&name, SECRET).expect("a file");
                if std::fs::metadata(&name).expect("a file").ino() == number {
                    return std::fs::rename(name, scene.source()).expect("an exchange");
                }
            }
            std::fs::write(scene.source(), SECRET).expect("a file");
        },
        |scene| std::fs::read(scene.source()).is_ok_and(|contents| contents == SECRET),
    ),
];

/// Exchanges in a folder above: the handle of the folder that was checked leads to the file that was checked still.
const FOLDERS: &[Exchange] = &[
    (
        "a link for the folder",
        |scene| {
            let folder = scene.root.path().join("folder");
            std::fs::rename(&folder, scene.root.path().join("gone")).expect("the folder goes");
            symlink(scene.outside.path(), folder).expect("a link");
        },
        |scene| !scene.root.path().join("gone/file.txt").exists(),
    ),
    (
        "another folder for the folder",
        |scene| {
            let folder = scene.root.path().join("folder");
            std::fs::rename(&folder, scene.root.path().join("gone")).expect("the folder goes");
            std::fs::create_dir(&folder).expect("a folder");
            std::fs::write(folder.join("file.txt"), SECRET).expect("a file");
        },
        |scene| std::fs::read(scene.source()).is_ok_and(|contents| contents == SECRET),
    ),
];

/// At each of these points the source is checked, and not yet taken.
async fn try_exchanges(scene: &Scene, points: &[Point]) {
    for point in points {
        for (name, exchange, is_left) in FILES {
            let name = format!("{name} at {}", point.name());
            let (job, state) = scene.exchange_at(*point, *exchange).await;
            assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "move files"), "{name}: {state:?}");
            assert!(state.exception.contains("file.txt"), "{name}: {state:?}");
            assert!(is_left(scene), "{name}: what was swapped in is not where it was put: {state:?}");
            scene.assert_nothing_got_out(job, &name).await;
            assert_eq!(scene.site.files(job).await.len(), 0, "{name}");
        }
        for (name, exchange, is_left) in FOLDERS {
            let name = format!("{name} at {}", point.name());
            let (job, state) = scene.exchange_at(*point, *exchange).await;
            assert_eq!((state.state.as_str(), state.exception.as_str()), ("OK", ""), "{name}: {state:?}");
            assert!(is_left(scene), "{name}");
            scene.assert_nothing_got_out(job, &name).await;
            assert_eq!(scene.site.files(job).await.len(), 1, "{name}");
            let gone = scene.root.path().join("gone");
            std::fs::remove_dir_all(gone).expect("the folder that was renamed");
            drop(std::fs::remove_file(scene.root.path().join("folder")));
        }
    }
    assert_goes_on(&scene.site, "all exchanges").await;
}

#[tokio::test]
async fn what_is_swapped_in_for_a_checked_source_is_not_moved() {
    try_exchanges(&Scene::near().await, &[Point::MoveFound, Point::JobReserved, Point::ArchivePut]).await;
}

#[tokio::test]
async fn what_is_swapped_in_for_a_checked_source_is_not_copied() {
    let Some(scene) = Scene::far().await else { return };
    try_exchanges(&scene, &[Point::MoveFound, Point::ArchivePut]).await;
}

/// The copy is in the archive, whole and right: what lies where its original was is somebody's, and stays.
#[tokio::test]
async fn what_is_swapped_in_for_a_copied_source_is_not_removed() {
    let Some(scene) = Scene::far().await else { return };
    for (name, exchange, is_left) in FILES {
        let (job, state) = scene.exchange_at(Point::ArchiveCopied, *exchange).await;
        assert_eq!((state.state.as_str(), state.exception.as_str()), ("OK", ""), "{name}: {state:?}");
        assert!(is_left(&scene), "{name}: what was swapped in is gone");
        scene.assert_nothing_got_out(job, name).await;
        assert_eq!(scene.site.files(job).await.len(), 1, "{name}");
    }
    assert_goes_on(&scene.site, "all exchanges").await;
}

/// What was swapped in cannot go back to where it was, as somebody has put a third file there. It is not lost, and does not
/// stay in the archive.
#[tokio::test]
async fn what_cannot_go_back_to_where_it_was_goes_beside_that() {
    let scene = Scene::near().await;
    scene.put_source();
    let job = scene.hold_move(Point::ArchivePut).await;
    swap_in(&scene.source(), |aside| symlink(scene.secret(), aside).expect("a link"));
    scene.hold(Point::ArchivePlaced).await;
    std::fs::write(scene.source(), "a third file").expect("a file");
    scene.failpoints.clear();
    let state = scene.site.wait(job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "move files"), "{state:?}");
    assert!(state.exception.contains(&format!(".sluice-exchanged-{job}-")), "{state:?}");
    assert_eq!(std::fs::read_to_string(scene.source()).expect("the third file"), "a third file");
    let folder = scene.source().parent().expect("a folder").to_owned();
    let links =
        std::fs::read_dir(folder).expect("a folder").filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    assert_eq!(links.collect::<Vec<_>>(), [scene.secret()]);
    scene.assert_nothing_got_out(job, "a third file").await;
    assert_eq!(paths(&scene.site.archive()), Default::default());
}

/// Nor can it where the folder is gone.
#[tokio::test]
async fn what_has_nowhere_to_go_back_to_is_kept_aside() {
    let scene = Scene::near().await;
    scene.put_source();
    let job = scene.hold_move(Point::ArchivePut).await;
    swap_in(&scene.source(), |aside| std::fs::write(aside, SECRET).expect("a file"));
    scene.hold(Point::ArchivePlaced).await;
    std::fs::remove_dir(scene.source().parent().expect("a folder")).expect("an empty folder goes");
    scene.failpoints.clear();
    let state = scene.site.wait(job).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "move files"), "{state:?}");
    let kept: Vec<_> = tree(&scene.site.archive()).into_iter().collect();
    let [(path, contents)] = &kept[..] else { panic!("{kept:?}") };
    assert!(path.starts_with(&format!(".incoming/.sluice-exchanged-{job}-")) && contents == SECRET, "{path}");
    assert!(state.exception.contains(path), "{state:?}");
    assert_goes_on(&scene.site, "a folder that is gone").await;
}

/// The gate dies when another file is in the place, and before it could see that. The run that takes the job up looks again.
#[tokio::test]
async fn what_is_swapped_in_is_found_out_by_the_run_after_a_crash() {
    let mut scene = Scene::near().await;
    for link in [false, true] {
        scene.put_source();
        let job = scene.hold_move(Point::ArchivePut).await;
        let secret = scene.secret();
        swap_in(&scene.source(), |aside| {
            if link { symlink(&secret, aside) } else { std::fs::write(aside, SECRET) }.expect("an exchange");
        });
        scene.failpoints.set(&[(Point::ArchivePlaced, "kill")]);
        until(PATIENCE, "the gate dies", || async { scene.site.serve().ended() }).await;
        scene.failpoints.clear();
        scene.site.start_what_ended().await;
        let state = scene.site.wait_up_to(TAKEOVER, job).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "move files"), "{state:?}");
        assert!(state.exception.contains("file.txt"), "{state:?}");
        assert_eq!(scene.source().is_symlink(), link, "what was swapped in is back: {state:?}");
        assert_eq!(std::fs::read(scene.source()).expect("what was swapped in"), SECRET);
        scene.assert_nothing_got_out(job, "a crash").await;
        assert_goes_on(&scene.site, "a crash").await;
    }
}

/// Files that are given back to another file system are written beside their names first. Who knows that name can have put
/// another file's there before.
#[tokio::test]
async fn what_is_given_back_is_written_over_nothing() {
    let Some(scene) = Scene::far().await else { return };
    for pipe in [false, true] {
        scene.put_source();
        let held = scene.hold(Point::JobFailing);
        // The metadata store refuses it when it is in the archive.
        let document = document(&[(scene.source(), CHECKED)]).replace("text/plain", "lame");
        let job = scene.site.move_(&document).await;
        held.await;
        let [path] = &paths(&scene.site.archive()).into_iter().collect::<Vec<_>>()[..] else { panic!("one file") };
        let inode = std::fs::metadata(scene.site.archive().join(path)).expect("the file").ino();
        let copy = scene.source().with_file_name(format!(".sluice-{job}-{inode}"));
        if pipe {
            rustix::fs::mkfifoat(CWD, &copy, Mode::RUSR | Mode::WUSR).expect("a pipe");
        } else {
            std::fs::hard_link(scene.secret(), &copy).expect("a link");
        }
        scene.failpoints.clear();
        let state = scene.site.wait(job).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "ingest metadata"), "{state:?}");
        assert_eq!(std::fs::read(scene.source()).expect("the file is given back"), CHECKED);
        scene.assert_nothing_got_out(job, "a name that was known").await;
    }
}

/// Exchanges sources and their folders with links, as fast as that goes, until it is stopped or forgotten.
struct Exchanger {
    enough: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Exchanger {
    /// `N/file.txt` with `N/trap`, and `N` with `N-trap`.
    fn start(root: PathBuf, folders: usize) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let told = enough.clone();
        let exchange =
            |one: &Path, other: &Path| u64::from(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok());
        let work = move || {
            let mut count = 0;
            while !told.load(Ordering::Acquire) {
                // Each of them an even number of times, so that what is still there is where it was in the end.
                for _ in 0..2 {
                    let files = (0..folders).map(|number| root.join(number.to_string()));
                    count += files.map(|folder| exchange(&folder.join("file.txt"), &folder.join("trap"))).sum::<u64>();
                }
                for _ in 0..2 {
                    let named = |number: usize| (root.join(number.to_string()), root.join(format!("{number}-trap")));
                    count += (0..folders).map(named).map(|(folder, trap)| exchange(&folder, &trap)).sum::<u64>();
                }
            }
            count
        };
        Self { enough, thread: Some(std::thread::spawn(work)) }
    }

    /// How often something was exchanged.
    fn stop(mut self) -> u64 {
        self.enough.store(true, Ordering::Release);
        self.thread.take().expect("a thread").join().expect("exchanges")
    }
}

impl Drop for Exchanger {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Release);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_are_exchanged_all_the_time_are_moved_or_left_alone() {
    const MOVES: usize = 60;
    let scene = Scene::near().await;
    let folder = |number: usize| scene.root.path().join(number.to_string());
    for number in 0..MOVES {
        std::fs::create_dir(folder(number)).expect("a folder");
        std::fs::write(folder(number).join("file.txt"), CHECKED).expect("a source");
        symlink(scene.secret(), folder(number).join("trap")).expect("a link");
        symlink(scene.outside.path(), scene.root.path().join(format!("{number}-trap"))).expect("a link");
    }
    let exchanger = Exchanger::start(scene.root.path().to_owned(), MOVES);
    let documents: Vec<_> = (0..MOVES).map(|number| document(&[(folder(number).join("file.txt"), CHECKED)])).collect();
    let jobs = futures::future::join_all(documents.iter().map(|document| scene.site.move_(document))).await;
    let mut done = 0;
    for job in &jobs {
        let state = scene.site.wait_up_to(TAKEOVER, *job).await;
        let moved = state.state == "OK" && state.exception.is_empty();
        let left = state.state == "FAILED" && state.task == "move files" && state.exception.contains("file.txt");
        assert!(moved || left, "{state:?}");
        done += usize::from(moved);
    }
    let exchanges = exchanger.stop();
    println!("{MOVES} moves, {done} of them done, and {exchanges} exchanges");
    for job in jobs {
        scene.assert_nothing_got_out(job, "all moves").await;
    }
    let archived = tree(&scene.site.archive());
    assert_eq!(archived.len(), done, "{:?}", archived.keys());
    // What was not moved is where it was, or beside that.
    let files = paths(scene.root.path()).into_iter().map(|path| scene.root.path().join(path));
    let left = files.filter(|path| std::fs::symlink_metadata(path).is_ok_and(|there| there.is_file())).count();
    assert_eq!(left, MOVES - done, "files are lost, or there twice");
    assert_goes_on(&scene.site, "all moves").await;
}
