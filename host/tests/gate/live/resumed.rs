//! Listeners that go and come back.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::Body;
use tokio::sync::oneshot;

use super::Stream;
use crate::bundle::bundle;
use crate::site::Options;
use crate::stores::{Stores, over};

over!(sqlite, postgres: [a_listener_that_comes_back_has_missed_nothing]);

async fn a_listener_that_comes_back_has_missed_nothing(stores: Stores) {
    let mut site = Options::default().stores(stores).start().await;
    let old = site.upload(bundle("metadata-last")).await;
    site.wait(old).await;
    let mut listener = Stream::open(&site, "/api/events", None).await;
    // Cut in the middle of the job's way: the rest of it is sent when the listener has heard of its beginning.
    let (heard, sent) = oneshot::channel();
    let whole = Bytes::from(bundle("metadata-last"));
    let (begin, rest) = (whole.slice(..512), whole.slice(512..));
    let pieces = stream::iter([begin]).chain(stream::once(async move {
        sent.await.expect("an event");
        rest
    }));
    let (first, event) = tokio::join!(site.upload(Body::wrap_stream(pieces.map(Ok::<_, Infallible>))), async {
        let event = listener.next().await.expect("an event");
        heard.send(()).expect("an upload");
        event
    });
    // What came before is not told, as it was before the listener.
    assert_eq!((event.job(), event.is_done()), (first, false));
    let cut = listener.last_id.clone().expect("an id");
    drop(listener);
    site.wait(first).await;
    let away = [site.upload(bundle("metadata-last")).await, site.upload(bundle("foreign-submitter")).await];
    for job in away {
        site.wait(job).await;
    }
    // And the gate is started anew meanwhile.
    site.stop_all().await;
    site.start_serve().await;

    let mut stream = Stream::open(&site, "/api/events", Some(&cut)).await;
    let mut states = BTreeMap::new();
    while states.len() < 3 {
        let event = stream.next().await.expect("an event");
        assert_ne!(event.job(), old);
        if event.is_done() {
            states.insert(event.job(), event.data["state"].clone());
        }
    }
    assert_eq!(states.keys().copied().collect::<Vec<_>>(), [first, away[0], away[1]]);
    assert_eq!((&states[&away[0]], &states[&away[1]]), (&"OK".into(), &"FAILED".into()));
    let live = site.upload(bundle("metadata-last")).await;
    stream.until(|event| event.job() == live && event.is_done()).await;
    // From the very last on there is nothing but what comes.
    let last = stream.last_id.clone().expect("an id");
    let mut stream = Stream::open(&site, "/api/events", Some(&last)).await;
    let next = site.upload(bundle("metadata-last")).await;
    assert_eq!(stream.next().await.expect("an event").job(), next);
}

#[tokio::test]
async fn a_listener_hears_of_the_jobs_that_it_asked_for() {
    let site = Options::default().start().await;
    let mut failed = Stream::open(&site, "/api/events?state=FAILED&submitter=11", None).await;
    let mut others = Stream::open(&site, "/api/events?project=other", None).await;
    let good = site.upload(bundle("metadata-last")).await;
    site.wait(good).await;
    let bad = site.upload(bundle("foreign-submitter")).await;
    let event = failed.next().await.expect("an event");
    assert_eq!((event.job(), event.is_done()), (bad, true), "{event:?}");
    // The end of the stream is what this one hears next.
    let mut site = site;
    site.stop_all().await;
    assert_eq!(others.next().await, None);
}
