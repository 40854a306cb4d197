//! Whatever template and whatever values come together: a place is a relative path that file systems take, outside of the
//! archive's own folder, one for each file and none within another; and what cannot be placed is refused with a reason.
//!
//! The input is text, line by line: the template, the project, the user, the value of the key `k`, and then a line for each
//! file, its folder and its name with a `|` between them.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use placement::Placer;
use serde_json::json;
use sluice_sdk::testing::{BundleBuilder, check_config, plan};
use sluice_sdk::{Decision, Finding};

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let config = json!({"template": line()}).to_string();
    if let Err(mistakes) = check_config::<Placer>(&config) {
        assert!((1..=21).contains(&mistakes.len()), "{} mistakes", mistakes.len());
        assert!(mistakes.iter().all(|mistake| (1..1_500).contains(&mistake.len())), "{mistakes:?}");
        return;
    }
    let (project, user, value) = (line(), line(), line());
    let mut rows = vec![
        json!({"destinationTable": "Transactions.project", "value": project}),
        json!({"destinationTable": "TransactionKeyValue", "key": "k", "value": value}),
    ];
    for file in lines {
        let (subdir, name) = file.split_once('|').unwrap_or(("", file));
        rows.push(json!({"destinationTable": "Files", "subdir": subdir, "name": name}));
    }
    let files = rows.len() - 2;
    let bundle = BundleBuilder::new(&json!(rows).to_string()).user(user).build();
    match plan::<Placer>(&config, &bundle).expect("a template that is accepted can be used") {
        Decision::Place(places) => {
            let indices: BTreeSet<u32> = places.iter().map(|place| place.file).collect();
            assert_eq!((indices.len(), places.len()), (files, files), "a place for each file");
            let paths: BTreeSet<&str> = places.iter().map(|place| place.path.as_str()).collect();
            assert_eq!(paths.len(), files, "two files at one place");
            for path in &paths {
                fits(path);
                let above = path.match_indices('/').map(|(slash, _)| &path[..slash]);
                assert!(above.into_iter().all(|folder| !paths.contains(folder)), "a file is a folder: {path:?}");
            }
        }
        Decision::Refuse(findings) => {
            assert!(!findings.is_empty());
            findings.iter().for_each(short);
        }
    }
}

/// What every archive takes.
fn fits(path: &str) {
    assert!((1..=3_000).contains(&path.len()), "{} bytes", path.len());
    assert!(!path.starts_with('/') && path.split('/').next() != Some(".incoming"), "{path:?}");
    for part in path.split('/') {
        assert!((1..=255).contains(&part.len()) && !matches!(part, "." | ".."), "{path:?}");
        assert!(!part.chars().any(char::is_control), "{path:?}");
    }
    assert!(Path::new(path).components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
}

fn short(finding: &Finding) {
    assert!((1..2_500).contains(&finding.message.len()), "{finding:?}");
    let counted = finding.message.ends_with("more findings of this kind.");
    assert!(counted || finding.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{finding:?}");
}
