//! What becomes of a file that was swapped in, and of one that is given back, where somebody is in the way.

use std::os::unix::fs::{MetadataExt as _, symlink};

use rustix::fs::{CWD, Mode};
use sluice::failpoint::Point;

use super::super::assert_goes_on;
use super::{CHECKED, SECRET, Scene, document, swap_in};
use crate::bundle::{paths, tree};
use crate::wait::{PATIENCE, TAKEOVER, until};

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
