//! The names of all settings: in the file, in the environment, as flags.

/// One setting's names.
#[derive(Debug)]
pub(super) struct Key {
    /// In `sluice.toml`; what stands before a dot is its table.
    pub(super) name: &'static str,
    /// In the environment.
    pub(super) variable: &'static str,
    /// On the command line, where it is usual enough to have a flag.
    pub(super) flag: Option<&'static str>,
    /// Other spellings that the file may have, for what reads better in the plural or without a table.
    pub(super) aliases: &'static [&'static str],
}

macro_rules! keys {
    ($($id:ident = $name:literal, $variable:literal $(, flag $flag:literal)? $(, or $alias:literal)*;)*) => {
        $(pub(super) const $id: Key = Key {
            name: $name,
            variable: $variable,
            flag: flag!($($flag)?),
            aliases: &[$($alias),*],
        };)*

        /// Every setting, in the order in which they are shown.
        pub(super) const ALL: &[&Key] = &[$(&$id),*];
    };
}

macro_rules! flag {
    () => {
        None
    };
    ($flag:literal) => {
        Some($flag)
    };
}

keys! {
    DATA = "data", "SLUICE_DATA", flag "--data";
    LISTEN = "listen", "SLUICE_LISTEN", flag "--listen";
    DATABASE = "database", "SLUICE_DATABASE", flag "--database";
    QUEUE = "queue", "SLUICE_QUEUE", flag "--queue";
    QUEUE_CA = "queue_ca", "SLUICE_QUEUE_CA";
    QUEUE_CERT = "queue_cert", "SLUICE_QUEUE_CERT";
    QUEUE_KEY = "queue_key", "SLUICE_QUEUE_KEY";
    ARCHIVE = "archive", "SLUICE_ARCHIVE", flag "--archive";
    ARCHIVE_CONCURRENCY = "archive_concurrency", "SLUICE_ARCHIVE_CONCURRENCY";
    IDS = "ids", "SLUICE_IDS";
    METADATA = "metadata", "SLUICE_METADATA";
    POLICY_SERVICE = "policy_service", "SLUICE_POLICY_SERVICE";
    SERVICES_TIMEOUT = "services.timeout", "SLUICE_SERVICES_TIMEOUT";
    POLICY = "policy", "SLUICE_POLICY", flag "--policy";
    PLUGINS = "plugins", "SLUICE_PLUGINS", flag "--plugins";
    MOVE_ROOT = "move_root", "SLUICE_MOVE_ROOT", flag "--move-root", or "move_roots";
    TRUSTED_PROXY = "trusted_proxy", "SLUICE_TRUSTED_PROXY", flag "--trusted-proxy", or "trusted_proxies";
    WATCH = "watch", "SLUICE_WATCH";
    REQUIRE_TOKEN = "http.require_token", "SLUICE_HTTP_REQUIRE_TOKEN";
    PLUGIN_KEYS = "http.plugin_keys", "SLUICE_HTTP_PLUGIN_KEYS";
    USER_HEADER = "http.user_header", "SLUICE_HTTP_USER_HEADER";
    DEFAULT_USER = "http.default_user", "SLUICE_HTTP_DEFAULT_USER";
    MAX_BODY = "http.max_body", "SLUICE_HTTP_MAX_BODY";
    IDLE_TIMEOUT = "http.idle_timeout", "SLUICE_HTTP_IDLE_TIMEOUT";
    MIN_RATE = "http.min_rate", "SLUICE_HTTP_MIN_RATE";
    MAX_UPLOADS = "http.max_uploads", "SLUICE_HTTP_MAX_UPLOADS";
    MAX_LISTENERS = "http.max_listeners", "SLUICE_HTTP_MAX_LISTENERS";
    CONNECT_ATTEMPTS = "connect.attempts", "SLUICE_CONNECT_ATTEMPTS";
    CONNECT_WAIT = "connect.wait", "SLUICE_CONNECT_WAIT";
    SPOOL_FOLDER = "spool.folder", "SLUICE_SPOOL_FOLDER";
    MAX_METADATA = "spool.max_metadata", "SLUICE_SPOOL_MAX_METADATA";
    MAX_MEMBERS = "spool.max_members", "SLUICE_SPOOL_MAX_MEMBERS";
    KEEP_FAILED = "spool.keep_failed", "SLUICE_SPOOL_KEEP_FAILED";
    UPLOADS_EXPIRE = "uploads.expire", "SLUICE_UPLOADS_EXPIRE";
    RETENTION_REPORTS = "retention.reports", "SLUICE_RETENTION_REPORTS";
    RETENTION_JOBS = "retention.jobs", "SLUICE_RETENTION_JOBS";
    CONCURRENCY = "worker.concurrency", "SLUICE_WORKER_CONCURRENCY";
    LEASE = "worker.lease", "SLUICE_WORKER_LEASE";
    SWEEP = "worker.sweep", "SLUICE_WORKER_SWEEP";
    PATIENCE = "worker.patience", "SLUICE_WORKER_PATIENCE";
    MAX_ATTEMPTS = "worker.max_attempts", "SLUICE_WORKER_MAX_ATTEMPTS";
    STOP_TIMEOUT = "worker.stop_timeout", "SLUICE_WORKER_STOP_TIMEOUT";
    THREADS = "sandbox.threads", "SLUICE_SANDBOX_THREADS";
    CACHE = "sandbox.cache", "SLUICE_SANDBOX_CACHE";
    COMPILE_TIME = "sandbox.compile_time", "SLUICE_SANDBOX_COMPILE_TIME";
    COMPILE_MEMORY = "sandbox.compile_memory", "SLUICE_SANDBOX_COMPILE_MEMORY";
    EVENTS_URL = "events.url", "SLUICE_EVENTS_URL";
    EVENTS_FORMAT = "events.format", "SLUICE_EVENTS_FORMAT";
    EVENTS_SOURCE = "events.source", "SLUICE_EVENTS_SOURCE";
    EVENTS_SECRET_FILE = "events.secret_file", "SLUICE_EVENTS_SECRET_FILE";
    EVENTS_SECRET = "events.secret", "SLUICE_EVENTS_SECRET";
    EVENTS_TIMEOUT = "events.timeout", "SLUICE_EVENTS_TIMEOUT";
    EVENTS_MAX_AGE = "events.max_age", "SLUICE_EVENTS_MAX_AGE";
    EVENTS_KEEP = "events.keep", "SLUICE_EVENTS_KEEP", or "retention.events";
    METRICS_LISTEN = "metrics.listen", "SLUICE_METRICS_LISTEN";
    LOG = "log.filter", "SLUICE_LOG", flag "--log", or "log";
    LOG_JSON = "log.json", "SLUICE_LOG_JSON";
    TRACES = "traces.endpoint", "SLUICE_TRACES_ENDPOINT";
    TRACES_RATIO = "traces.ratio", "SLUICE_TRACES_RATIO";
}

/// The variable that names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "SLUICE_CONFIG";

/// The variables that say which gate a command speaks to. They set nothing.
pub(super) const CLIENT_VARIABLES: [&str; 2] = ["SLUICE_URL", "SLUICE_TOKEN"];

/// The setting that the file calls so. A hyphen is as good as an underscore.
pub(super) fn in_file(name: &str) -> Option<&'static Key> {
    let name = name.replace('-', "_");
    ALL.iter().copied().find(|key| key.name == name || key.aliases.contains(&name.as_str()))
}

/// The setting that the environment calls so.
pub(super) fn in_environment(variable: &str) -> Option<&'static Key> {
    ALL.iter().copied().find(|key| key.variable == variable)
}

/// The name in the file that was probably meant: the same word in another table, or one that is spelled alike.
pub(super) fn nearest_in_file(name: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).replace('-', "_");
    let names = || ALL.iter().map(|key| key.name);
    names().find(|known| last(known) == last(name)).or_else(|| nearest(name, names()))
}

/// The variable that was probably meant.
pub(super) fn nearest_variable(variable: &str) -> Option<&'static str> {
    nearest(variable, ALL.iter().map(|key| key.variable).chain([CONFIG_VARIABLE]))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The prefix is common to all variables and would make everything look alike.
    let plain = |name: &str| name.trim_start_matches("SLUICE_").to_lowercase();
    known
        .map(|known| (strsim::normalized_damerau_levenshtein(&plain(name), &plain(known)), known))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_names_of_a_setting_follow_from_one_another() {
        for key in ALL {
            let variable = format!("SLUICE_{}", key.name.replace('.', "_").to_uppercase());
            // `RUST_LOG` has taught everybody that the filter is simply the log.
            let variable = if key.name == "log.filter" { "SLUICE_LOG".to_owned() } else { variable };
            assert_eq!(key.variable, variable);
            if let Some(flag) = key.flag {
                assert_eq!(flag, format!("--{}", key.variable[7..].to_lowercase().replace('_', "-")));
            }
        }
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_one_that_was_meant() {
        assert_eq!(nearest_in_file("lisen"), Some("listen"));
        assert_eq!(nearest_in_file("idle_timeout"), Some("http.idle_timeout"));
        assert_eq!(nearest_in_file("http.max-bodies"), Some("http.max_body"));
        assert_eq!(nearest_variable("SLUICE_DATABSE"), Some("SLUICE_DATABASE"));
        assert_eq!(nearest_variable("SLUICE_ZZZ"), None);
    }

    #[test]
    fn every_setting_is_in_the_documentation_under_all_its_names() {
        let page = include_str!("../../../docs/settings.md");
        for key in ALL {
            let row = format!("| `{}` | `{}` | ", key.name, key.variable);
            let line = page.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
            let flag = key.flag.map_or(String::new(), |flag| format!("`{flag}` "));
            assert!(line[row.len()..].starts_with(&format!("{flag}|")), "{line}");
        }
    }
}
