//! The faults that a running site is ordered to have: see `sluice::failpoint`.

use std::path::PathBuf;

use sluice::failpoint::{Point, VARIABLE};
use tempfile::TempDir;

use crate::site::Options;

/// A file of orders, which a site reads while it runs.
pub(crate) struct Failpoints {
    folder: TempDir,
}

impl Failpoints {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("sluice-faults-").tempdir().expect("a temporary folder") }
    }

    /// A site that reads it.
    pub(crate) fn of(&self, options: Options) -> Options {
        options.env(VARIABLE, self.file().to_str().expect("UTF-8"))
    }

    /// Orders these and no others, from now on.
    pub(crate) fn set(&self, orders: &[(Point, &str)]) {
        let lines: Vec<String> = orders.iter().map(|(point, action)| format!("{}={action}\n", point.name())).collect();
        // Renamed in, so that no half of it is read.
        let aside = self.folder.path().join("orders.new");
        std::fs::write(&aside, lines.concat()).expect("orders");
        std::fs::rename(aside, self.file()).expect("orders");
    }

    /// All is well again.
    pub(crate) fn clear(&self) {
        self.set(&[]);
    }

    /// The points that took effect, in order.
    pub(crate) fn reached(&self) -> Vec<String> {
        let noted = std::fs::read_to_string(self.folder.path().join("orders.reached")).unwrap_or_default();
        noted.lines().map(str::to_owned).collect()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("orders")
    }
}
