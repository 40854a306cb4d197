//! Jobs, as the gate shows them to whoever sent them.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response};
use serde::{Deserialize, Serialize};

use super::events::{Event, EventReader};
use super::{Gate, GateError};
use crate::model::{JobId, State};

/// Between two looks at a job: short at first, for jobs that are over at once, and then longer.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// A gate that does not answer for a moment, because it is started anew for instance, is asked so often again.
const PATIENCE: usize = 30;
/// A gate tells how a job is as soon as it is listened to. One that does not is kept from it by something on the way.
const FIRST_EVENT: Duration = Duration::from_secs(5);
/// A gate says something every 15 s. After this time without a word it is not heard any more.
const SILENCE: Duration = Duration::from_secs(40);
/// When to listen again after a stream was cut, where the gate does not say.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// The state of a job, as Pacifica's calls have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobState {
    /// The job.
    pub job_id: JobId,
    /// `OK` or `FAILED`.
    pub state: State,
    /// The task it is in, or ended in.
    pub task: String,
    /// 0 to 100 of that task.
    pub task_percent: String,
    /// Whether it has ended; a Pacifica Ingest of old does not say.
    #[serde(default)]
    complete: Option<bool>,
    /// What went wrong.
    #[serde(default)]
    pub exception: String,
}

/// The same of the API, whose percentage is a number.
#[derive(Deserialize)]
struct LiveState {
    job_id: JobId,
    state: State,
    task: String,
    task_percent: f64,
    complete: bool,
    exception: String,
}

impl From<LiveState> for JobState {
    fn from(live: LiveState) -> Self {
        let LiveState { job_id, state, task, task_percent, complete, exception } = live;
        Self { job_id, state, task, task_percent: format!("{task_percent:.5}"), complete: Some(complete), exception }
    }
}

impl JobState {
    /// Whether the job has ended.
    pub fn ended(&self) -> bool {
        let done = || self.state == State::Failed || (self.task == "ingest metadata" && self.percent() >= 100.0);
        self.complete.unwrap_or_else(done)
    }

    /// 0 to 100 of its task.
    pub fn percent(&self) -> f64 {
        self.task_percent.parse().unwrap_or(0.0)
    }
}

/// What is known of a job that is followed.
struct Followed<S> {
    job: JobId,
    last: Option<JobState>,
    seen: S,
}

impl<S: FnMut(&JobState)> Followed<S> {
    /// Takes a state in. True where it is the job's last.
    fn is(&mut self, state: JobState) -> bool {
        let ended = state.ended();
        if self.last.as_ref() != Some(&state) {
            (self.seen)(&state);
            self.last = Some(state);
        }
        ended
    }

    /// Takes an event in. True where it tells the end.
    fn hears(&mut self, event: &Event) -> bool {
        match event.name.as_str() {
            // One that is not understood says nothing; if it was the end, it is asked for afterwards.
            "job" => serde_json::from_str::<LiveState>(&event.data).is_ok_and(|state| self.is(state.into())),
            "end" => true,
            _ => false,
        }
    }

    fn end(&self) -> Option<JobState> {
        self.last.clone().filter(JobState::ended)
    }
}

impl Gate {
    /// The state of a job.
    pub async fn state(&self, job: JobId) -> Result<JobState, GateError> {
        self.get(&format!("/get_state?job_id={job}")).await
    }

    /// Watches a job until it has ended, and says of each change what it is. The gate tells of them as they happen; one
    /// that cannot, or cannot be heard, is asked from time to time.
    pub async fn follow(&self, job: JobId, seen: impl FnMut(&JobState)) -> Result<JobState, GateError> {
        let mut followed = Followed { job, last: None, seen };
        self.listen(&mut followed).await;
        match followed.end() {
            Some(end) => Ok(end),
            None => self.ask(&mut followed).await,
        }
    }

    /// Listens until the job has ended, or as long as there is something to be heard. A stream that is cut is taken up
    /// again where it was.
    async fn listen<S: FnMut(&JobState)>(&self, followed: &mut Followed<S>) {
        let path = format!("/api/jobs/{}/events", followed.job);
        let (mut reader, mut heard, mut silent) = (EventReader::default(), false, 0);
        while silent < PATIENCE / 2 {
            let mut request = self.request(Method::GET, &path).header(ACCEPT, "text/event-stream");
            if let Some(id) = &reader.last_id {
                request = request.header("last-event-id", id);
            }
            silent += 1;
            match tokio::time::timeout(FIRST_EVENT, self.send(request)).await {
                Ok(Ok(answer)) if is_stream(&answer) => match hear(answer, &mut reader, followed).await {
                    Heard::End => return,
                    Heard::Something => (heard, silent) = (true, 0),
                    Heard::Nothing => {}
                },
                Ok(Err(GateError::Unreachable { .. })) => {}
                // An older gate, one that has no place for more listeners, or something in front of it.
                _ => return,
            }
            if !heard {
                return;
            }
            tokio::time::sleep(reader.retry.unwrap_or(LISTEN_AGAIN)).await;
        }
    }

    /// Asks until the job has ended.
    async fn ask<S: FnMut(&JobState)>(&self, followed: &mut Followed<S>) -> Result<JobState, GateError> {
        let (mut pause, mut silent) = (FIRST_LOOK, 0);
        loop {
            match self.state(followed.job).await {
                Ok(state) => {
                    silent = 0;
                    if followed.is(state.clone()) {
                        return Ok(state);
                    }
                }
                Err(error) if error.is_passing() && silent < PATIENCE => silent += 1,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        }
    }
}

/// What came of listening.
enum Heard {
    Nothing,
    Something,
    End,
}

fn is_stream(answer: &Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

/// Hears a stream to its end, or to where it is cut.
async fn hear<S: FnMut(&JobState)>(
    mut answer: Response,
    reader: &mut EventReader,
    followed: &mut Followed<S>,
) -> Heard {
    let mut heard = Heard::Nothing;
    reader.cut();
    loop {
        let patience = if matches!(heard, Heard::Nothing) { FIRST_EVENT } else { SILENCE };
        let Ok(Ok(Some(bytes))) = tokio::time::timeout(patience, answer.chunk()).await else { return heard };
        let Ok(events) = reader.read(&bytes) else { return heard };
        for event in events {
            if followed.hears(&event) {
                return Heard::End;
            }
            heard = Heard::Something;
        }
    }
}
