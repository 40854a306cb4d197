//! The policy that a new site starts with: enough to see every kind of rule at work, on a sample site.

use std::path::PathBuf;

use serde_json::json;

use super::document::PolicyDocument;

/// The origin that marks revisions made from here. While nobody has set a policy of their own, the starter policy
/// follows the settings.
pub(super) const ORIGIN: &str = "starter";

/// The starter policy, with placement below these move roots.
pub(super) fn document(move_roots: &[PathBuf]) -> Result<PolicyDocument, serde_json::Error> {
    let sources: Vec<_> = move_roots.iter().map(|root| json!({ "root": root })).collect();
    serde_json::from_value(json!({
        "message": "the starter policy",
        "rules": [
            {
                "name": "required-keys",
                "plugin": "required-keys",
                "config": { "transaction": { "submitter": {}, "project": {}, "instrument": {} } },
            },
            {
                "name": "pacifica-relations",
                "plugin": "pacifica-relations",
                "config": {
                    "users": [{ "id": 10 }],
                    "projects": [{ "id": "1234a", "members": [10], "instruments": [54] }],
                    "instruments": [{ "id": 54 }],
                },
            },
            {
                "name": "placement",
                "plugin": "placement",
                "config": {
                    "sources": sources,
                    "template": "{project}/{instrument}/{received:%Y/%m}/{job_id}/{subdir}/{name}",
                },
            },
        ],
    }))
}
