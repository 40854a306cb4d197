//! The rule, on bundles of all sizes.

use proptest::prelude::*;
use quota::Quotas;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, describe, validate};
use sluice_sdk::{Finding, Severity};

fn rows(transaction: Value, sizes: &[u64]) -> Value {
    let transaction = transaction.as_object().unwrap().iter();
    let rows =
        transaction.map(|(field, value)| json!({"destinationTable": format!("Transactions.{field}"), "value": value}));
    let files = sizes
        .iter()
        .enumerate()
        .map(|(n, size)| json!({"destinationTable": "Files", "name": format!("{n}.dat"), "size": size}));
    rows.chain(files).collect()
}

fn judge(quotas: Value, transaction: Value, sizes: &[u64]) -> Vec<Finding> {
    let bundle = BundleBuilder::new(&rows(transaction, sizes).to_string()).build();
    validate::<Quotas>(&json!({"quotas": quotas}).to_string(), &bundle).expect("the configuration can be used")
}

fn codes(quotas: Value, transaction: Value, sizes: &[u64]) -> Vec<String> {
    judge(quotas, transaction, sizes).into_iter().map(|finding| finding.code).collect()
}

#[test]
fn each_limit_is_met_at_its_edge_and_broken_beyond_it() {
    for (quota, fits, breaks, code) in [
        (json!({"max_files": 2}), vec![1, 1], vec![1, 1, 1], "too-many-files"),
        (json!({"min_files": 1}), vec![1], vec![], "too-few-files"),
        (json!({"max_bytes": "1 kB"}), vec![999, 1], vec![999, 2], "too-many-bytes"),
        (json!({"max_file_bytes": 1024}), vec![1024], vec![1025], "file-too-large"),
        (json!({"min_file_bytes": 1}), vec![1], vec![0], "file-too-small"),
    ] {
        assert_eq!(codes(json!([quota.clone()]), json!({}), &fits), Vec::<String>::new(), "{quota}");
        assert_eq!(codes(json!([quota.clone()]), json!({}), &breaks), [code], "{quota}");
    }
}

#[test]
fn the_first_quota_that_is_about_the_bundle_counts_and_no_other() {
    let quotas = json!([
        {"projects": ["big*"], "instruments": [54], "max_files": 3},
        {"projects": ["big*"]},
        {"submitters": ["10"], "max_files": 2},
        {"max_files": 1},
    ]);
    for (transaction, most) in [
        (json!({"project": "big1", "instrument": 54}), Some(3)),
        (json!({"project": "big1", "instrument": 55, "submitter": 10}), None),
        (json!({"project": "small", "instrument": 54, "submitter": 10}), Some(2)),
        (json!({"submitter": 11}), Some(1)),
        (json!({}), Some(1)),
    ] {
        let found = codes(quotas.clone(), transaction.clone(), &vec![1; most.unwrap_or(100)]);
        assert_eq!(found, Vec::<String>::new(), "{transaction}");
        if let Some(most) = most {
            assert_eq!(
                codes(quotas.clone(), transaction.clone(), &vec![1; most + 1]),
                ["too-many-files"],
                "{transaction}"
            );
        }
    }
    assert_eq!(
        codes(json!([{"projects": ["a"], "max_files": 0}]), json!({"project": "b"}), &[1]),
        Vec::<String>::new()
    );
}

#[test]
fn findings_say_how_much_who_may_and_what_to_do() {
    let quota =
        json!({"projects": ["1234a"], "max_files": 1, "min_file_bytes": 1, "severity": "warning", "hint": "Ask."});
    let findings = judge(json!([quota]), json!({"project": "1234a"}), &[0, 5]);
    assert_eq!(findings[0].message, r#"The bundle has 2 files; project "1234a" may send at most 1 file at once."#);
    assert_eq!(findings[1].message, "The file is empty.");
    assert_eq!(findings[1].location.to_string(), "data/0.dat");
    let general = judge(json!([{"max_files": 1, "max_bytes": 4}]), json!({}), &[0, 5]);
    assert_eq!(general[0].message, "The bundle has 2 files; a bundle may have at most 1 file.");
    assert!(general[1].message.ends_with("have 5 bytes together; a bundle may have at most 4 bytes."));
    assert!(findings.iter().all(|f| f.severity == Severity::Warning && f.hint.as_deref() == Some("Ask.")));
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let config = json!({"quotas": [
        {"projects": [], "instruments": ["a**"], "max_bytes": "many", "max_files": 1, "min_files": 2},
        {"max_file_bytes": "1 kB", "min_file_bytes": "1 KiB"},
    ]});
    let mistakes = check_config::<Quotas>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    assert_eq!(
        keys,
        [
            "quotas[0].projects",
            "quotas[0].instruments[0]",
            "quotas[0].max_bytes",
            "quotas[0].max_files",
            "quotas[1].max_file_bytes"
        ]
    );
    assert_eq!(check_config::<Quotas>(r#"{"quotas": []}"#).unwrap_err(), ["quotas: names no quota"]);
    let hidden = check_config::<Quotas>(r#"{"quotas": [{"projects": ["a"]}, {}, {"projects": ["b"]}]}"#).unwrap_err();
    assert!(hidden[0].starts_with("quotas[2]: is never reached"));
}

#[test]
fn the_plugin_describes_itself() {
    let info = describe::<Quotas>();
    assert_eq!(info.name, "quota");
    let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn sums_of_any_sizes_are_judged(sizes in proptest::collection::vec(any::<u64>(), 0..5), most in any::<u64>()) {
        let over = sizes.iter().map(|size| u128::from(*size)).sum::<u128>() > u128::from(most);
        // The sum saturates, so with the largest of all limits nothing is over.
        let expected: &[&str] = if over && most < u64::MAX { &["too-many-bytes"] } else { &[] };
        prop_assert_eq!(codes(json!([{"max_bytes": most}]), json!({}), &sizes), expected);
    }

    #[test]
    fn any_text_is_a_size_or_is_refused(text in "\\PC{0,12}|[0-9._]{0,24} ?[kKMGTP]?i?B?") {
        let config = json!({"quotas": [{"max_bytes": text}]}).to_string();
        if let Err(mistakes) = check_config::<Quotas>(&config) {
            prop_assert!(mistakes[0].starts_with("quotas[0].max_bytes: "));
        }
    }
}
