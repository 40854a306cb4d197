//! The receiver of events, where there is one: whether what is sent can be signed, and what of it was not taken.

use super::super::print;
use super::Check;
use crate::config::{EventSettings, Settings};
use crate::db::{Db, DbError, EventCounts, EventFilter, EventState, SchemaState};
use crate::model::Timestamp;
use crate::outbox;

const NAME: &str = "events";

/// Nothing is sent to the receiver: it would have to know an event of no job.
pub(super) async fn checks(settings: &Settings) -> Vec<Check> {
    let Some(events) = &settings.events else { return Vec::new() };
    let mut checks = vec![signed(events)];
    // Where the database does not answer, another check says so.
    if let Ok(Some((counts, problem))) = look(settings).await {
        checks.push(standing(events, &counts, &problem));
    }
    checks
}

fn signed(events: &EventSettings) -> Check {
    let (url, format) = (&events.url, events.format.name());
    match outbox::secrets(events) {
        Err(why) => Check::fault(NAME, why, "mend the file, or name another"),
        Ok(secrets) if secrets.is_empty() => Check::warning(
            NAME,
            format!("{url} is told of ended jobs ({format}), unsigned: it cannot tell our events from others'"),
            "set events.secret_file; docs/admins/events.md says how the receiver checks",
        ),
        Ok(secrets) => {
            let secrets = print::count(secrets.len(), "secret");
            Check::ok(NAME, format!("{url} is told of ended jobs ({format}), signed with {secrets}"))
        }
    }
}

/// How the outbox stands, and what the newest problem of what waits or was given up is.
async fn look(settings: &Settings) -> Result<Option<(EventCounts, String)>, DbError> {
    let db = Db::open(&settings.database, false).await?;
    let found = if db.check().await? == SchemaState::Equal {
        let mut problem = String::new();
        for state in [EventState::Waiting, EventState::GivenUp] {
            let filter = EventFilter { state: Some(state), job: None, limit: 100 };
            let listed = db.list_events(&filter).await?;
            if let Some(event) = listed.into_iter().find(|event| !event.problem.is_empty()) {
                problem = format!(": {}", event.problem);
                break;
            }
        }
        Some((db.count_events().await?, problem))
    } else {
        None
    };
    db.close().await;
    Ok(found)
}

fn standing(events: &EventSettings, counts: &EventCounts, problem: &str) -> Check {
    let EventCounts { waiting, given_up, oldest } = *counts;
    let count = |number: i64| print::count(usize::try_from(number).unwrap_or(0), "event");
    let age = oldest.map_or(std::time::Duration::ZERO, |since| Timestamp::now().since(since));
    if given_up > 0 {
        Check::warning(
            NAME,
            format!("{} given up, {waiting} waiting{problem}", count(given_up)),
            "see what the receiver's log says; `sluice event list --state given-up`, then `sluice event retry --all`",
        )
    } else if waiting > 0 && age > events.timeout * 3 {
        Check::warning(
            NAME,
            format!("{} waiting, the oldest for {}{problem}", count(waiting), print::duration(age)),
            "see that a gate or a worker runs, and that the receiver answers; `sluice event list --state waiting`",
        )
    } else {
        Check::ok(NAME, format!("{} waiting, none given up", count(waiting)))
    }
}
