//! Receivers that are away, that fail, and that ask for rest.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use super::{all_delivered, calls, listed, sluice, telling};
use crate::bundle::bundle;
use crate::receiver::{Answer, Receiver, taken};
use crate::redis::free_port;
use crate::site::Site;
use crate::stores::{Stores, over};
use crate::wait::{PATIENCE, until};

over! { sqlite, postgres: [a_gate_killed_between_an_end_and_its_delivery_tells_of_it_when_it_is_back] }

fn status(status: StatusCode) -> Answer {
    Some((status, None))
}

async fn one_job(site: &Site) -> u64 {
    let job = site.upload(bundle("metadata-last")).await;
    assert_eq!(site.wait(job).await.state, "OK");
    job
}

async fn a_gate_killed_between_an_end_and_its_delivery_tells_of_it_when_it_is_back(stores: Stores) {
    let receiver = Receiver::answering(|number| if number == 0 { None } else { taken() }).await;
    let mut site = telling(receiver.url()).env("SLUICE_EVENTS_TIMEOUT", "2s").stores(stores).start().await;
    one_job(&site).await;
    let asked = calls(&receiver, 1).await.remove(0);
    site.kill_all();
    site.start_serve().await;
    let told = calls(&receiver, 2).await.remove(1);
    assert_eq!((told.header("webhook-id"), &told.body), (asked.header("webhook-id"), &asked.body));
    all_delivered(&site, receiver.url()).await;
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_is_away_holds_nothing_up_and_is_told_of_all_when_it_is_there() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/events");
    let site = telling(&url).start().await;
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(json!(one_job(&site).await.to_string()));
    }
    until(PATIENCE, "an attempt has failed", || async {
        listed(&site, &url, &["--state", "waiting"]).await.iter().any(|event| event["problem"] != "").then_some(())
    })
    .await;
    let metrics = site.get("/metrics").await.text();
    assert!(metrics.contains("sluice_events_total{outcome=\"failed\"}"), "{metrics}");
    assert!(metrics.contains("sluice_events_waiting 12"), "{metrics}");
    let receiver = Receiver::at(port, |_| taken()).await;
    all_delivered(&site, &url).await;
    let mut told: Vec<_> = receiver.calls().iter().map(|call| call.json()["subject"].clone()).collect();
    told.sort_by_key(|subject| subject.as_str().and_then(|text| text.parse::<u64>().ok()));
    assert_eq!(told, jobs);
}

#[tokio::test]
async fn a_receiver_that_fails_twice_is_sent_the_same_event_a_third_time() {
    let receiver =
        Receiver::answering(|number| if number < 2 { status(StatusCode::INTERNAL_SERVER_ERROR) } else { taken() })
            .await;
    let site = telling(receiver.url()).start().await;
    one_job(&site).await;
    let calls = calls(&receiver, 3).await;
    assert!(calls.iter().all(|call| call.header("webhook-id") == calls[0].header("webhook-id")));
    assert!(calls.iter().all(|call| call.body == calls[0].body));
    let events = all_delivered(&site, receiver.url()).await;
    assert_eq!((events[0]["attempts"].as_u64(), receiver.calls().len()), (Some(3), 3));
}

#[tokio::test]
async fn a_receiver_that_asks_for_rest_is_left_alone_so_long() {
    let receiver = Receiver::answering(|number| match number {
        0 => Some((StatusCode::SERVICE_UNAVAILABLE, Some(("retry-after", "4".to_owned())))),
        _ => taken(),
    })
    .await;
    let site = telling(receiver.url()).start().await;
    one_job(&site).await;
    calls(&receiver, 1).await;
    // Another job's event does not wake it either.
    one_job(&site).await;
    let calls = calls(&receiver, 3).await;
    let rest = calls[1].at - calls[0].at;
    assert!(rest >= Duration::from_millis(3_900), "{rest:?}");
    all_delivered(&site, receiver.url()).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_what_is_too_old_is_given_up_until_it_is_sent_again() {
    let elsewhere = Receiver::taking().await;
    let to = elsewhere.url().to_owned();
    let receiver = Receiver::answering(move |number| match number {
        0..2 => Some((StatusCode::TEMPORARY_REDIRECT, Some(("location", to.clone())))),
        _ => taken(),
    })
    .await;
    let site = telling(receiver.url()).env("SLUICE_EVENTS_MAX_AGE", "1s").start().await;
    let job = one_job(&site).await;
    let events = until(PATIENCE, "the event is given up", || async {
        Some(listed(&site, receiver.url(), &["--state", "given-up"]).await).filter(|events| !events.is_empty())
    })
    .await;
    assert!(elsewhere.calls().is_empty());
    let problem = events[0]["problem"].as_str().expect("a problem");
    assert!(problem.contains("redirects are not followed") && problem.contains(elsewhere.url()), "{problem}");
    let env = [("SLUICE_EVENTS_URL", receiver.url())];
    let (_, doctor) = sluice(&site, &env, &["doctor"]).await;
    assert!(doctor.contains("1 event given up") && doctor.contains("redirects are not followed"), "{doctor}");
    assert!(site.get("/metrics").await.text().contains("sluice_events_given_up 1"));

    let id = events[0]["id"].as_str().expect("an id");
    let (code, said) = sluice(&site, &env, &["event", "retry", id]).await;
    assert!(code == 0 && said.contains(id), "{said}");
    let (code, said) = sluice(&site, &env, &["event", "retry", "no-such-event"]).await;
    assert!(code == 3 && said.contains("there is no event no-such-event"), "{code}: {said}");
    let events = all_delivered(&site, receiver.url()).await;
    assert_eq!((events[0]["job_id"].as_u64(), events[0]["id"].as_str()), (Some(job), Some(id)));
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_not_asked_again() {
    let receiver = Receiver::answering(|_| status(StatusCode::GONE)).await;
    let mut site = telling(receiver.url()).start().await;
    one_job(&site).await;
    until(PATIENCE, "the event is given up", || async {
        (listed(&site, receiver.url(), &["--state", "given-up"]).await.len() == 1).then_some(())
    })
    .await;
    one_job(&site).await;
    // Its end comes after the delivery that there is not: stopping waits for what is being sent.
    site.stop_all().await;
    assert_eq!(receiver.calls().len(), 1);
    assert_eq!(listed(&site, receiver.url(), &["--state", "waiting"]).await.len(), 1);
}
