//! Pacifica's contract, row by row, over each queue.

mod bundles;
mod calls;
mod job_state;
mod moves;
mod success;

pub(crate) use bundles::FOLDERS;
pub(crate) use moves::DOCUMENTS;

use crate::site::JobState;

/// The task at which a job failed is one of these, at 0 percent, and the exception says why.
fn assert_failed(state: &JobState, tasks: &[&str]) {
    assert_eq!(state.state, "FAILED", "{state:?}");
    assert!(tasks.contains(&state.task.as_str()), "failed at {:?}, not at {tasks:?}: {state:?}", state.task);
    assert_eq!(state.task_percent, "0.00000", "{state:?}");
    assert!(state.complete, "{state:?}");
    assert!(!state.exception.is_empty(), "no exception: {state:?}");
}

fn assert_ok(state: &JobState) {
    assert_eq!(state.state, "OK", "{state:?}");
    assert_eq!(state.task, "ingest metadata", "{state:?}");
    assert_eq!(state.task_percent, "100.00000", "{state:?}");
    assert!(state.complete, "{state:?}");
    assert_eq!(state.exception, "", "{state:?}");
}
