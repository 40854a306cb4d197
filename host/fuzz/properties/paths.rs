//! Whatever a row, a tar or a mover gives as a path, what is accepted stays below its folder, and means one thing.
//!
//! The input is a folder on its first line, and a name: all that follows.

use std::path::{Component, Path};

use sluice::model::{BundlePath, PathError, TableName};
use sluice::seams::archive::Location;

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (subdir, name) = text.split_once('\n').unwrap_or(("", &text));
    row(subdir, name);
    match BundlePath::of_member(&text) {
        Ok(Some(path)) => {
            assert!(!text.starts_with('/'));
            plain(path.as_str(), 4_096);
        }
        Ok(None) => {}
        Err(error) => short(&error),
    }
    place(&text);
    place(name);
    match text.parse::<TableName>() {
        Ok(table) => {
            plain(table.as_str(), 100);
            assert_eq!(Path::new(table.as_str()).components().count(), 1);
        }
        Err(error) => assert!(error.len() < 2_000, "{error}"),
    }
}

fn row(subdir: &str, name: &str) {
    let path = match BundlePath::of_row(subdir, name) {
        Ok(path) => path,
        Err(error) => return short(&error),
    };
    plain(path.as_str(), 4_096);
    // Its own spelling means the same path, in a row and in a tar.
    assert_eq!(BundlePath::of_row("", path.as_str()).as_ref(), Ok(&path));
    assert_eq!(BundlePath::of_row("data", path.as_str()).as_ref(), Ok(&path));
    assert_eq!(BundlePath::of_row(&format!("data/{}", path.split().0), path.split().1).as_ref(), Ok(&path));
    if path.as_str().len() < 4_000 {
        assert_eq!(BundlePath::of_member(&format!("data/{path}")).as_ref(), Ok(&Some(path.clone())));
    }
    let json = serde_json::to_string(&path).expect("a path is JSON");
    assert_eq!(serde_json::from_str::<BundlePath>(&json).expect("it is read again"), path);
}

fn place(text: &str) {
    match Location::new(text) {
        Ok(location) => {
            assert_eq!(location.as_str(), text);
            plain(text, 3_000);
            assert!(text.split('/').all(|part| part.len() <= 255 && !part.chars().any(char::is_control)));
            assert_ne!(text.split('/').next(), Some(".incoming"));
        }
        Err(error) => assert!(error.to_string().len() < 2_500, "{error}"),
    }
}

/// A relative path of plain names.
fn plain(path: &str, most: usize) {
    assert!(!path.is_empty() && path.len() <= most && !path.contains('\0'));
    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
    assert!(Path::new(path).components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
}

fn short(error: &PathError) {
    assert!(error.to_string().len() < 2_500, "{error}");
}
