//! Lookups in a rule's own tests.

use serde_json::Value;
use sluice_sdk::lookup::{self, LookupError, Response};
use sluice_sdk::{Failure, testing};

const URL: &str = "https://proposals.example.org/api/1234a";

#[test]
fn an_answer_of_any_status_is_one() {
    testing::answer(URL, Ok(Response::of(404, "application/json", "{\"open\": false}")));
    let answer = lookup::get(URL).unwrap();
    assert_eq!((answer.status, answer.is_success(), answer.text()), (404, false, "{\"open\": false}".into()));
    assert_eq!(answer.json::<Value>().unwrap()["open"], false);
    testing::answer(URL, Ok(Response::of(200, "text/html", "<html>")));
    assert!(matches!(lookup::get(URL).unwrap().json::<Value>(), Err(Failure::Unavailable(_))));
}

#[test]
fn each_error_is_a_failure_of_its_kind() {
    assert!(matches!(Failure::from(lookup::get(URL).unwrap_err()), Failure::BadConfig(why) if why.contains(URL)));
    testing::answer(URL, Err(LookupError::Timeout));
    assert!(
        matches!(Failure::from(lookup::get(URL).unwrap_err()), Failure::Unavailable(why) if why.contains("in time"))
    );
    testing::answer(URL, Err(LookupError::TooLarge));
    assert!(matches!(Failure::from(lookup::get(URL).unwrap_err()), Failure::Other(_)));
}
