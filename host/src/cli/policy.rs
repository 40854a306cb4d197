//! `sluice policy`: the rules of a running gate, over its API.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::gate::GateArgs;
use super::plugin::push;
use super::print::{self, Cell, Printer, Table, Tone};
use super::replayed::{self, list};
use super::{Exit, Failure};
use crate::client::{Gate, GateError};
use crate::config::Surroundings;
use crate::model::{JobId, Revision};
use crate::policy::PolicyDocument;

#[derive(Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    gate: GateArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Show the active policy, or an old revision
    Show {
        /// Which; the active one where none is given
        revision: Option<Revision>,
    },
    /// Say what is wrong with a policy file, and what it would change
    Check(File),
    /// Make a policy file the active policy, whole or not at all
    Apply {
        #[command(flatten)]
        file: File,
        /// Why; kept with the revision
        #[arg(short, long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Show what changes between two revisions
    Diff {
        /// From this one
        from: Revision,
        /// To this one; the active one where none is given
        to: Option<Revision>,
    },
    /// List the revisions, newest first
    History {
        /// How many at the most
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Make an old revision the next one
    Rollback {
        /// Which
        to: Revision,
        /// Why; kept with the revision
        #[arg(short, long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Judge stored jobs by a candidate, and say whose verdict would be another one
    Replay(Replay),
    /// Take the mark off a rule that failed too often
    Lift {
        /// The rule
        rule: String,
    },
}

/// A policy file, TOML or JSON. Plugins that its rules name and that lie in a folder of `--plugins` are added to the gate,
/// and the rules run these.
#[derive(Args)]
struct File {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args)]
struct Replay {
    /// The candidate: a policy file; the active policy where none is given
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The candidate: a revision
    #[arg(long, conflicts_with = "file")]
    revision: Option<Revision>,
    /// Judge the newest jobs, so many
    #[arg(long, value_name = "N", conflicts_with = "job", value_parser = clap::value_parser!(u32).range(1..=1000))]
    last: Option<u32>,
    /// Judge this job; repeatable
    #[arg(long, value_name = "ID")]
    job: Vec<JobId>,
}

/// The active policy, as far as it is needed to replace it.
#[derive(Deserialize)]
struct Active {
    revision: Revision,
}

impl Policy {
    /// `plugins` are the folders of `--plugins`.
    pub(super) async fn run(
        self,
        plugins: &[OsString],
        surroundings: &Surroundings,
        printer: &Printer,
    ) -> Result<Exit, Failure> {
        let gate = self.gate.open(surroundings)?;
        let at = |file: &Path| surroundings.folder.join(file);
        let folders: Vec<PathBuf> = plugins.iter().map(|folder| at(Path::new(folder))).collect();
        match self.command {
            Command::Show { revision } => show(&gate, revision, printer).await,
            Command::Check(file) => {
                let document = file.read(&gate, &at, &folders, printer).await?;
                let request = gate.request(Method::POST, "/api/policy/check").json(&document);
                diff(&gate.json(request).await.map_err(mistakes)?, printer)
            }
            Command::Apply { file, message } => {
                let mut document = file.read(&gate, &at, &folders, printer).await?;
                document.message = message.or(document.message);
                apply(&gate, &document, printer).await
            }
            Command::Diff { from, to } => {
                let to = match to {
                    Some(to) => to,
                    None => gate.get::<Active>("/api/policy").await?.revision,
                };
                diff(&gate.get(&format!("/api/policy/revisions/{from}/diff/{to}")).await?, printer)
            }
            Command::History { limit } => history(&gate, limit, printer).await,
            Command::Rollback { to, message } => {
                let request = gate.request(Method::POST, "/api/policy/rollback");
                let active: Value = gate.json(request.json(&json!({ "to": to, "message": message }))).await?;
                became(&active, printer)
            }
            Command::Replay(replay) => replay.run(&gate, &at, printer).await,
            Command::Lift { rule } => {
                let rule_path = url::form_urlencoded::byte_serialize(rule.as_bytes()).collect::<String>();
                let path = format!("/api/policy/marks/{}", rule_path.replace('+', "%20"));
                gate.send(gate.request(Method::DELETE, &path)).await?;
                if !printer.json {
                    printer.text(&format!("the mark on {rule} is lifted"))?;
                }
                Ok(Exit::Done)
            }
        }
    }
}

impl File {
    /// The document of the file. With a folder of plugins, those that its rules name are added to the gate, and the
    /// document says that it means these.
    async fn read(
        &self,
        gate: &Gate,
        at: &impl Fn(&Path) -> PathBuf,
        folders: &[PathBuf],
        printer: &Printer,
    ) -> Result<PolicyDocument, Failure> {
        let mut document =
            PolicyDocument::read(&at(&self.file)).map_err(|mistake| Failure::new(Exit::Usage, mistake))?;
        let mut added = BTreeMap::new();
        for rule in &document.rules {
            let name = rule.plugin.split('@').next().unwrap_or_default();
            let path = folders.iter().map(|folder| folder.join(format!("{name}.wasm"))).find(|path| path.is_file());
            let Some(path) = path.filter(|_| !rule.plugin.starts_with("sha256:")) else { continue };
            if !added.contains_key(name) {
                let plugin = push::push(gate, &path, None).await?;
                printer.remark(&format!("{name} {}: {}", plugin.version, plugin.digest));
                added.insert(name.to_owned(), plugin.digest.clone());
            }
            document.digests.entry(rule.name.clone()).or_insert_with(|| added[name].clone());
        }
        Ok(document)
    }
}

/// Replaces the policy as it is now. Somebody who changes it between our look and our change is not overwritten.
async fn apply(gate: &Gate, document: &PolicyDocument, printer: &Printer) -> Result<Exit, Failure> {
    let base = gate.get::<Active>("/api/policy").await?.revision;
    let request = gate.request(Method::PUT, "/api/policy").header("if-match", format!("\"{base}\""));
    let active: Value = gate.json(request.json(document)).await.map_err(mistakes)?;
    if active["revision"] == json!(base) && !printer.json {
        printer.text(&format!("revision {base} says the same already; nothing was changed"))?;
        return Ok(Exit::Done);
    }
    became(&active, printer)
}

fn became(active: &Value, printer: &Printer) -> Result<Exit, Failure> {
    if printer.json {
        printer.document(active)?;
    } else {
        printer.text(&format!("revision {} is active", active["revision"]))?;
    }
    Ok(Exit::Done)
}

/// A policy's mistakes stand one below the other.
fn mistakes(error: GateError) -> Failure {
    let mut failure = Failure::from(error);
    failure.message = failure.message.replace("; rule ", ";\n  rule ").replace("changed: rule", "changed:\n  rule");
    failure
}

async fn show(gate: &Gate, revision: Option<Revision>, printer: &Printer) -> Result<Exit, Failure> {
    let path = revision.map_or("/api/policy".to_owned(), |n| format!("/api/policy/revisions/{n}"));
    let policy: Value = gate.get(&path).await?;
    if printer.json {
        printer.document(&policy)?;
        return Ok(Exit::Done);
    }
    let word = |key: &str| policy[key].as_str().unwrap_or_default().to_owned();
    let title = format!("Revision {} by {}: {}", policy["revision"], word("author"), word("message"));
    printer.raw(&printer.toned(&title, Tone::Strong))?;
    // A policy file that says the same, to be kept and changed.
    let document = json!({ "rules": policy["rules"] });
    let text = toml::to_string_pretty(&document).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    printer.text(text.trim_end())?;
    Ok(Exit::Done)
}

async fn history(gate: &Gate, limit: u32, printer: &Printer) -> Result<Exit, Failure> {
    let page: Value = gate.get(&format!("/api/policy/revisions?limit={limit}")).await?;
    if printer.json {
        printer.document(&page["revisions"])?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["REVISION", "MADE", "BY", "THROUGH", "WHY"]);
    for revision in list(&page["revisions"]) {
        let word = |key: &str| Cell::text(revision[key].as_str().unwrap_or_default());
        let number = Cell::number(&revision["revision"]);
        table.row([number, word("created"), word("author"), word("origin"), word("message")]);
    }
    printer.table(&table)?;
    Ok(Exit::Done)
}

fn diff(diff: &Value, printer: &Printer) -> Result<Exit, Failure> {
    if printer.json {
        printer.document(diff)?;
        return Ok(Exit::Done);
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines: Vec<(String, Tone)> = Vec::new();
    lines.extend(list(&diff["removed"]).iter().map(|name| (format!("- rule {}", word(name)), Tone::Bad)));
    lines.extend(list(&diff["added"]).iter().map(|name| (format!("+ rule {}", word(name)), Tone::Good)));
    for change in list(&diff["changed"]) {
        lines.push((format!("~ rule {}", word(&change["rule"])), Tone::Strong));
        for field in list(&change["fields"]) {
            lines.push((format!("    {}: {} -> {}", word(&field["at"]), field["from"], field["to"]), Tone::Plain));
        }
        let plugin = &change["plugin"];
        if !plugin.is_null() {
            let named = |side: &str| {
                let digest = word(&plugin[side]["digest"]);
                let short = digest.get(..19).unwrap_or(&digest).to_owned();
                format!("{} {} ({short})", word(&plugin[side]["name"]), word(&plugin[side]["version"]))
            };
            lines.push((format!("    plugin: {} -> {}", named("from"), named("to")), Tone::Plain));
            for import in list(&plugin["imports_added"]) {
                lines.push((format!("    it imports {} now", word(import)), Tone::Doubtful));
            }
        }
    }
    if diff["reordered"] == true {
        lines.push(("~ the rules stand in another order".to_owned(), Tone::Plain));
    }
    if lines.is_empty() {
        lines.push(("nothing changes".to_owned(), Tone::Faint));
    }
    for (line, tone) in lines {
        printer.raw(&printer.toned(&line, tone))?;
    }
    Ok(Exit::Done)
}

impl Replay {
    async fn run(self, gate: &Gate, at: &impl Fn(&Path) -> PathBuf, printer: &Printer) -> Result<Exit, Failure> {
        let mut asked = json!({});
        if let Some(file) = &self.file {
            let document = PolicyDocument::read(&at(file)).map_err(|mistake| Failure::new(Exit::Usage, mistake))?;
            asked["rules"] = json!(document.rules);
            asked["digests"] = json!(document.digests);
        }
        if let Some(revision) = self.revision {
            asked["revision"] = json!(revision);
        }
        if !self.job.is_empty() {
            asked["jobs"] = json!(self.job);
        } else if let Some(last) = self.last {
            asked["last"] = json!(last);
        }
        let request = gate.request(Method::POST, "/api/policy/replay").json(&asked);
        let again: Value = gate.json(request).await.map_err(mistakes)?;
        if printer.json {
            printer.document(&again)?;
            return Ok(Exit::Done);
        }
        for job in list(&again["jobs"]).iter().filter(|job| job["changed"] == true) {
            let verdict = |key: &str| if job[key] == true { "accepted" } else { "rejected" };
            let line =
                format!("job {}: {} then, {} now", job["job_id"], verdict("accepted_then"), verdict("accepted_now"));
            printer.raw(&printer.toned(&line, Tone::Strong))?;
            replayed::rules(job, printer)?;
        }
        for skipped in list(&again["skipped"]) {
            let why = skipped["why"].as_str().unwrap_or_default();
            printer.remark(&format!("job {} was left out: {why}", skipped["job_id"]));
        }
        let sum = |key: &str| usize::try_from(again["summary"][key].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        printer.text(&format!(
            "{} judged: {} would be rejected, {} accepted, {} the same; {} never judged before, {} left out",
            print::count(sum("judged"), "job"),
            sum("would_reject"),
            sum("would_accept"),
            sum("same"),
            sum("never_judged"),
            sum("skipped"),
        ))?;
        Ok(Exit::Done)
    }
}
