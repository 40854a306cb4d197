//! One file that two moves want.

use std::path::PathBuf;

use sluice::failpoint::Point;

use super::super::assert_goes_on;
use super::{CHECKED, Scene, document};
use crate::bundle::tree;
use crate::wait::{PATIENCE, until};

#[tokio::test]
async fn two_moves_of_one_file_that_is_copied_do_not_both_get_it() {
    let Some(scene) = Scene::far().await else { return };
    scene.put_source();
    // The first one has read the file and has not removed it.
    let first = scene.hold_move(Point::ArchiveCopying).await;
    let second = scene.site.move_(&document(&[(scene.source(), CHECKED)])).await;
    until(PATIENCE, "the second move has seen that the file is not to be had", || async {
        scene.site.serve().log().contains("is being moved by another job").then_some(())
    })
    .await;
    scene.failpoints.clear();
    let (first, second) = (scene.site.wait(first).await, scene.site.wait(second).await);
    assert_eq!((first.state.as_str(), first.exception.as_str()), ("OK", ""), "{first:?}");
    assert_eq!((second.state.as_str(), second.task.as_str()), ("FAILED", "move files"), "{second:?}");
    assert!(second.exception.contains("is not there"), "{second:?}");
    assert!(!scene.source().exists());
    assert_eq!(tree(&scene.site.archive()).into_values().collect::<Vec<_>>(), [CHECKED]);
    assert_goes_on(&scene.site, "two moves").await;
}

#[tokio::test]
async fn two_names_of_one_file_are_not_in_their_own_way() {
    let Some(scene) = Scene::far().await else { return };
    scene.put_source();
    let other: PathBuf = scene.source().with_file_name("other.txt");
    std::fs::hard_link(scene.source(), &other).expect("a link");
    let job = scene.site.move_(&document(&[(scene.source(), CHECKED), (other.clone(), CHECKED)])).await;
    let state = scene.site.wait(job).await;
    assert_eq!((state.state.as_str(), state.exception.as_str()), ("OK", ""), "{state:?}");
    assert_eq!(scene.site.files(job).await.len(), 2);
    assert!(!scene.source().exists() && !other.exists());
}
