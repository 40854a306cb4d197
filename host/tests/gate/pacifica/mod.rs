//! Pacifica's services behind the gate: the real ones, as far as they can be had, and strict stand-ins that refuse
//! whatever the contract does not allow, and that fail as services fail.

mod commands;
mod faults;
mod objects;
mod real;
mod services;
mod stand_in;
mod words;

use std::path::PathBuf;
use std::process::Command;

use crate::site::Site;
use crate::tools;

/// How a command of the program ended, and what it said.
struct Said {
    code: Option<i32>,
    text: String,
}

/// Runs the program beside a site, with its settings, to its end.
async fn run(site: &Site, program: &str, args: &[&str], env: &[(String, String)]) -> Said {
    let mut command = Command::new(program);
    command.current_dir(site.folder()).args(args).env_clear();
    command.env("SLUICE_DATA", site.data()).env("HOME", site.folder()).envs(env.iter().cloned());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("a program");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Said { code: output.status.code(), text }
}

/// A program of the set that `scripts/pacifica-tools` makes; none where it is not there, and then says so.
fn tool(name: &str) -> Option<PathBuf> {
    let tool = tools::cache()?.join("pacifica-tools/bin").join(name);
    if tool.is_file() {
        return Some(tool);
    }
    eprintln!("\n**** SKIPPED: {name} is not here; run scripts/pacifica-tools to set it up ****\n");
    None
}
