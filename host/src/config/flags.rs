//! The flags that settings have. Their values are read with all others, so that all mistakes are reported together.

use std::ffi::OsString;

use super::keys::{self, Key};
use super::load::Value;

/// Settings as flags. Each goes before its variable and its key in the file.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Read settings from this file [env: SLUICE_CONFIG] [default: ./sluice.toml, where there is one]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<OsString>,
    /// The data folder: spool, archive, cache and databases [env: SLUICE_DATA] [default: ./data]
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<OsString>,
    /// Listen here; port 0 takes a free one [env: SLUICE_LISTEN] [default: 127.0.0.1:8066]
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    pub listen: Option<OsString>,
    /// Keep jobs here: sqlite:PATH or postgres://... [env: SLUICE_DATABASE] [default: sqlite:DATA/sluice.db]
    #[arg(long, value_name = "URL", global = true)]
    pub database: Option<OsString>,
    /// Keep wake-ups here: sqlite:PATH or redis://... [env: SLUICE_QUEUE] [default: sqlite:DATA/queue.db]
    #[arg(long, value_name = "URL", global = true)]
    pub queue: Option<OsString>,
    /// Keep accepted files here: a folder, s3://BUCKET/PREFIX, pacifica+http://HOST:PORT [env: SLUICE_ARCHIVE] [default: DATA/archive]
    #[arg(long, value_name = "URL", global = true)]
    pub archive: Option<OsString>,
    /// Start with this policy document [env: SLUICE_POLICY]
    #[arg(long, value_name = "FILE", global = true)]
    pub policy: Option<OsString>,
    /// Take plugins, NAME.wasm, from this folder; repeatable [env: SLUICE_PLUGINS, with : between]
    #[arg(long, value_name = "DIR", global = true)]
    pub plugins: Vec<OsString>,
    /// Let moves take files from below this folder; repeatable [env: SLUICE_MOVE_ROOT, with : between] [default:
    /// DATA/incoming]
    #[arg(long, value_name = "DIR", global = true)]
    pub move_root: Vec<OsString>,
    /// Believe the user header of this proxy, an address or a network; repeatable [env: SLUICE_TRUSTED_PROXY, with ,
    /// between]
    #[arg(long, value_name = "CIDR", global = true)]
    pub trusted_proxy: Vec<OsString>,
    /// What to log, as tracing filters are written: info, sluice=debug [env: SLUICE_LOG] [default: info]
    #[arg(long, value_name = "FILTER", global = true)]
    pub log: Option<OsString>,
}

impl Flags {
    /// What was given, under the settings' names.
    pub(super) fn given(&self) -> Vec<(&'static Key, Value)> {
        let one = |key, value: &Option<OsString>| (key, value.clone().map(Value::One));
        let many = |key, values: &Vec<OsString>| (key, (!values.is_empty()).then(|| Value::Many(values.clone())));
        let all = [
            one(&keys::DATA, &self.data),
            one(&keys::LISTEN, &self.listen),
            one(&keys::DATABASE, &self.database),
            one(&keys::QUEUE, &self.queue),
            one(&keys::ARCHIVE, &self.archive),
            one(&keys::POLICY, &self.policy),
            many(&keys::PLUGINS, &self.plugins),
            many(&keys::MOVE_ROOT, &self.move_root),
            many(&keys::TRUSTED_PROXY, &self.trusted_proxy),
            one(&keys::LOG, &self.log),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}
