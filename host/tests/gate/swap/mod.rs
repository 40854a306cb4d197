//! Plugins and policy, changed while the gate runs.

mod access;
mod command_line;
mod health;
mod hostile;
mod load;
mod nodes;
mod registry;
mod replay;
mod revisions;
mod watch;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::site::Site;

/// A component that the set-up has built: shipped, or one of the tests' own.
fn component(name: &str) -> PathBuf {
    let folders = crate::site::plugin_folders();
    let found = folders.iter().map(|folder| folder.join(format!("{name}.wasm"))).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name}.wasm is not built; run `make plugins`"))
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(component(name)).expect("a component")
}

/// The rule of the tests' own guest, which does what it is told.
fn told(name: &str, act: &str) -> Value {
    json!({
        "name": name, "plugin": "hostile", "config": {"do": act}, "limits": {"time_ms": 2000, "memory_mib": 64},
    })
}

/// The tag of the policy in force.
async fn etag(site: &Site) -> String {
    let reply = site.get("/api/policy").await;
    reply.headers["etag"].to_str().expect("a tag").to_owned()
}

async fn revision(site: &Site) -> u64 {
    site.api_json("/api/policy").await["revision"].as_u64().expect("a revision")
}
