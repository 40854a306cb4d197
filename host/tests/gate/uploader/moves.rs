//! `sluice move`.

use std::collections::BTreeMap;
use std::fs;

use super::TRANSACTION;
use super::command::run;
use crate::bundle::tree;
use crate::site::Site;

#[tokio::test]
async fn files_below_a_move_root_go_into_the_archive_without_being_sent() {
    let site = Site::start().await;
    let source = site.incoming().join("scan 1");
    fs::create_dir_all(&source).expect("a folder");
    fs::write(source.join("a.dat"), "abc").expect("a file");
    fs::write(source.join("b.dat"), "").expect("a file");
    let moved: BTreeMap<_, _> =
        tree(&source).into_iter().map(|(path, contents)| (format!("scan 1/{path}"), contents)).collect();
    let mut args = vec!["move", "scan 1"];
    args.extend(TRANSACTION);
    let ended = run(&site, &site.incoming(), &args).await.with(0);
    assert!(ended.out.contains("job 1: the gate has taken it"), "{}", ended.out);
    assert_eq!(site.files(1).await, moved);
    assert_eq!(tree(&source), BTreeMap::new(), "what was moved");
    assert_eq!(site.job(1).await["kind"], "move");
}

#[tokio::test]
async fn files_below_no_move_root_stay_where_they_are() {
    let site = Site::start().await;
    let folder = site.outside();
    fs::write(folder.join("a.dat"), "abc").expect("a file");
    let mut args = vec!["move", "a.dat"];
    args.extend(TRANSACTION);
    let ended = run(&site, &folder, &args).await.with(4);
    assert!(ended.out.contains("rejected by revision 1"), "{}", ended.out);
    args.push("--unasked");
    run(&site, &folder, &args).await.with(4);
    assert_eq!(fs::read(folder.join("a.dat")).expect("the file"), b"abc");
}
