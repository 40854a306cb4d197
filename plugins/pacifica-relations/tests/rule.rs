//! The rule, on a small site.

use pacifica_relations::PacificaRelations;
use serde_json::{Value, json};
use sluice_sdk::testing::{BundleBuilder, check_config, validate};
use sluice_sdk::{Finding, Location};

/// Instruments 54 and 55 are one group; 60 stands alone. Project 2000b is used by nobody but its instrument's custodian.
fn site() -> Value {
    json!({
        "contact": "the user office",
        "users": [
            {"id": 10, "name": "Grace"},
            {"id": 11, "name": "Ada"},
            {"id": "12"},
            {"id": 1, "administrator": true},
        ],
        "projects": [
            {"id": "1234a", "title": "Anodes", "members": ["10"], "instruments": [54]},
            {"id": "2000b", "instruments": ["60"]},
            {"id": 3000, "members": [12]},
        ],
        "instruments": [
            {"id": 54, "name": "NMR", "groups": ["nmr"], "custodians": [11]},
            {"id": 55, "groups": ["nmr"]},
            {"id": 60, "custodians": [11]},
        ],
    })
}

fn rows(submitter: &str, project: &str, instrument: &str) -> Value {
    let values = [("submitter", submitter), ("project", project), ("instrument", instrument)];
    let rows = values.into_iter().filter(|(_, value)| !value.is_empty());
    rows.map(|(field, value)| json!({"destinationTable": format!("Transactions.{field}"), "value": value})).collect()
}

fn judge(submitter: &str, project: &str, instrument: &str) -> Vec<Finding> {
    let bundle = BundleBuilder::new(&rows(submitter, project, instrument).to_string()).build();
    validate::<PacificaRelations>(&site().to_string(), &bundle).expect("the configuration can be used")
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn who_may_use_what_where() {
    for (submitter, project, instrument, expected) in [
        // A member, on the project's instrument, on one of its group, and elsewhere.
        ("10", "1234a", "54", vec![]),
        ("10", "1234a", "55", vec![]),
        ("10", "1234a", "60", vec!["project-not-on-instrument"]),
        // A custodian of an instrument that the project uses; on any instrument of the group.
        ("11", "1234a", "54", vec![]),
        ("11", "1234a", "55", vec![]),
        ("11", "2000b", "60", vec![]),
        ("11", "2000b", "54", vec!["project-not-on-instrument"]),
        ("11", "3000", "54", vec!["project-not-on-instrument", "project-not-permitted"]),
        // Neither.
        ("12", "1234a", "54", vec!["project-not-permitted"]),
        // A member of a project without instruments can use it nowhere.
        ("12", "3000", "54", vec!["project-not-on-instrument"]),
        // Administrators may use every project, linked all the same.
        ("1", "1234a", "55", vec![]),
        ("1", "1234a", "60", vec!["project-not-on-instrument"]),
    ] {
        assert_eq!(codes(&judge(submitter, project, instrument)), expected, "{submitter} {project} {instrument}");
    }
}

#[test]
fn everything_unknown_or_missing_is_said_at_once() {
    assert_eq!(codes(&judge("99", "98", "97")), ["submitter-unknown", "project-unknown", "instrument-unknown"]);
    assert_eq!(codes(&judge("", "", "")), ["submitter-missing", "project-missing", "instrument-missing"]);
    // What is known is judged all the same.
    assert_eq!(codes(&judge("99", "1234a", "60")), ["submitter-unknown", "project-not-on-instrument"]);
    assert_eq!(codes(&judge("12", "1234a", "97")), ["instrument-unknown", "project-not-permitted"]);
}

#[test]
fn findings_say_where_and_what_to_do() {
    let unknown = &judge("10", " 1234A", "54")[0];
    assert_eq!(unknown.message, r#"The project " 1234A" is not known here."#);
    assert_eq!(unknown.location, Location::Metadata("/1/value".into()));
    assert_eq!(unknown.hint.as_deref(), Some("Did you mean 1234a?"));
    assert!(judge("77", "1234a", "54")[0].hint.as_ref().unwrap().contains("ask the user office"));

    let unlinked = &judge("10", "2000b", "54")[0];
    assert_eq!(
        unlinked.message,
        r#"The project 2000b is not linked with instrument 54 ("NMR"), nor with another of its group."#
    );
    assert_eq!(
        unlinked.hint.as_deref(),
        Some(
            "Ask a custodian of the instrument (Ada) to link the two, or choose a project that submitter 10 (\"Grace\") \
             may use on instrument 54 (\"NMR\"): 1234a."
        )
    );

    let refused = &judge("12", "1234a", "54")[0];
    assert_eq!(
        refused.message,
        r#"The submitter 12 may not use project 1234a ("Anodes"): neither a member of it, nor custodian of an instrument that it uses."#
    );
    assert_eq!(
        refused.hint.as_deref(),
        Some(
            "Ask the user office to be added to the project; there is no project that submitter 12 may use on \
             instrument 54 (\"NMR\")."
        )
    );
}

#[test]
fn no_more_than_a_handful_of_projects_is_named() {
    let mut site = site();
    for number in 0..8 {
        let project = json!({"id": format!("p{number}"), "members": [12], "instruments": [54]});
        site["projects"].as_array_mut().unwrap().push(project);
    }
    let bundle = BundleBuilder::new(&rows("12", "1234a", "54").to_string()).build();
    let findings = validate::<PacificaRelations>(&site.to_string(), &bundle).unwrap();
    assert!(findings[0].hint.as_ref().unwrap().ends_with(": p0, p1, p2, p3, p4, and 3 more."));
}

#[test]
fn dangling_and_doubled_ids_are_found_in_the_tables() {
    assert_eq!(check_config::<PacificaRelations>(&site().to_string()), Ok(()));
    let config = json!({
        "users": [{"id": 10}, {"id": "10"}, {"id": " "}],
        "projects": [{"id": "a", "members": [10, 11], "instruments": [54, 55]}],
        "instruments": [{"id": 54, "custodians": ["x"]}],
    });
    assert_eq!(
        check_config::<PacificaRelations>(&config.to_string()).unwrap_err(),
        [
            r#"users[1].id: "10" is in the table already"#,
            r#"users[2].id: " " is no id: an id is not empty and has no blanks at its ends"#,
            r#"projects[0].members[1]: there is no user "11""#,
            r#"projects[0].instruments[1]: there is no instrument "55""#,
            r#"instruments[0].custodians[0]: there is no user "x""#,
        ]
    );
    assert_eq!(check_config::<PacificaRelations>("{}").unwrap_err(), ["missing field `users`"]);
    let wrong = json!({"users": [{"id": true}], "projects": [], "instruments": []});
    assert!(check_config::<PacificaRelations>(&wrong.to_string()).unwrap_err()[0].starts_with("users[0].id: "));
}

#[test]
fn the_sample_site_takes_its_sample_bundle() {
    let config = json!({
        "users": [{"id": 10}],
        "projects": [{"id": "1234a", "members": [10], "instruments": [54]}],
        "instruments": [{"id": 54}],
    });
    assert_eq!(check_config::<PacificaRelations>(&config.to_string()), Ok(()));
    let bundle = BundleBuilder::new(&rows("10", "1234a", "54").to_string()).build();
    assert_eq!(validate::<PacificaRelations>(&config.to_string(), &bundle), Ok(vec![]));
}
