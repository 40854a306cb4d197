//! Tables in a rule's own tests.

use sluice_sdk::tables::{self, TableError};
use sluice_sdk::{Failure, testing};

#[test]
fn a_table_is_read_by_key_and_as_a_whole() {
    testing::table("projects", &["id", "pi"], &[&["1234a", "ada"], &["99b", "bea"]]);
    let row = tables::row("projects", "99b").unwrap().unwrap();
    assert_eq!((row.key(), row.get("pi"), row.get("group")), ("99b", Some("bea"), None));
    assert_eq!(row.iter().collect::<Vec<_>>(), [("id", "99b"), ("pi", "bea")]);
    assert_eq!(tables::row("projects", "ghost"), Ok(None));
    let people: Vec<_> = tables::rows("projects").unwrap().filter_map(|row| Some(row.get("pi")?.to_owned())).collect();
    assert_eq!(people, ["ada", "bea"]);
    assert_eq!(tables::info("projects").unwrap().row_count, 2);
}

#[test]
fn a_table_that_is_not_granted_is_a_mistake_of_the_policy() {
    let error = tables::row("projects", "1234a").unwrap_err();
    assert_eq!(error, TableError::NotGranted("projects".to_owned()));
    assert!(matches!(Failure::from(error), Failure::BadConfig(why) if why.contains("grants.tables")));
}
