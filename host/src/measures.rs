//! What is counted and timed, for Prometheus. All names are spelled here.
//!
//! Counting costs nothing where nobody has asked for it with [`install`], as in commands.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::model::{JobKind, Outcome, Report, Stage, State, Task};

const CALLS: &str = "sluice_http_requests_total";
const CALL_SECONDS: &str = "sluice_http_request_seconds";
const RECEIVED: &str = "sluice_received_jobs_total";
const RECEIVED_BYTES: &str = "sluice_received_bytes_total";
const JOBS: &str = "sluice_jobs_total";
const STEP_SECONDS: &str = "sluice_step_seconds";
const VERDICTS: &str = "sluice_rule_verdicts_total";
const RULE_SECONDS: &str = "sluice_rule_seconds";
const FAILURES: &str = "sluice_rule_failures_total";
const COMPILED: &str = "sluice_component_loads_total";
const COMPILE_SECONDS: &str = "sluice_component_compile_seconds";
const GUEST_CALLS: &str = "sluice_guest_calls";
const UNFINISHED: &str = "sluice_unfinished_jobs";
const OLDEST: &str = "sluice_oldest_waiting_seconds";
const REVISION: &str = "sluice_policy_revision";
const UNHEALTHY: &str = "sluice_unhealthy_rules";
const EVENTS: &str = "sluice_events_total";
const EVENTS_WAITING: &str = "sluice_events_waiting";
const EVENTS_GIVEN_UP: &str = "sluice_events_given_up";
const OLDEST_EVENT: &str = "sluice_oldest_event_seconds";
const UPLOADS: &str = "sluice_uploads_in_progress";

/// Seconds. A call of a rule takes tens of microseconds, a large bundle's files minutes.
const BUCKETS: [f64; 16] =
    [0.000_02, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 600.0];

/// Where what was counted is read.
#[derive(Clone)]
pub struct Measures(PrometheusHandle);

impl std::fmt::Debug for Measures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measures")
    }
}

/// Begins to count, once in a process.
pub fn install() -> Result<Measures, BuildError> {
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe_counter!(CALLS, "HTTP requests, by method, route and status");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "How long HTTP requests took, by route");
    describe_counter!(RECEIVED, "Bundles and moves that were acknowledged");
    describe_counter!(RECEIVED_BYTES, Unit::Bytes, "Bytes of file contents in acknowledged bundles");
    describe_counter!(JOBS, "Jobs that have ended, by kind, state and the task they ended in");
    describe_histogram!(STEP_SECONDS, Unit::Seconds, "How long the tasks of jobs took");
    describe_counter!(VERDICTS, "What rules said, by rule, plugin, version, mode and outcome");
    describe_histogram!(RULE_SECONDS, Unit::Seconds, "How long the calls of rules took");
    describe_counter!(FAILURES, "Calls of rules that failed, by the kind of failure: each limit has its own");
    describe_counter!(COMPILED, "Components taken up, from the compiled cache or compiled anew");
    describe_histogram!(COMPILE_SECONDS, Unit::Seconds, "How long components took to compile");
    describe_gauge!(GUEST_CALLS, "Calls of rules under way or waiting for a thread");
    describe_gauge!(UNFINISHED, "Jobs that have not ended, by stage");
    describe_gauge!(OLDEST, Unit::Seconds, "How long the job has waited that waits longest");
    describe_gauge!(REVISION, "The revision of the policy that judges on this node");
    describe_gauge!(UNHEALTHY, "Rules that failed too often in a row");
    describe_gauge!(UPLOADS, "Bundles that are arriving");
    describe_counter!(EVENTS, "Events of ended jobs that were sent, by what came of it: delivered, failed or given up");
    describe_gauge!(EVENTS_WAITING, "Events that are to be sent");
    describe_gauge!(EVENTS_GIVEN_UP, "Events that were given up");
    describe_gauge!(OLDEST_EVENT, Unit::Seconds, "How long the event has waited that waits longest");
    Ok(Measures(handle))
}

impl Measures {
    /// All of it, in Prometheus's text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// All of it, value by value.
    pub fn samples(&self) -> Vec<Sample> {
        self.render().lines().filter(|line| !line.starts_with('#')).filter_map(Sample::read).collect()
    }
}

/// One value of what was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What was counted.
    pub name: String,
    /// Of what kind.
    labels: Vec<(String, String)>,
    /// How much.
    pub value: f64,
}

impl Sample {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A line of Prometheus's text format: `name{label="value",…} 1`.
    fn read(line: &str) -> Option<Self> {
        let (head, value) = line.rsplit_once(' ')?;
        let value = value.parse().ok()?;
        let Some((name, mut rest)) = head.split_once('{') else {
            return Some(Self { name: head.to_owned(), labels: Vec::new(), value });
        };
        let mut labels = Vec::new();
        while let Some((label, text)) = rest.split_once("=\"") {
            let (mut content, mut letters) = (String::new(), text.char_indices());
            let end = loop {
                match letters.next()? {
                    (at, '"') => break at,
                    (_, '\\') => content.push(match letters.next()?.1 {
                        'n' => '\n',
                        other => other,
                    }),
                    (_, letter) => content.push(letter),
                }
            };
            labels.push((label.trim_start_matches(',').to_owned(), content));
            rest = &text[end + 1..];
        }
        Some(Self { name: name.to_owned(), labels, value })
    }
}

/// An HTTP request was answered. `route` is the pattern, not the path: there are few of them.
pub fn called(method: &str, route: &str, status: u16, took: Duration) {
    let (method, route) = (method.to_owned(), route.to_owned());
    counter!(CALLS, "method" => method, "route" => route.clone(), "status" => status.to_string()).increment(1);
    histogram!(CALL_SECONDS, "route" => route).record(took);
}

/// A bundle was acknowledged.
pub fn received(kind: JobKind, bytes: u64) {
    counter!(RECEIVED, "kind" => kind.name()).increment(1);
    counter!(RECEIVED_BYTES).increment(bytes);
}

/// A job has ended.
pub fn ended(kind: JobKind, state: State, task: Task) {
    counter!(JOBS, "kind" => kind.name(), "state" => state.name(), "task" => task.name()).increment(1);
}

/// A task of a job is over.
pub fn stepped(task: Task, took: Duration) {
    histogram!(STEP_SECONDS, "task" => task.name()).record(took);
}

/// The rules have judged a job.
pub fn judged(report: &Report) {
    // What the gate itself has found is no rule's.
    for entry in report.rules.iter().filter(|entry| !entry.digest.is_empty()) {
        let rule = entry.rule.clone();
        let outcome = match entry.outcome {
            Outcome::Passed => "passed",
            Outcome::Rejected => "rejected",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        };
        counter!(
            VERDICTS, "rule" => rule.clone(), "plugin" => entry.plugin.clone(), "version" => entry.version.clone(),
            "mode" => entry.mode.name(), "outcome" => outcome
        )
        .increment(1);
        if entry.outcome == Outcome::Skipped {
            continue;
        }
        histogram!(RULE_SECONDS, "rule" => rule.clone()).record(Duration::from_micros(entry.duration_us));
        if let Some(failure) = &entry.failure {
            counter!(FAILURES, "rule" => rule, "kind" => failure.kind.name()).increment(1);
        }
    }
}

/// What came of sending an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The receiver has taken it.
    Delivered,
    /// It is sent again later.
    Failed,
    /// It is not sent again.
    GivenUp,
}

/// An event was sent.
pub fn sent(what: Sent) {
    let outcome = match what {
        Sent::Delivered => "delivered",
        Sent::Failed => "failed",
        Sent::GivenUp => "given-up",
    };
    counter!(EVENTS, "outcome" => outcome).increment(1);
}

/// How the outbox stands.
pub fn events_stand(waiting: i64, given_up: i64, oldest: Duration) {
    gauge!(EVENTS_WAITING).set(waiting as f64);
    gauge!(EVENTS_GIVEN_UP).set(given_up as f64);
    gauge!(OLDEST_EVENT).set(oldest);
}

/// A component was found compiled.
pub fn found_compiled() {
    counter!(COMPILED, "from" => "cache").increment(1);
}

/// A component was compiled.
pub fn compiled(took: Duration) {
    counter!(COMPILED, "from" => "compiler").increment(1);
    histogram!(COMPILE_SECONDS).record(took);
}

/// A call of a rule, counted until this is dropped.
#[derive(Debug)]
pub struct GuestCall(());

impl GuestCall {
    /// Begins.
    pub fn begin() -> Self {
        gauge!(GUEST_CALLS).increment(1);
        Self(())
    }
}

impl Drop for GuestCall {
    fn drop(&mut self) {
        gauge!(GUEST_CALLS).decrement(1);
    }
}

/// How things stand, as far as it is asked for when somebody looks.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Jobs that have not ended.
    pub unfinished: Vec<(Stage, i64)>,
    /// The longest wait.
    pub oldest: Duration,
    /// The active revision; 0 where there is none.
    pub revision: i64,
    /// Rules under a mark.
    pub unhealthy: usize,
    /// Bundles that are arriving.
    pub uploads: usize,
}

/// Notes how things stand.
pub fn stands(standing: &Standing) {
    for stage in [Stage::Receiving, Stage::Waiting, Stage::Running] {
        let jobs = standing.unfinished.iter().find(|(known, _)| *known == stage).map_or(0, |(_, jobs)| *jobs);
        gauge!(UNFINISHED, "stage" => stage.name()).set(jobs as f64);
    }
    gauge!(OLDEST).set(standing.oldest);
    gauge!(REVISION).set(standing.revision as f64);
    gauge!(UNHEALTHY).set(standing.unhealthy as f64);
    gauge!(UPLOADS).set(standing.uploads as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_with_its_labels_whatever_rules_are_called() {
        let sample = Sample::read(r#"a_total{rule="x\"}y, \\z",mode="shadow"} 2.5"#).unwrap();
        assert_eq!((sample.label("rule"), sample.label("mode")), (Some(r#"x"}y, \z"#), Some("shadow")));
        assert_eq!((sample.name.as_str(), sample.value), ("a_total", 2.5));
        assert_eq!(Sample::read("b 1").map(|sample| sample.value), Some(1.0));
        assert_eq!(Sample::read("# TYPE"), None);
    }
}
