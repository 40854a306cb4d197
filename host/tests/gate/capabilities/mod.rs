//! What rules are granted beyond the bundle: nothing that the policy does not name.

mod files;
mod lookup;
mod server;
mod tables;

use serde_json::{Value, json};

use crate::site::Site;

/// A rule of the tests' own guest with these grants.
fn granted(act: &str, note: &str, grants: &Value) -> Value {
    json!({
        "name": "told", "plugin": "hostile", "config": {"do": act, "note": note}, "grants": grants,
        "limits": {"time_ms": 2000, "memory_mib": 64},
    })
}

/// What the report of a job says of that rule.
async fn told(site: &Site, job: u64) -> Value {
    let report = site.report(job).await;
    let rules = report["rules"].as_array().expect("rules");
    rules.iter().find(|rule| rule["rule"] == "told").unwrap_or_else(|| panic!("no rule in {report}")).clone()
}

/// The message of the finding with this code.
fn said<'a>(rule: &'a Value, code: &str) -> &'a str {
    let findings = rule["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.and_then(|finding| finding["message"].as_str()).unwrap_or_else(|| panic!("no {code} in {rule}"))
}
