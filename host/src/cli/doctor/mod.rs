//! `sluice doctor`: what is configured, what answers, and what to do about the rest.
//!
//! It changes nothing: the one file that it writes, to see whether it can, it removes at once. Every check ends in one
//! sentence and, where something is to be done, in a remedy.

mod behind;
mod events;
mod folders;
mod rules;
mod services;

use serde::Serialize;
use serde_json::json;

use super::Failure;
use super::exit::Exit;
use super::print::{self, Cell, Printer, Table, Tone};
use crate::config::{Loaded, ServiceUrl, Settings};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// The gate works, and something is to be known.
    Warning,
    /// The gate does not work.
    Fault,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
struct Check {
    /// What was looked at.
    name: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    fn warning(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn fault(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fault, found: found.into(), remedy: Some(remedy.into()) }
    }
}

pub(super) async fn run(loaded: &Loaded, printer: &Printer) -> Result<Exit, Failure> {
    let settings = &loaded.settings;
    let mut checks = Vec::new();
    checks.extend(
        loaded
            .warnings
            .iter()
            .map(|warning| Check::warning("environment", warning, "unset the variable, or set what is named")),
    );
    checks.extend(folders::checks(settings));
    checks.push(services::database(settings).await);
    checks.push(services::queue(settings).await);
    checks.extend(behind::checks(settings).await);
    checks.extend(events::checks(settings).await);
    checks.push(services::address(settings).await);
    checks.push(rules::policy(settings));
    checks.extend(rules::plugins(settings));

    let faults = checks.iter().filter(|check| check.verdict == Verdict::Fault).count();
    let warnings = checks.iter().filter(|check| check.verdict == Verdict::Warning).count();
    let configured = configured(loaded);
    if printer.json {
        let file = loaded.file.as_ref().map(|file| file.display().to_string());
        let settings: Vec<_> = configured
            .iter()
            .map(|(key, value, source)| json!({ "key": key, "value": value, "source": source }))
            .collect();
        printer.document(&json!({
            "healthy": faults == 0, "file": file, "settings": settings, "checks": checks,
        }))?;
    } else {
        let mut table = Table::new(&["SETTING", "VALUE", "FROM"]);
        for (key, value, source) in configured {
            table.row([Cell::text(key), Cell::text(value), Cell::text(source).tone(Tone::Faint)]);
        }
        printer.table(&table)?;
        printer.raw("")?;
        for check in &checks {
            show(check, printer)?;
        }
        printer.raw("")?;
        printer.text(&format!(
            "{}: {}, {}",
            print::count(checks.len(), "check"),
            print::count(faults, "fault"),
            print::count(warnings, "warning")
        ))?;
    }
    Ok(if faults == 0 { Exit::Done } else { Exit::Failed })
}

fn show(check: &Check, printer: &Printer) -> std::io::Result<()> {
    let (word, tone) = match check.verdict {
        Verdict::Ok => ("ok     ", Tone::Good),
        Verdict::Warning => ("warning", Tone::Doubtful),
        Verdict::Fault => ("FAULT  ", Tone::Bad),
    };
    let word = printer.toned(word, tone);
    printer.raw(&format!("{word}  {:<11}  {}", check.name, printer.toned(&check.found, Tone::Plain)))?;
    match &check.remedy {
        Some(remedy) => printer.text(&format!("{:22}-> {remedy}", "")),
        None => Ok(()),
    }
}

/// The settings that decide where everything is, and all others that somebody gave.
fn configured(loaded: &Loaded) -> Vec<(&'static str, String, String)> {
    let Settings { data, http, database, queue, archive, services, move_roots, policy, spool, .. } = &loaded.settings;
    let own_or = |url: Option<&ServiceUrl>, none: &str| url.map_or_else(|| none.to_owned(), ServiceUrl::to_string);
    let list = |folders: &[std::path::PathBuf]| {
        let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        if folders.is_empty() { "none".to_owned() } else { folders.join(", ") }
    };
    let policy_file = match &policy.file {
        Some(file) => file.display().to_string(),
        None => "what the database has, else the starter policy".to_owned(),
    };
    let mut rows = vec![
        ("data", data.display().to_string()),
        ("listen", http.listen.to_string()),
        ("database", database.to_string()),
        ("queue", queue.to_string()),
        ("archive", archive.to_string()),
        ("ids", own_or(services.ids.as_ref(), "own")),
        ("metadata", own_or(services.metadata.as_ref(), "own")),
        ("policy_service", own_or(services.policy.as_ref(), "none")),
        ("spool.folder", spool.folder.display().to_string()),
        ("move_root", list(move_roots)),
        ("policy", policy_file),
        ("plugins", list(&policy.plugins)),
    ];
    for origin in &loaded.origins {
        if !rows.iter().any(|(key, _)| *key == origin.key) {
            rows.push((origin.key, origin.value.clone()));
        }
    }
    let source = |key| {
        let origin = loaded.origins.iter().find(|origin| origin.key == key);
        origin.map_or_else(|| "default".to_owned(), |origin| origin.source.to_string())
    };
    rows.into_iter().map(|(key, value)| (key, value, source(key))).collect()
}
