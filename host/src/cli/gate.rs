//! Which gate a command speaks to, and with which token.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::StatusCode;

use super::{Exit, Failure};
use crate::client::{Gate, GateError};
use crate::config::Surroundings;

const DEFAULT_URL: &str = "http://127.0.0.1:8066";
/// Variables that are the client's, beside those that are settings.
const URL: &str = "SLUICE_URL";
const TOKEN: &str = "SLUICE_TOKEN";

/// The gate to speak to.
#[derive(Args, Clone, Default)]
pub(super) struct GateArgs {
    /// The gate's address [env: SLUICE_URL] [default: http://127.0.0.1:8066]
    #[arg(long, value_name = "URL", global = true, help_heading = "Gate")]
    url: Option<String>,
    /// Read the token from this file; SLUICE_TOKEN holds one itself [default: ./data/admin-token, for a gate on this
    /// machine]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Gate")]
    token_file: Option<PathBuf>,
}

impl GateArgs {
    /// The gate, ready to be asked.
    pub(super) fn open(&self, surroundings: &Surroundings) -> Result<Gate, Failure> {
        let variable = |name| surroundings.variable(name).and_then(OsStr::to_str).map(str::to_owned);
        let url = self.url.clone().or_else(|| variable(URL)).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let token = match &self.token_file {
            Some(file) => Some(read(&surroundings.folder.join(file))?),
            None => variable(TOKEN).or_else(|| usual(&url, surroundings)),
        };
        Ok(Gate::new(&url, token)?)
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::file(format!("the token {} cannot be read", file.display()), &error))?;
    Ok(text.trim().to_owned())
}

/// The token that a gate in this folder has written, for a gate on this machine only: it is no other gate's business.
fn usual(url: &str, surroundings: &Surroundings) -> Option<String> {
    let url: url::Url = url.parse().ok()?;
    let local = match url.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    let data = surroundings.variable("SLUICE_DATA").map_or_else(|| PathBuf::from("data"), PathBuf::from);
    let token = std::fs::read_to_string(surroundings.folder.join(data).join("admin-token")).ok()?;
    local.then(|| token.trim().to_owned())
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        let exit = match &error {
            GateError::Address(_) => Exit::Usage,
            GateError::Unreachable { .. } => Exit::Unreachable,
            GateError::Strange { .. } => Exit::Failed,
            GateError::Refused { status, .. } => match *status {
                StatusCode::NOT_FOUND => Exit::NotFound,
                status if status.is_client_error() => Exit::Refused,
                StatusCode::SERVICE_UNAVAILABLE => Exit::Unreachable,
                _ => Exit::Failed,
            },
        };
        let advice = match &error {
            GateError::Refused { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. } => {
                "; give a token with --token-file FILE or SLUICE_TOKEN"
            }
            _ => "",
        };
        Self::new(exit, format!("{error}{advice}"))
    }
}
