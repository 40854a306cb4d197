//! The rule, on bundles with bags and crates.

use manifest::Manifest;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, TestBundle, check_config, describe, validate};
use sluice_sdk::{Finding, Severity};

const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

fn bundle(files: &[(&str, &str)]) -> TestBundle {
    let rows: Vec<Value> = files
        .iter()
        .map(|(path, text)| {
            let (subdir, name) = path.rsplit_once('/').unwrap_or(("", path));
            // As the gate has it, a leading data belongs to the tar.
            json!({"destinationTable": "Files", "subdir": format!("data/{subdir}"), "name": name, "size": text.len()})
        })
        .collect();
    let made = BundleBuilder::new(&json!(rows).to_string());
    files.iter().fold(made, |made, (path, text)| made.content(path, *text)).build()
}

fn judge(config: Value, files: &[(&str, &str)]) -> Vec<Finding> {
    validate::<Manifest>(&config.to_string(), &bundle(files)).expect("the configuration can be used")
}

fn codes(config: Value, files: &[(&str, &str)]) -> Vec<String> {
    let findings = judge(config, files).into_iter();
    findings.map(|finding| format!("{} {}", finding.code, finding.location)).collect()
}

/// A crate that describes itself, and these.
fn crate_of(entities: &Value) -> String {
    let mut graph = vec![
        json!({"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"},
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"}}),
        json!({"@id": "./", "@type": "Dataset", "name": "n", "description": "d", "datePublished": "2026-03-01",
            "license": {"@id": "https://spdx.org/licenses/CC0-1.0"}}),
    ];
    graph.extend(entities.as_array().unwrap().iter().cloned());
    json!({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}).to_string()
}

const MARK: &str = "c/ro-crate-metadata.json";

#[test]
fn a_bundle_without_bag_or_crate_passes_unless_one_is_required() {
    assert_eq!(judge(json!({}), &[("a.dat", "x")]), []);
    let config = json!({"bagit": {"required": true}, "ro_crate": {"required": true}, "hint": "Pack it."});
    let findings = judge(config, &[("notbagit.txt", "x")]);
    assert_eq!(findings.iter().map(|f| f.code.as_str()).collect::<Vec<_>>(), ["bag-missing", "crate-missing"]);
    assert!(findings.iter().all(|finding| finding.hint.as_deref() == Some("Pack it.")));
}

#[test]
fn bags_are_found_at_the_top_and_anywhere_below() {
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  data/a\n";
    for root in ["", "x/", "x/data/y/"] {
        let path = |name: &str| format!("{root}{name}");
        let (mark, manifest, file) = (path("bagit.txt"), path("manifest-sha256.txt"), path("data/a"));
        let good = [(mark.as_str(), DECLARATION), (manifest.as_str(), sum), (file.as_str(), "")];
        assert_eq!(judge(json!({}), &good), [], "{root}");
        let bad = [good[0], good[1], (file.as_str(), "x")];
        assert_eq!(codes(json!({}), &bad), [format!("checksum-mismatch data/{file}")]);
        assert_eq!(codes(json!({"bagit": {"checksums": false}}), &bad), Vec::<String>::new());
        assert_eq!(codes(json!({"bagit": {"check": false}}), &bad), Vec::<String>::new());
    }
}

#[test]
fn every_algorithm_computes_what_is_published_for_it() {
    // "abc": RFC 1321 A.5, FIPS 180-4 examples.
    let sums = [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
        (
            "sha512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (algorithm, sum) in sums {
        let (name, manifest) = (format!("manifest-{algorithm}.txt"), format!("{sum}  data/a\n"));
        assert_eq!(judge(json!({}), &[("bagit.txt", DECLARATION), (&name, &manifest), ("data/a", "abc")]), []);
        let found = codes(json!({}), &[("bagit.txt", DECLARATION), (&name, &manifest), ("data/a", "abd")]);
        assert_eq!(found, ["checksum-mismatch data/data/a"], "{algorithm}");
        let config = json!({"bagit": {"algorithms": ["sha512"], "checksums": false}});
        let found = codes(config, &[("bagit.txt", DECLARATION), (&name, &manifest), ("data/a", "abc")]);
        assert_eq!(found.is_empty(), algorithm == "sha512", "{algorithm}");
    }
}

#[test]
fn files_to_be_fetched_are_what_the_site_says() {
    let files = [
        ("bagit.txt", DECLARATION),
        ("manifest-md5.txt", "00  data/a\n"),
        ("fetch.txt", "https://example.org/a 4 data/a\n"),
    ];
    let with = |fetch: &str| codes(json!({"bagit": {"fetch": fetch}}), &files);
    assert_eq!(with("refuse"), ["fetch-refused data/fetch.txt", "file-missing data/data/a"]);
    assert_eq!(with("complete"), ["file-missing data/data/a"]);
    assert_eq!(with("incomplete"), Vec::<String>::new());
}

#[test]
fn a_crate_describes_files_that_are_there() {
    let entities = json!([
        {"@id": "a%20b.dat", "@type": "File"},
        {"@id": "./sub/50%25.dat", "@type": ["File", "ImageObject"]},
        {"@id": "sub/", "@type": "Dataset"},
        {"@id": "https://example.org/x.dat", "@type": "File"},
        {"@id": "#me", "@type": "Person"},
        {"@id": "doi:10.1/x", "@type": "Dataset"},
    ]);
    let metadata = crate_of(&entities);
    let files = [
        (MARK, metadata.as_str()),
        ("c/a b.dat", "x"),
        ("c/sub/50%.dat", "x"),
        ("c/sub/new.dat", "x"),
        ("c/ro-crate-preview.html", "x"),
        ("elsewhere", "x"),
    ];
    assert_eq!(judge(json!({}), &files), []);
    assert_eq!(codes(json!({"ro_crate": {"all_described": true}}), &files), ["file-undescribed data/c/sub/new.dat"]);
    assert_eq!(
        codes(json!({}), &files[..2]),
        ["file-missing data/c/sub/50%.dat", "folder-missing data/c/ro-crate-metadata.json"]
    );
    let unsafe_path = crate_of(&json!([{"@id": "../a", "@type": "File"}, {"@id": "/etc/x", "@type": "File"}]));
    assert_eq!(codes(json!({}), &[(MARK, &unsafe_path)]), vec!["path-unsafe data/c/ro-crate-metadata.json"; 2]);
}

#[test]
fn a_crate_without_descriptor_or_root_is_refused() {
    let good = crate_of(&json!([]));
    assert_eq!(judge(json!({}), &[(MARK, &good)]), []);
    for (from, to, code) in [
        (r#""@id":"ro-crate-metadata.json""#, r#""@id":"other.json""#, "descriptor-missing"),
        ("https://w3id.org/ro/crate/1.1\"}", "https://example.org/\"}", "descriptor-malformed"),
        (r#""about""#, r#""aboutness""#, "descriptor-malformed"),
        (r#""@id":"./","@type":"Dataset""#, r#""@id":"./x","@type":"Dataset""#, "root-missing"),
        (r#""@type":"Dataset""#, r#""@type":"Thing""#, "root-malformed"),
        ("datePublished", "dateOfIt", "root-incomplete"),
        (r#""@graph""#, r#""graph""#, "crate-malformed"),
        ("{", "", "crate-malformed"),
    ] {
        assert!(good.contains(from), "{from} in {good}");
        let bad = good.replacen(from, to, 1);
        let findings = judge(json!({}), &[(MARK, &bad)]);
        assert_eq!(findings.iter().map(|f| f.code.as_str()).collect::<Vec<_>>(), [code], "{from}");
        let is_odd = code == "root-incomplete";
        assert_eq!(findings[0].severity, if is_odd { Severity::Warning } else { Severity::Error });
    }
}

#[test]
fn contents_that_are_not_at_hand_are_counted() {
    let rows = json!([{"destinationTable": "Files", "name": "bagit.txt"}, {"destinationTable": "Files", "name": MARK}]);
    let bundle = BundleBuilder::new(&rows.to_string()).build();
    let findings = validate::<Manifest>("{}", &bundle).unwrap();
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Info));
    assert!(findings[0].message.contains(" 2 listed files"));
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({"bagit": {"check": false, "required": true, "algorithms": ["sha256", "crc32"]},
        "ro_crate": {"check": false, "required": true}});
    let mistakes = check_config::<Manifest>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    assert_eq!(keys, ["bagit.required", "ro_crate.required", "bagit.algorithms[1]"]);
    assert_eq!(check_config::<Manifest>("{}"), Ok(()));
    assert!(check_config::<Manifest>(r#"{"bagit": {"fetch": "later"}}"#).unwrap_err()[0].starts_with("bagit.fetch: "));
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<Manifest>();
    assert_eq!(info.name, "manifest");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn any_texts_in_a_bag_or_crate_can_be_judged(
        declaration in "(BagIt-Version: [01].[0-9]{1,2}\nTag-File-Character-Encoding: UTF-8\n)?\\PC{0,20}",
        manifest in "([0-9a-f]{2} {1,2}\\*?[./%~a-z0-9]{0,8}\n|\\PC{0,10}\n){0,4}",
        info in "(Payload-Oxum: [0-9.]{0,30}\n)?\\PC{0,20}",
        id in "[./%#:a-z0-9é]{0,8}",
    ) {
        let metadata = crate_of(&json!([{"@id": id, "@type": "File"}, {"@id": id, "@type": ["Dataset", 3]}, 7]));
        let files = [("bagit.txt", declaration.as_str()), ("manifest-md5.txt", &manifest), ("tagmanifest-md5.txt", &manifest),
            ("bag-info.txt", &info), ("fetch.txt", &manifest), ("data/a", "x"), (MARK, &metadata)];
        judge(json!({"bagit": {"fetch": "incomplete"}, "ro_crate": {"all_described": true}}), &files);
    }
}
