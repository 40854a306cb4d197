//! How far long work has come: a bar where somebody watches, lines of JSON where those were asked for, else nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::super::print::{self, Printer};
use crate::client::{JobState, Watcher};

/// Between two lines of JSON.
const PAUSE: Duration = Duration::from_secs(1);
const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
const TASK: &str = "{msg} {wide_bar} {percent} %";

/// One piece of long work.
pub(super) struct Watch {
    bar: ProgressBar,
    what: &'static str,
    total: u64,
    /// When a line was last written; none where none are asked for.
    lines: Option<Mutex<Option<Instant>>>,
    printer: Printer,
}

impl Watch {
    /// Work over so many bytes.
    pub(super) fn new(what: &'static str, total: u64, printer: &Printer) -> Arc<Self> {
        Arc::new(Self::styled(what, total, BYTES, printer))
    }

    /// Work over so many bytes that has one document in the end, and no lines before it.
    pub(super) fn quiet(what: &'static str, total: u64, printer: &Printer) -> Arc<Self> {
        Arc::new(Self { lines: None, ..Self::styled(what, total, BYTES, printer) })
    }

    /// The way of a job through its tasks.
    pub(super) fn of_job(printer: &Printer) -> Self {
        Self::styled("job", 100, TASK, printer)
    }

    fn styled(what: &'static str, total: u64, style: &str, printer: &Printer) -> Self {
        let target = if printer.watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_message(what);
        let lines = printer.json.then(|| Mutex::new(None));
        Self { bar, what, total, lines, printer: printer.clone() }
    }

    /// A state that the job has come to.
    pub(super) fn job(&self, state: &JobState) {
        self.bar.set_message(format!("job {}: {}", state.job_id, state.task));
        // A percentage is from 0 to 100.
        self.bar.set_position(state.percent().clamp(0.0, 100.0) as u64);
        self.line(&json!({"event": "job", "job": state}));
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, line: &serde_json::Value) {
        if self.lines.is_some() {
            // Who does not listen any more is no reason to send no more.
            drop(self.printer.line(line));
        }
    }
}

impl Watcher for Watch {
    fn sent(&self, bytes: u64) {
        self.bar.set_position(bytes);
        let Some(lines) = &self.lines else { return };
        let mut last = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes == self.total || last.is_none_or(|last| last.elapsed() >= PAUSE) {
            *last = Some(Instant::now());
            self.line(&json!({"event": self.what, "bytes": bytes, "of": self.total}));
        }
    }

    fn again(&self, why: &str, pause: Duration) {
        self.line(&json!({"event": "again", "why": why, "pause_ms": pause.as_millis() as u64}));
        if self.lines.is_none() {
            self.bar.suspend(|| print::complain(&format!("{why}; trying again in {}", print::duration(pause))));
        }
    }
}
