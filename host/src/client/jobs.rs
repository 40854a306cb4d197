//! Jobs, as the gate shows them to whoever sent them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Gate, GateError};
use crate::model::{JobId, State};

/// Between two looks at a job: short at first, for jobs that are over at once, and then longer.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// A gate that does not answer for a moment, because it is started anew for instance, is asked so often again.
const PATIENCE: usize = 30;

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

impl Gate {
    /// The state of a job.
    pub async fn state(&self, job: JobId) -> Result<JobState, GateError> {
        self.get(&format!("/get_state?job_id={job}")).await
    }

    /// Watches a job until it has ended, and says of each change what it is.
    pub async fn follow(&self, job: JobId, mut seen: impl FnMut(&JobState)) -> Result<JobState, GateError> {
        let (mut pause, mut silent) = (FIRST_LOOK, 0);
        let mut last = None;
        loop {
            match self.state(job).await {
                Ok(state) => {
                    silent = 0;
                    if last.as_ref() != Some(&state) {
                        seen(&state);
                    }
                    if state.ended() {
                        return Ok(state);
                    }
                    last = Some(state);
                }
                Err(error) if error.is_passing() && silent < PATIENCE => silent += 1,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        }
    }
}
