//! What judging again has found, for people.

use std::io;

use serde_json::Value;

use super::print::{Printer, Tone};

/// The rules that say something else, and what.
pub(super) fn rules(job: &Value, printer: &Printer) -> io::Result<()> {
    let word = |value: &Value| value.as_str().unwrap_or("not asked").to_owned();
    for rule in list(&job["rules"]) {
        let line = format!("  {}: {} then, {} now", word(&rule["rule"]), word(&rule["then"]), word(&rule["now"]));
        printer.text(&line)?;
        for url in list(&rule["other_answers"]) {
            printer.text(&format!("    another answer now: {}", word(url)))?;
        }
        for (findings, mark, tone) in
            [(&rule["gone_findings"], "-", Tone::Good), (&rule["new_findings"], "+", Tone::Bad)]
        {
            for finding in list(findings) {
                let text = format!("    {mark} {}: {}", word(&finding["severity"]), word(&finding["message"]));
                printer.raw(&printer.toned(&text, tone))?;
            }
        }
    }
    Ok(())
}

/// The values of a list; none where it is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
