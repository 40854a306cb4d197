//! Figures, printed as they come and kept as a file beside the last one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    machine: String,
    figures: Vec<Figure>,
}

pub(crate) struct Results {
    kept: Kept,
    last: Option<Kept>,
    /// Whether only some workloads are run.
    partial: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/results")
}

impl Results {
    pub(crate) fn new(machine: String, partial: bool) -> Self {
        println!("{machine}\n");
        let last = std::fs::read(folder().join("last.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { kept: Kept { machine, figures: Vec::new() }, last, partial }
    }

    /// Notes a figure, and prints it beside the last one of its name.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &str) {
        let before = self.last.as_ref().and_then(|last| last.figures.iter().find(|figure| figure.name == name));
        let change =
            before.map(|before| format!("{:+6.1} %", (value / before.value - 1.0) * 100.0)).unwrap_or_default();
        println!("{name:<58} {:>12} {unit:<8} {change}", shown(value));
        self.kept.figures.push(Figure { name: name.to_owned(), value, unit: unit.to_owned() });
    }

    /// Writes the table, for people and for the next run. Where only some workloads were run, the figures of the others stay
    /// as they were, if they are this machine's.
    pub(crate) fn finish(mut self) -> anyhow::Result<PathBuf> {
        let others = self.last.take().filter(|last| self.partial && last.machine == self.kept.machine);
        if let Some(mut last) = others {
            for figure in std::mem::take(&mut self.kept.figures) {
                match last.figures.iter_mut().find(|known| known.name == figure.name) {
                    Some(known) => *known = figure,
                    None => last.figures.push(figure),
                }
            }
            self.kept.figures = last.figures;
        }
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let mut table =
            format!("# Figures of the last run\n\n{}\n\n| what | figure | |\n|---|---:|---|\n", self.kept.machine);
        for Figure { name, value, unit } in &self.kept.figures {
            table.push_str(&format!("| {name} | {} | {unit} |\n", shown(*value)));
        }
        std::fs::write(folder.join("last.json"), serde_json::to_vec_pretty(&self.kept)?)?;
        let path = folder.join("last.md");
        std::fs::write(&path, table).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

fn shown(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        middling if middling >= 1.0 => format!("{middling:.2}"),
        small => format!("{small:.4}"),
    }
}

/// The middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this part of all lies.
pub(crate) fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}
