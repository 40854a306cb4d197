//! The uploader's side: what clients may ask before, send twice, send in parts, and do from the command line.

mod broken;
pub(crate) mod command;
mod get;
mod moves;
pub(crate) mod relay;
mod repeated;
mod resumable;
mod tus_clients;
mod upload;
mod validate;

use serde_json::{Value, json};

/// The rows of a transaction that the starter policy accepts.
fn transaction() -> Vec<Value> {
    vec![
        json!({"destinationTable": "Transactions.submitter", "value": 10}),
        json!({"destinationTable": "Transactions.project", "value": "1234a"}),
        json!({"destinationTable": "Transactions.instrument", "value": 54}),
    ]
}

/// The same, as flags.
pub(crate) const TRANSACTION: [&str; 6] = ["--submitter", "10", "--project", "1234a", "--instrument", "54"];
