//! The rule, on bundles of files with all kinds of names.

use file_names::FileNames;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, describe, validate};
use sluice_sdk::{Finding, Location, Severity};

fn judge(config: &Value, paths: &[&str]) -> Vec<Finding> {
    let rows: Vec<Value> = paths
        .iter()
        .map(|path| {
            let (subdir, name) = path.rsplit_once('/').unwrap_or(("", path));
            json!({"destinationTable": "Files", "subdir": subdir, "name": name})
        })
        .collect();
    let bundle = BundleBuilder::new(&json!(rows).to_string()).build();
    validate::<FileNames>(&config.to_string(), &bundle).expect("the configuration can be used")
}

/// What is said of files by the one entry of a configuration.
fn codes(entry: Value, paths: &[&str]) -> Vec<(String, String)> {
    judge(&json!({"names": [entry]}), paths).into_iter().map(|f| (f.code, f.location.to_string())).collect()
}

fn code(entry: Value, path: &str) -> String {
    codes(entry, &[path]).into_iter().map(|(code, _)| code).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_pattern_without_a_slash_is_about_the_name_and_one_with_a_slash_about_the_path() {
    let entry = json!({"allowed": ["*.dat", "notes/**/*.txt"], "forbidden": ["~$*", "raw/old/*"]});
    let found = codes(entry, &["a/b/1.dat", "notes/x/1.txt", "x/1.txt", "a/~$1.dat", "raw/old/1.dat"]);
    let expected =
        [("name-not-allowed", "x/1.txt"), ("name-forbidden", "a/~$1.dat"), ("name-forbidden", "raw/old/1.dat")];
    assert_eq!(found, expected.map(|(code, path)| (code.to_owned(), format!("data/{path}"))));
}

#[test]
fn an_entry_is_about_the_files_that_its_pattern_means_and_all_such_entries_count() {
    let config = json!({"names": [
        {"files": "raw/**", "name_pattern": "[0-9]+", "severity": "warning", "hint": "Count."},
        {"name_pattern": "[a-z0-9]+"},
    ]});
    let findings = judge(&config, &["raw/1", "raw/a", "raw/B", "A"]);
    let seen: Vec<_> = findings.iter().map(|f| (f.location.to_string(), f.severity, f.hint.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("data/raw/a".to_owned(), Severity::Warning, Some("Count.")),
            ("data/raw/B".to_owned(), Severity::Warning, Some("Count.")),
            ("data/raw/B".to_owned(), Severity::Error, Some("Rename the file.")),
            ("data/A".to_owned(), Severity::Error, Some("Rename the file.")),
        ]
    );
}

#[test]
fn lengths_are_counted_in_characters_and_in_bytes_of_parts_and_of_paths() {
    assert_eq!(code(json!({"max_part_bytes": 6, "max_part_characters": 2}), "日本/日本"), "");
    assert_eq!(code(json!({"max_part_bytes": 5}), "日本/x"), "part-too-long");
    assert_eq!(code(json!({"max_part_characters": 1}), "日本/x"), "part-too-long");
    assert_eq!(code(json!({"max_path_characters": 4, "max_path_bytes": 8}), "日本/x"), "");
    assert_eq!(code(json!({"max_path_characters": 3}), "日本/x"), "path-too-long");
    assert_eq!(code(json!({"max_path_bytes": 7}), "日本/x"), "path-too-long");
    assert_eq!(code(json!({"max_folders": 1}), "a/x"), "");
    assert_eq!(code(json!({"max_folders": 0}), "a/x"), "too-many-folders");
}

#[test]
fn characters_are_refused_in_every_part() {
    assert_eq!(code(json!({"forbidden_characters": " #"}), "a b/x"), "character-forbidden");
    assert_eq!(code(json!({"forbidden_characters": " #"}), "a_b/x"), "");
    assert_eq!(code(json!({"portable": true}), "a-b/x_1.dat"), "");
    assert_eq!(code(json!({"portable": true}), "-b/é"), "name-not-portable name-not-portable");
    assert_eq!(code(json!({"windows": true}), "aux/x"), "name-reserved");
}

#[test]
fn without_a_configuration_paths_that_fall_on_one_another_are_found() {
    let findings = judge(&json!({}), &["a/1.dat", "a/2.dat", "b/1.dat"]);
    assert_eq!(findings, []);

    let findings = judge(&json!({}), &["Raw/1.dat", "raw/1.dat", "raw/2.dat", "x", "x"]);
    let seen: Vec<_> = findings.iter().map(|f| (f.code.as_str(), f.message.as_str())).collect();
    assert_eq!(
        seen,
        [
            (
                "paths-clash",
                r#"The folder "raw" and "Raw" are spelled differently here, but are one on systems that do not tell upper from lower case apart."#
            ),
            (
                "paths-clash",
                r#"The file "raw/1.dat" and "Raw/1.dat" are spelled differently here, but are one on systems that do not tell upper from lower case apart."#
            ),
            ("path-twice", r#"The file "x" is listed twice."#),
        ]
    );
}

#[test]
fn composed_and_decomposed_characters_clash_unless_they_may() {
    let paths = ["caf\u{e9}.txt", "cafe\u{301}.txt", "Ω", "ω", "Ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"];
    let found = |clashes: Value| -> Vec<Location> {
        judge(&json!({"clashes": clashes}), &paths).into_iter().map(|finding| finding.location).collect()
    };
    let file = |path: &str| Location::File(path.to_owned());
    assert_eq!(found(json!({})), [file(paths[1]), file(paths[3]), file(paths[5])]);
    assert_eq!(found(json!({"letter_case": false})), [file(paths[1])]);
    assert_eq!(found(json!({"unicode": false})), [file(paths[3]), file(paths[5])]);
    assert_eq!(found(json!({"unicode": false, "letter_case": false})), []);
}

#[test]
fn a_path_that_is_a_file_and_a_folder_is_found_in_either_order() {
    for paths in [["a", "a/b"], ["a/b", "a"]] {
        let findings = judge(&json!({"clashes": {"letter_case": false, "unicode": false}}), &paths);
        assert_eq!(findings[0].message, r#""a" is a file and a folder at once."#);
        assert_eq!(findings.len(), 1);
    }
}

#[test]
fn a_path_of_any_length_is_named_by_its_row() {
    let long = "x".repeat(100_000);
    let findings = judge(&json!({"names": [{"max_path_bytes": 1000}]}), &["a", &long]);
    assert_eq!(findings[0].location, Location::Metadata("/1".into()));
    assert!(findings[0].message.len() < 300);
}

#[test]
fn ten_thousand_bad_names_make_a_report_that_the_gate_takes() {
    let paths: Vec<String> = (0..10_000).map(|n| format!("A B/con/{n}: ")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let entry = json!({"windows": true, "portable": true, "forbidden_characters": " ", "max_folders": 1, "max_part_bytes": 1,
        "max_path_bytes": 4, "allowed": ["*.dat"], "forbidden": ["*"], "name_pattern": "x"});
    assert!(judge(&json!({"names": [entry]}), &paths).len() < 1000);
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({"names": [{"files": "a**", "allowed": [], "forbidden": ["x", "{a}"], "name_pattern": "(",
        "forbidden_characters": "a/", "max_part_bytes": 0}]});
    let mistakes = check_config::<FileNames>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    let of = |key: &str| format!("names[0].{key}");
    assert_eq!(
        keys,
        ["allowed", "forbidden_characters", "max_part_bytes", "name_pattern", "files", "forbidden[1]"].map(of)
    );
    assert_eq!(check_config::<FileNames>("{}"), Ok(()));
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<FileNames>();
    assert_eq!(info.name, "file-names");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn any_path_in_capitals_clashes_with_itself(path in "[a-zà-öα-ωа-яǆ0-9日本 ~-]{1,12}(/[a-zé_]{1,8}){0,2}") {
        // The gate drops this folder before any rule sees it.
        prop_assume!(!path.starts_with("data/"));
        let clashes = judge(&json!({}), &[&path, &path.to_uppercase()]);
        prop_assert!(clashes.iter().any(|finding| ["paths-clash", "path-twice"].contains(&finding.code.as_str())));
        prop_assert_eq!(judge(&json!({}), &[&path]), []);
    }

    #[test]
    fn any_name_at_all_can_be_judged(paths in proptest::collection::vec("\\PC{1,20}", 0..4)) {
        let entry = json!({"windows": true, "portable": true, "max_part_bytes": 9, "forbidden_characters": "é",
            "name_pattern": "[a-z]*", "allowed": ["*[!x]", "a/*"]});
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        judge(&json!({"names": [entry]}), &paths);
    }
}
