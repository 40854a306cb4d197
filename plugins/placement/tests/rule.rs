//! The rule, on bundles made from metadata documents.

use placement::Placer;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, plan};
use sluice_sdk::{Decision, Finding, JobKind, Location};

fn rows(files: &[Value]) -> Value {
    let mut rows = vec![
        json!({"destinationTable": "Transactions.submitter", "value": 10}),
        json!({"destinationTable": "Transactions.project", "value": "1234a"}),
        json!({"destinationTable": "Transactions.instrument", "value": 54}),
    ];
    rows.extend_from_slice(files);
    Value::Array(rows)
}

fn file(subdir: &str, name: &str) -> Value {
    json!({"destinationTable": "Files", "subdir": subdir, "name": name})
}

fn moved(name: &str, source: &str) -> Value {
    json!({"destinationTable": "Files", "name": name, "source": source})
}

fn key(key: &str, value: &str) -> Value {
    json!({"destinationTable": "TransactionKeyValue", "key": key, "value": value})
}

fn decide(config: &Value, builder: BundleBuilder) -> Decision {
    plan::<Placer>(&config.to_string(), &builder.build()).expect("the configuration can be used")
}

fn upload(config: &Value, rows: &Value) -> Decision {
    decide(config, BundleBuilder::new(&rows.to_string()).job_id(7).user("grace"))
}

fn places(decision: Decision) -> Vec<String> {
    match decision {
        Decision::Place(places) => places.into_iter().map(|place| place.path).collect(),
        Decision::Refuse(findings) => panic!("refused: {findings:?}"),
    }
}

fn refusal(decision: Decision) -> Vec<Finding> {
    match decision {
        Decision::Refuse(findings) => findings,
        Decision::Place(places) => panic!("placed: {places:?}"),
    }
}

fn codes(findings: &[Finding]) -> Vec<(&str, String)> {
    findings.iter().map(|finding| (finding.code.as_str(), finding.location.to_string())).collect()
}

fn template(template: &str) -> Value {
    json!({"template": template})
}

#[test]
fn without_a_configuration_uploads_go_to_the_default_place() {
    let rows = rows(&[file("data/scan/1", "日本.dat"), file("", "top.dat")]);
    assert_eq!(places(upload(&json!({}), &rows)), ["1234a/54/2026/03/7/scan/1/日本.dat", "1234a/54/2026/03/7/top.dat"]);
}

#[test]
fn every_field_has_its_value() {
    let rows = rows(&[file("a/b", "c.dat"), key("Temp C", "20.5"), key("Temp C", "20.5")]);
    let all =
        template("{user}-{submitter}/{key:Temp C}/{received:%Y-%m-%dT%H%M%S}/{{{file_id}}}/{subdir}/x{name}/{path}");
    assert_eq!(places(upload(&all, &rows)), ["grace-10/20.5/2026-03-01T120000/{1}/a/b/xc.dat/a/b/c.dat"]);
}

#[test]
fn a_value_that_is_missing_is_reported_once_for_all_files() {
    let files = json!([file("", "x"), file("", "y")]);
    let findings = refusal(upload(&template("{project}/{key:Gas}/{name}"), &files));
    assert_eq!(codes(&findings), [("value-missing", "bundle".to_owned()), ("value-missing", "bundle".to_owned())]);
    assert_eq!(findings[0].message, "The bundle has no project, which decides where its files go.");
    assert_eq!(findings[1].message, r#"The bundle has no value for the key "Gas", which decides where its files go."#);
}

#[test]
fn values_are_refused_and_never_bent_into_names() {
    for value in ["", ".", "..", "a/b", "../../etc", "a\0b", "a\nb", &"x".repeat(256)] {
        let rows = json!([
            {"destinationTable": "Transactions.project", "value": value}, key("Gas", value), file("", "x")
        ]);
        let findings = refusal(upload(&template("{project}/{key:Gas}/{name}"), &rows));
        assert_eq!(
            codes(&findings),
            [
                ("value-unsafe", "metadata.txt /0/value".to_owned()),
                ("value-unsafe", "metadata.txt /1/value".to_owned())
            ],
            "{value:?}"
        );
    }
    let findings = refusal(decide(&template("{user}/{name}"), BundleBuilder::new("[]").user("../root")));
    assert_eq!(codes(&findings), [("value-unsafe", "bundle".to_owned())]);
}

#[test]
fn every_part_of_a_files_path_is_checked_where_it_is_used() {
    let hostile = json!([
        {"destinationTable": "Files", "subdir": "a/../..", "name": "x"},
        {"destinationTable": "Files", "subdir": "", "name": ".."},
        {"destinationTable": "Files", "subdir": "", "name": "a\u{0}b"},
    ]);
    for by in ["p/{subdir}/{name}", "p/{path}"] {
        let findings = refusal(upload(&template(by), &hostile));
        assert_eq!(findings.len(), 3, "{by}");
        assert!(findings.iter().all(|finding| finding.code == "value-unsafe"), "{findings:?}");
        assert_eq!(findings[0].location, Location::File("a/../../x".into()));
    }
    assert_eq!(places(upload(&template("p/{file_id}"), &hostile)), ["p/1", "p/2", "p/3"]);
}

#[test]
fn harmless_values_that_make_an_impossible_name_together_are_refused() {
    let dots = json!([key("A", "_"), file("", "x")]);
    assert_eq!(places(upload(&template("{key:A}./{name}"), &dots)), ["_./x"]);
    let long = "x".repeat(200);
    let rows = json!([key("A", &long), file("", &long)]);
    let findings = refusal(upload(&template("{key:A}-{name}"), &rows));
    assert_eq!(codes(&findings), [("destination-unsafe", format!("data/{long}"))]);
    // The archive's own folder is nobody's, and a path has an end.
    let own = json!([{"destinationTable": "Transactions.project", "value": ".incoming"}, file("", "x")]);
    let findings = refusal(upload(&template("{project}/{name}"), &own));
    assert_eq!(codes(&findings), [("destination-unsafe", "data/x".to_owned())]);
    assert!(findings[0].message.contains("a part of this is the archive's own folder"), "{findings:?}");
    assert_eq!(
        places(upload(&template("{submitter}/{name}"), &self::rows(&[file("", ".incoming")]))),
        ["10/.incoming"]
    );
    let deep = json!([file(&[&*long; 16].join("/"), "x")]);
    let findings = refusal(upload(&template("{path}"), &deep));
    assert!(findings[0].message.contains("this is longer than 3000 bytes"), "{findings:?}");
    // A folder alone is no place for a file at the top.
    assert_eq!(refusal(upload(&template("p/{subdir}"), &rows))[0].code, "destination-unsafe");
}

#[test]
fn a_key_with_two_values_decides_nothing() {
    let rows = json!([key("Gas", "Ar"), key("Gas", "He"), file("", "x")]);
    let findings = refusal(upload(&template("{key:Gas}/{name}"), &rows));
    assert_eq!(codes(&findings), [("value-ambiguous", "metadata.txt /1/value".to_owned())]);
}

#[test]
fn two_files_for_one_place_are_both_named() {
    let rows = rows(&[file("a", "x"), file("b", "x"), file("b", "y")]);
    let findings = refusal(upload(&template("{name}"), &rows));
    assert_eq!(codes(&findings), [("destination-clash", "data/b/x".to_owned())]);
    assert_eq!(findings[0].message, r#"The files "a/x" and "b/x" would both be placed at "x"."#);

    let twice = json!([file("a", "x"), file("data/a", "x")]);
    let findings = refusal(upload(&template("{path}"), &twice));
    assert_eq!(findings[0].message, r#"The file "a/x" is listed twice, in /0 and /1 of metadata.txt."#);
}

#[test]
fn a_file_cannot_lie_where_a_folder_has_to_be() {
    for files in [[file("", "a"), file("a", "b")], [file("a", "b"), file("", "a")]] {
        let findings = refusal(upload(&template("{path}"), &json!(files)));
        assert_eq!(codes(&findings), [("destination-clash", "data/a/b".to_owned())]);
    }
}

fn sources() -> Value {
    json!({"template": "{name}", "sources": [
        {"root": "/srv/nmr/", "instruments": ["5?"]},
        {"root": "/home/grace", "users": ["grace", "root"], "projects": ["1*"]},
    ]})
}

fn sources_for(user: &str, files: &[Value], instrument: &str) -> Decision {
    let mut rows = rows(files);
    rows[2]["value"] = json!(instrument);
    decide(&sources(), BundleBuilder::new(&rows.to_string()).kind(JobKind::Move).user(user))
}

#[test]
fn moves_come_from_the_folders_that_are_open_to_them() {
    let files = [moved("a", "/srv/nmr/run/a"), moved("b", "/home/grace//./b")];
    assert_eq!(places(sources_for("grace", &files, "54")), ["a", "b"]);

    let findings = refusal(sources_for("ada", &files, "54"));
    assert_eq!(codes(&findings), [("source-not-allowed", "data/b".to_owned())]);
    assert_eq!(
        findings[0].hint.as_deref(),
        Some("Move files from /srv/nmr, or ask the facility to open another folder.")
    );
    assert_eq!(codes(&refusal(sources_for("grace", &files, "60"))), [("source-not-allowed", "data/a".to_owned())]);
    let findings = refusal(sources_for("ada", &files, "60"));
    assert_eq!(findings.len(), 2);
    assert!(findings[0].hint.as_ref().unwrap().starts_with("There is no such folder"));
}

#[test]
fn sources_that_could_mean_another_file_are_refused() {
    let files = [
        moved("a", "/srv/nmr/../secret/a"),
        moved("b", "srv/nmr/b"),
        moved("c", "/srv/nmr"),
        moved("d", "/srv/nmr-other/d"),
        json!({"destinationTable": "Files", "name": "e"}),
    ];
    let findings = refusal(sources_for("ada", &files, "54"));
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["source-unsafe", "source-unsafe", "source-not-allowed", "source-not-allowed", "source-missing"]);
}

#[test]
fn without_sources_nothing_may_be_moved_and_everything_uploaded() {
    let rows = rows(&[moved("a", "/srv/a")]);
    let builder = || BundleBuilder::new(&rows.to_string());
    assert_eq!(refusal(decide(&template("{name}"), builder().kind(JobKind::Move)))[0].code, "source-not-allowed");
    assert_eq!(places(decide(&template("{name}"), builder())), ["a"]);
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    assert_eq!(check_config::<Placer>("{}"), Ok(()));
    assert_eq!(check_config::<Placer>(&sources().to_string()), Ok(()));
    let config = json!({
        "template": "{project}/{nam}/..",
        "sources": [
            {"root": "srv", "users": []},
            {"root": "/srv/../x", "projects": ["[", "a"]},
        ],
    });
    let mistakes = check_config::<Placer>(&config.to_string()).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.split_once(": ").unwrap().0).collect();
    assert_eq!(
        keys,
        ["sources[0].root", "sources[0].users", "sources[1].root", "sources[1].projects[0]", "template", "template"]
    );
    assert!(mistakes[4].starts_with("template: character 11: there is no field {nam}; the fields are job_id"));
}
