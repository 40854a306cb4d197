//! Everything that can be swapped in for a source or a folder above it, at every point between its check and its use.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::Path;

use rustix::fs::{CWD, Mode};
use sluice::failpoint::Point;

use super::super::assert_goes_on;
use super::{SECRET, Scene, swap_in};

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
