//! A component, added to a running gate.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde::Deserialize;

use super::super::Failure;
use crate::client::Gate;
use crate::plugin::PluginInfo;

/// What the gate says of a plugin that was added.
#[derive(Deserialize, serde::Serialize)]
pub(in crate::cli) struct Pushed {
    #[serde(flatten)]
    pub(in crate::cli) plugin: PluginInfo,
    /// How long checking and compiling took; none where the gate had it already.
    pub(in crate::cli) compile_ms: Option<u64>,
}

impl std::ops::Deref for Pushed {
    type Target = PluginInfo;

    fn deref(&self) -> &PluginInfo {
        &self.plugin
    }
}

/// Adds a component, with its minisign signature: the one that is named, or `X.wasm.minisig` beside it.
pub(in crate::cli) async fn push(gate: &Gate, path: &Path, signature: Option<&Path>) -> Result<Pushed, Failure> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| Failure::file(format!("{} cannot be read", path.display()), &error))
    };
    let wasm = read(path)?;
    let mut request = gate.request(Method::POST, "/api/plugins").header("content-type", "application/wasm").body(wasm);
    let beside = PathBuf::from(format!("{}.minisig", path.display()));
    if let Some(signature) = signature.or(Some(beside.as_path()).filter(|beside| beside.is_file())) {
        request = request.header("sluice-signature", BASE64_STANDARD.encode(read(signature)?));
    }
    gate.json(request).await.map_err(|error| {
        let mut failure = Failure::from(error);
        failure.message = format!("{}: {}", path.display(), failure.message);
        failure
    })
}
