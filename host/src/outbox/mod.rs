//! Whoever is told of the ends of jobs.
//!
//! What is promised: a receiver is told of every end of a job at least once, under an id that stays the same, and of one
//! job's ends in their order. An event is written with the end that it tells of (`db/outbox.rs`), so that no crash loses
//! it; it is sent until the receiver has taken it, or until it is as old as is configured. A receiver that is away costs
//! the rest of the gate nothing: it is asked once in a while, with one event, until it answers again.

mod answer;
mod body;
mod signature;

use std::time::Duration;

use anyhow::Context as _;
use reqwest::redirect;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{EventFormat, EventSettings, Secret, read_secrets};
use crate::db::{Db, DueEvent, Recorded};
use crate::failpoint::{self, Point};
use crate::measures::{self, Sent};
use crate::model::Timestamp;
use crate::seams::service;
use answer::Answer;
use body::Message;

/// Events that are sent at a time, while the receiver is well.
const AT_ONCE: usize = 8;
/// How often it is looked for what other processes have written, and for what is due again.
const LOOK: Duration = Duration::from_secs(1);
/// How much longer than a call its lease is.
const SPARE: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The waits between attempts: the first, twice as long each time, up to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// No receiver is believed that it wants to be left alone for longer.
const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// Which ends of jobs are to be recorded where these are the settings.
pub fn recorded(settings: Option<&EventSettings>) -> Recorded {
    match settings.map(|events| events.format) {
        None => Recorded::Nothing,
        // What Pacifica tells of is metadata that was accepted.
        Some(EventFormat::Pacifica) => Recorded::Done,
        Some(EventFormat::CloudEvents | EventFormat::CloudEventsBinary) => Recorded::Everything,
    }
}

/// The keys that events are signed with, those of the file first. None signs nothing.
pub(crate) fn secrets(settings: &EventSettings) -> Result<Vec<Secret>, String> {
    let mut secrets = settings.secret_file.as_deref().map(read_secrets).transpose()?.unwrap_or_default();
    secrets.extend(settings.secrets.iter().cloned());
    Ok(secrets)
}

/// Delivers what the outbox holds. Cheap to clone.
#[derive(Clone)]
pub struct Deliverer {
    db: Db,
    http: reqwest::Client,
    settings: EventSettings,
    secrets: Vec<Secret>,
}

impl std::fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliverer").field("url", &self.settings.url).finish_non_exhaustive()
    }
}

/// What an attempt says of the receiver.
enum Receiver {
    /// It answers.
    Well,
    /// It does not, or asks for so much rest.
    Away(Duration),
    /// It wants nothing more.
    Gone,
}

impl Deliverer {
    /// Makes ready to deliver.
    pub fn open(settings: &EventSettings, db: &Db) -> anyhow::Result<Self> {
        service::choose_cryptography();
        let secrets = secrets(settings).map_err(anyhow::Error::msg)?;
        if secrets.is_empty() {
            tracing::warn!("events are sent unsigned: receivers cannot tell them from others'; set events.secret_file");
        }
        // A receiver may be outside of the site: a proxy that the environment names is used. A redirect would send what
        // was signed for one receiver to another.
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(settings.timeout)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")));
        let http = http.build().context("events cannot be sent")?;
        Ok(Self { db: db.clone(), http, settings: settings.clone(), secrets })
    }

    /// Delivers until told to stop; then what is being sent is brought to its end.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        let (mut well, mut resting) = (true, None::<Instant>);
        while !stop.is_cancelled() {
            let at_once = if well { AT_ONCE } else { 1 };
            let room = at_once.saturating_sub(under_way.len());
            if room > 0 && resting.is_none() {
                for event in self.due(room).await {
                    let deliverer = self.clone();
                    under_way.spawn(async move { deliverer.deliver(event).await });
                }
            }
            let until = resting.unwrap_or_else(|| Instant::now() + LOOK);
            tokio::select! {
                () = stop.cancelled() => {}
                Some(told) = under_way.join_next() => match told {
                    Ok(Receiver::Well) => (well, resting) = (true, None),
                    Ok(Receiver::Away(rest)) => {
                        well = false;
                        resting = Some(Instant::now() + rest.max(LOOK));
                    }
                    Ok(Receiver::Gone) => {
                        tracing::error!(
                            receiver = %self.settings.url,
                            "the receiver of events is gone for good (410); this process sends none until it is started \
                             again"
                        );
                        break;
                    }
                    Err(error) => tracing::error!(%error, "a delivery was cut off; it is tried again"),
                },
                // While the receiver is away, new events are no reason to ask it.
                () = self.db.event_written(), if well => {}
                () = tokio::time::sleep_until(until) => resting = None,
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn due(&self, room: usize) -> Vec<DueEvent> {
        let now = Timestamp::now();
        let lease_until = now.after(self.settings.timeout + SPARE);
        self.db.claim_events(now, lease_until, room).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "it cannot be seen which events are due; it is tried again");
            Vec::new()
        })
    }

    /// Sends one event and records what came of it. Where that cannot be recorded, the lease runs out and the event is
    /// sent again.
    async fn deliver(&self, event: DueEvent) -> Receiver {
        failpoint::pass(Point::OutboxTaken);
        let answer = match self.message(&event).await {
            Ok(message) => self.post(&event, message).await,
            Err(why) => Answer::Own(why),
        };
        failpoint::pass(Point::OutboxPosted);
        let (now, job) = (Timestamp::now(), event.ended.id);
        let (recorded, sent, receiver) = match &answer {
            Answer::Taken => {
                tracing::debug!(%job, event = event.id, "an event was delivered");
                (self.db.event_delivered(event.number, now).await, Sent::Delivered, Receiver::Well)
            }
            Answer::Gone => {
                let why = answer.to_string();
                tracing::error!(%job, event = event.id, why, "an event is given up");
                (self.db.event_given_up(&event, now, &why).await, Sent::GivenUp, Receiver::Gone)
            }
            Answer::Refused(_) | Answer::Busy(..) | Answer::Silent(_) | Answer::Own(_) => {
                let (why, age) = (answer.to_string(), now.since(event.since));
                let rest = match &answer {
                    Answer::Busy(_, rest) => rest.unwrap_or_default().min(LONGEST_REST),
                    _ => Duration::ZERO,
                };
                let receiver = match &answer {
                    Answer::Busy(..) | Answer::Silent(_) => Receiver::Away(rest),
                    _ => Receiver::Well,
                };
                if age >= self.settings.max_age {
                    tracing::error!(%job, event = event.id, why, attempts = event.attempts, "an event is given up: it is \
                        too old; `sluice event retry` has it sent again");
                    (self.db.event_given_up(&event, now, &why).await, Sent::GivenUp, receiver)
                } else {
                    let wait = wait(event.attempts, rand::random()).max(rest);
                    tracing::warn!(%job, event = event.id, why, ?wait, "an event was not delivered; it is sent again");
                    (self.db.event_failed(&event, now.after(wait), &why).await, Sent::Failed, receiver)
                }
            }
        };
        failpoint::pass(Point::OutboxNoted);
        measures::sent(sent);
        if let Err(error) = recorded {
            tracing::warn!(%job, event = event.id, %error, "what came of an event cannot be recorded; it is sent again");
        }
        receiver
    }

    async fn message(&self, event: &DueEvent) -> Result<Message, String> {
        let source = self.settings.source.as_deref();
        match self.settings.format {
            EventFormat::CloudEvents => Ok(body::structured(event, source)),
            EventFormat::CloudEventsBinary => Ok(body::binary(event, source)),
            EventFormat::Pacifica => {
                let transaction = self.db.transaction(event.ended.id).await.map_err(|error| error.to_string())?;
                let transaction = transaction.ok_or("the metadata of its job is not recorded here")?;
                body::pacifica(event, &transaction, source)
            }
        }
    }

    async fn post(&self, event: &DueEvent, message: Message) -> Answer {
        let Message { headers, body } = message;
        let mut request = self.http.post(self.settings.url.url().clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let now = Timestamp::now();
        for (name, value) in signature::headers(&self.secrets, &event.id, now, &body) {
            request = request.header(name, value);
        }
        Answer::of(request.body(body).send().await, now).await
    }
}

/// How long to wait after so many attempts. `random`, from 0 to 1, keeps events that failed together from coming back
/// together.
fn wait(attempts: i64, random: f64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(20);
    FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread() {
        let seconds = |attempts, random| wait(attempts, random).as_secs_f64();
        assert_eq!([1, 2, 3, 4].map(|attempts| seconds(attempts, 1.0)), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!((seconds(3, 0.0), seconds(3, 0.5)), (2.0, 3.0));
        assert_eq!((seconds(1_000_000, 1.0), seconds(0, 0.0)), (600.0, 0.5));
    }
}
