//! Exchanges at every moment, while moves go on.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::super::assert_goes_on;
use super::{CHECKED, Scene, document};
use crate::bundle::{paths, tree};
use crate::wait::TAKEOVER;

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
