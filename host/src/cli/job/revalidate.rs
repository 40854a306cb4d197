//! `sluice job revalidate`: a verdict, run again.

use reqwest::Method;
use serde_json::Value;

use super::super::print::Printer;
use super::super::replayed;
use super::super::{Exit, Failure};
use crate::client::Gate;
use crate::model::JobId;

pub(super) async fn run(id: JobId, gate: &Gate, printer: &Printer) -> Result<Exit, Failure> {
    let path = format!("/api/jobs/{id}/revalidate");
    let again: Value = gate.json(gate.request(Method::POST, &path)).await?;
    let same = again["same"] == true;
    if printer.json {
        printer.document(&again)?;
    } else {
        let revision = &again["revision"];
        if again["contents"] != true {
            printer.remark("the contents of the files are not at hand any more: rules that read them see none");
        }
        match same {
            true => printer.text(&format!("revision {revision} says the same of job {id} as it did"))?,
            false => printer.text(&format!("revision {revision} says something else of job {id} than it did:"))?,
        }
        replayed::rules(&again, printer)?;
    }
    Ok(if same { Exit::Done } else { Exit::Failed })
}
