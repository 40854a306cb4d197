//! The rule, on files that are what they say and files that are not.

use content_type::ContentType;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, describe, validate};
use sluice_sdk::{Finding, Severity};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n\0\0\0\0";
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0name";
const FLOATS: &[u8] = b"\0\0\x80\x3f\0\0\0\x40";
const CSV: &[u8] = b"T \xb0C,p\n1,2\n";

fn judge(config: Value, files: &[(&str, &str, &[u8])]) -> Vec<Finding> {
    let rows: Vec<Value> = files
        .iter()
        .map(|(path, mimetype, _)| json!({"destinationTable": "Files", "name": path, "mimetype": mimetype}))
        .collect();
    let mut bundle = BundleBuilder::new(&json!(rows).to_string());
    for (path, _, content) in files {
        bundle = bundle.content(path, *content);
    }
    validate::<ContentType>(&config.to_string(), &bundle.build()).expect("the configuration can be used")
}

fn code(config: Value, mimetype: &str, content: &[u8]) -> String {
    judge(config, &[("f", mimetype, content)]).into_iter().map(|finding| finding.code).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_that_may_be_what_its_row_says_is_believed() {
    for (mimetype, content) in [
        ("image/png", PNG),
        ("IMAGE/PNG; q=1", PNG),
        ("application/x-hdf5", HDF5),
        ("application/hdf5", HDF5),
        // Built of one another.
        ("application/x-netcdf", HDF5),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP),
        ("application/zip", ZIP),
        ("application/x-vendor-scan", ZIP),
        ("image/x-nikon-nef", b"II*\0\x08\0\0\0\0\0"),
        // Text of all kinds, in encodings old and new.
        ("text/csv", CSV),
        ("application/json", b"{\"a\": 1}"),
        ("image/svg+xml", b"<svg></svg>"),
        ("text/plain", b"<?xml version='1.0'?><a/>"),
        ("application/xml", b"<a/>"),
        ("text/csv", b"MZ,intensity\n1,2\n"),
        ("text/plain", b"\xff\xfea\0\n\0"),
        ("application/x-vendor-log", CSV),
        // Nothing is known, or nothing is said.
        ("application/x-vendor", FLOATS),
        ("application/octet-stream", PNG),
        ("", FLOATS),
        ("image/png", b""),
    ] {
        assert_eq!(code(json!({}), mimetype, content), "", "{mimetype} {content:?}");
    }
}

#[test]
fn a_file_that_is_certainly_something_else_is_not() {
    for (mimetype, content) in [
        ("image/png", CSV),
        ("image/png", FLOATS),
        ("image/png", b"\xff\xd8\xff\xe0\0"),
        ("text/csv", PNG),
        ("text/csv", FLOATS),
        ("application/json", ZIP),
        ("application/x-hdf5", ZIP),
        ("application/zip", HDF5),
        ("image/x-vendor", CSV),
        ("application/x-vendor", PNG),
        ("application/pdf", CSV),
    ] {
        assert_eq!(code(json!({}), mimetype, content), "type-mismatch", "{mimetype} {content:?}");
    }
    let findings = judge(json!({"mismatch": "warning", "hint": "Look."}), &[("f", "image/png", CSV)]);
    assert_eq!(findings[0].message, r#"The file is listed as "image/png", but its content is text."#);
    assert_eq!((findings[0].severity, findings[0].hint.as_deref()), (Severity::Warning, Some("Look.")));
}

#[test]
fn what_is_unknown_or_unspecified_has_the_consequence_that_the_site_chose() {
    assert_eq!(code(json!({"unknown": "error"}), "application/x-vendor", FLOATS), "content-unknown");
    assert_eq!(code(json!({"unknown": "error"}), "application/octet-stream", FLOATS), "");
    assert_eq!(code(json!({"unspecified": "info"}), "application/octet-stream", PNG), "type-unspecified");
    assert_eq!(code(json!({"unspecified": "info"}), "application/octet-stream", CSV), "");
    assert_eq!(code(json!({"mismatch": "accept"}), "image/png", CSV), "");
}

#[test]
fn a_sites_own_format_is_known_and_goes_before_the_others() {
    let formats = json!([{"mimetype": "application/x-scan", "magic": "4E 47 ?? 0A", "offset": 2}]);
    assert_eq!(code(json!({"formats": formats}), "application/x-scan", PNG), "");
    assert_eq!(code(json!({"formats": formats}), "application/x-scan", FLOATS), "type-mismatch");
    assert_eq!(code(json!({"formats": formats}), "text/plain", PNG), "type-mismatch");
    assert_eq!(code(json!({"same": [["application/x-shot", "image/png"]]}), "application/x-shot", PNG), "");
    assert_eq!(code(json!({}), "application/x-shot", PNG), "type-mismatch");
}

#[test]
fn required_types_are_held_against_the_content() {
    let config = |types: Value| json!({"mismatch": "accept", "required": [{"files": "*.raw", "types": types}]});
    let one = |types: Value, mimetype: &str, content: &[u8]| {
        let findings = judge(config(types), &[("a.raw", mimetype, content), ("b.txt", mimetype, content)]);
        findings.into_iter().map(|finding| finding.location.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(one(json!(["image/*"]), "application/octet-stream", PNG), "");
    assert_eq!(one(json!(["image/*"]), "image/png", CSV), "data/a.raw");
    assert_eq!(one(json!(["text/csv"]), "text/csv", CSV), "");
    assert_eq!(one(json!(["text/csv"]), "text/plain", CSV), "data/a.raw");
    assert_eq!(one(json!(["application/hdf5", "image/tiff"]), "", HDF5), "");
    assert_eq!(one(json!(["application/x-netcdf"]), "application/x-netcdf", HDF5), "");
    assert_eq!(one(json!(["image/png"]), "", FLOATS), "data/a.raw");
    // A format that nobody knows is believed.
    assert_eq!(one(json!(["application/x-vendor"]), "application/x-vendor", ZIP), "");
}

#[test]
fn files_that_are_not_at_hand_are_counted_and_skipped_ones_are_not() {
    let rows = json!([
        {"destinationTable": "Files", "name": "a.png", "mimetype": "image/png"},
        {"destinationTable": "Files", "name": "b.log", "mimetype": "image/png"},
    ]);
    let bundle = BundleBuilder::new(&rows.to_string()).content("b.log", CSV).build();
    let findings = validate::<ContentType>(r#"{"skip": ["*.log"]}"#, &bundle).unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].code.as_str(), findings[0].severity), ("content-not-at-hand", Severity::Info));
    assert!(findings[0].message.contains(" 1 listed file"));
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({
        "skip": ["a**"],
        "required": [{"files": "{a}", "types": []}, {"types": ["png"]}],
        "formats": [{"mimetype": "scan", "magic": "1"}],
        "same": [["image/png", "x"]],
    });
    let mistakes = check_config::<ContentType>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    assert_eq!(
        keys,
        [
            "skip[0]",
            "required[0].types",
            "required[0].files",
            "required[1].types[0]",
            "formats[0].mimetype",
            "formats[0].magic",
            "same[0][1]"
        ]
    );
    assert_eq!(check_config::<ContentType>("{}"), Ok(()));
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<ContentType>();
    assert_eq!(info.name, "content-type");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn any_bytes_under_any_type_can_be_judged(
        start in prop::sample::select(vec![&b""[..], PNG, HDF5, ZIP, b"RIFF", b"\0\0\0\x18ftyp", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]),
        rest in prop::collection::vec(any::<u8>(), 0..1200),
        mimetype in "[a-z/;* ]{0,12}|\\PC{0,6}",
    ) {
        let content = [start, &rest].concat();
        let config = json!({"unknown": "error", "unspecified": "error", "required": [{"types": ["image/*"]}]});
        prop_assert!(judge(config, &[("f", &mimetype, &content)]).len() <= 2);
    }
}
