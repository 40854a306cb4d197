//! Variables: our own, `SLUICE_*`, and those of an installed Pacifica Ingest, so that it can be replaced without
//! touching its unit files.
//!
//! A variable that is empty counts as not set, as service managers and compose files cannot take one away.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::keys::{self, CONFIG_VARIABLE, Key};
use super::load::{Given, Value};
use super::mistake::{Mistake, Source};
use super::stores::DatabaseUrl;
use crate::failpoint;

/// The variables, as the process was given them.
pub(super) type Variables = [(OsString, OsString)];

/// The value of one variable; none where it is not set or empty.
pub(super) fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a OsStr> {
    let (_, value) = variables.iter().find(|(known, _)| known == name)?;
    (!value.is_empty()).then_some(value.as_os_str())
}

/// What `SLUICE_*` variables give. Those that no setting has are mistakes.
pub(super) fn own(variables: &Variables, mistakes: &mut Vec<Mistake>) -> Vec<(&'static Key, Given)> {
    let mut given = Vec::new();
    let mut unknown = Vec::new();
    let in_kubernetes = value(variables, "KUBERNETES_SERVICE_HOST").is_some();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("SLUICE_")) else { continue };
        if let Some(key) = keys::in_environment(name) {
            if !value.is_empty() {
                let source = Source::Environment(name.to_owned());
                given.push((key, Given { value: Value::One(value.clone()), source }));
            }
            continue;
        }
        let known = name == CONFIG_VARIABLE
            || keys::CLIENT_VARIABLES.contains(&name)
            || is_for_tests(name)
            || (in_kubernetes && is_service_link(name));
        if !known {
            unknown.push(name);
        }
    }
    unknown.sort_unstable();
    mistakes.extend(unknown.into_iter().map(|name| Mistake {
        key: name.to_owned(),
        source: Source::Environment(name.to_owned()),
        wrong: "there is no such setting".to_owned(),
        right: match keys::nearest_variable(name) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => "unset it".to_owned(),
        },
    }));
    given
}

/// The variable of failpoints, which is a mistake where there are none.
fn is_for_tests(name: &str) -> bool {
    failpoint::COMPILED_IN && name == failpoint::VARIABLE
}

/// Kubernetes sets `SLUICE_SERVICE_HOST`, `SLUICE_PORT_8066_TCP` and so on in every pod beside a service named sluice.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.contains("_PORT_")
}

/// A variable of Pacifica's: the setting it fills, and its value in our words; none where it cannot be used here.
struct Translation {
    variable: &'static str,
    key: &'static Key,
    translate: fn(&str) -> Option<String>,
    unusable: &'static str,
}

const TRANSLATIONS: &[Translation] = &[
    Translation { variable: "VOLUME_PATH", key: &keys::SPOOL_FOLDER, translate: same, unusable: "" },
    Translation { variable: "INGEST_AUTH_HEADER", key: &keys::USER_HEADER, translate: same, unusable: "" },
    Translation { variable: "INGEST_DEFAULT_USER", key: &keys::DEFAULT_USER, translate: same, unusable: "" },
    Translation { variable: "DATABASE_CONNECT_ATTEMPTS", key: &keys::CONNECT_ATTEMPTS, translate: same, unusable: "" },
    Translation {
        variable: "DATABASE_CONNECT_WAIT",
        key: &keys::CONNECT_WAIT,
        translate: seconds,
        unusable: "it is no number of seconds",
    },
    Translation {
        variable: "BROKER_URL",
        key: &keys::QUEUE,
        translate: broker,
        unusable: "of brokers, Redis is supported; set queue or SLUICE_QUEUE to redis://HOST:PORT",
    },
    Translation {
        variable: "PEEWEE_URL",
        key: &keys::DATABASE,
        translate: peewee,
        unusable: "jobs are kept in SQLite or PostgreSQL; set database or SLUICE_DATABASE",
    },
    Translation { variable: "UNIQUEID_URL", key: &keys::IDS, translate: same, unusable: "" },
    Translation { variable: "METADATA_INGEST_URL", key: &keys::METADATA, translate: same, unusable: "" },
    Translation { variable: "POLICY_INGEST_URL", key: &keys::POLICY_SERVICE, translate: same, unusable: "" },
    Translation { variable: "ARCHIVEINTERFACE_URL", key: &keys::ARCHIVE, translate: interface, unusable: "" },
];

/// What Pacifica's variables give, and warnings for those that are set in vain. A setting that is `settled` by something
/// that goes before makes its variable irrelevant. `TRANSFER_SIZE` needs no counterpart: no buffer here depends on it.
pub(super) fn pacifica(
    variables: &Variables,
    settled: impl Fn(&Key) -> bool,
    warnings: &mut Vec<String>,
) -> Vec<(&'static Key, Given)> {
    let mut given = Vec::new();
    for Translation { variable, key, translate, unusable } in TRANSLATIONS {
        let Some(value) = value(variables, variable).filter(|_| !settled(key)) else { continue };
        match value.to_str().and_then(translate) {
            Some(value) => {
                let source = Source::Environment((*variable).to_owned());
                given.push((*key, Given { value: Value::One(value.into()), source }));
            }
            None => warnings.push(format!("{variable} is set but not used: {unusable}")),
        }
    }
    given
}

/// Another program's database, as peewee names it or as our own settings do. The error says what is wrong.
pub fn foreign_database(text: &str, folder: &Path) -> Result<DatabaseUrl, String> {
    let ours = peewee(text).unwrap_or_else(|| text.to_owned());
    DatabaseUrl::parse(OsStr::new(&ours), folder).map_err(|wrong| format!("{}; {}", wrong.wrong, wrong.right))
}

fn same(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn interface(url: &str) -> Option<String> {
    Some(format!("pacifica+{url}"))
}

fn seconds(value: &str) -> Option<String> {
    value.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).map(|_| format!("{value}s"))
}

fn broker(url: &str) -> Option<String> {
    (url.starts_with("redis://") || url.starts_with("rediss://")).then(|| url.to_owned())
}

/// Peewee's URLs. Three slashes lead to a relative path there, four to an absolute one, and the scheme says which of
/// peewee's classes to use.
fn peewee(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    match scheme {
        "sqlite" | "sqliteext" | "sqlite+pool" | "sqliteext+pool" | "apsw" | "cysqlite" => {
            let path = rest.strip_prefix('/').unwrap_or(rest);
            let path = path.split('?').next().unwrap_or_default();
            (!path.is_empty()).then(|| format!("sqlite:{path}"))
        }
        "postgres" | "postgresql" | "postgresext" | "postgresqlext" | "postgres+pool" | "postgresql+pool"
        | "postgresext+pool" | "postgresqlext+pool" => Some(format!("postgres://{rest}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn failpoints_are_an_unknown_setting_to_a_release() {
        let mut mistakes = Vec::new();
        own(&variables(&[(failpoint::VARIABLE, "/tmp/orders")]), &mut mistakes);
        assert_eq!(mistakes.is_empty(), cfg!(debug_assertions));
    }

    #[test]
    fn unknown_variables_of_ours_are_mistakes_and_those_of_others_are_not() {
        let mut mistakes = Vec::new();
        own(&variables(&[("SLUICE_LISEN", "x"), ("HOME", "/root"), ("SLUICE_CONFIG", "f")]), &mut mistakes);
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            ["SLUICE_LISEN (environment SLUICE_LISEN): there is no such setting; did you mean SLUICE_LISTEN?"]
        );
    }

    #[test]
    fn the_service_links_of_kubernetes_are_no_mistakes() {
        let mut mistakes = Vec::new();
        let links = [("SLUICE_SERVICE_HOST", "10.0.0.1"), ("SLUICE_PORT_8066_TCP", "tcp://10.0.0.1:8066")];
        own(&variables(&links), &mut mistakes);
        assert_eq!(mistakes.len(), 2);
        mistakes.clear();
        own(&variables(&[links[0], links[1], ("KUBERNETES_SERVICE_HOST", "10.0.0.2")]), &mut mistakes);
        assert_eq!(mistakes, []);
    }

    #[test]
    fn peewees_urls_are_read_as_peewee_reads_them() {
        for (url, ours) in [
            ("sqliteext:///db.sqlite3", "sqlite:db.sqlite3"),
            ("sqlite:////var/lib/db.sqlite3", "sqlite:/var/lib/db.sqlite3"),
            ("postgres://u:p@h/x", "postgres://u:p@h/x"),
            ("postgresext+pool://u:p@h/x", "postgres://u:p@h/x"),
        ] {
            assert_eq!(peewee(url).as_deref(), Some(ours));
        }
        assert_eq!(peewee("mysql://h/x"), None);
    }

    #[test]
    fn what_cannot_be_used_is_said_and_services_are_taken() {
        let mut warnings = Vec::new();
        let set = variables(&[
            ("UNIQUEID_URL", "http://id:8051"),
            ("ARCHIVEINTERFACE_URL", "http://archive:8080"),
            ("BROKER_URL", "pyamqp://rabbit"),
            ("PEEWEE_URL", "mysql://h/x"),
            ("METADATA_INGEST_URL", ""),
        ]);
        let given = pacifica(&set, |key| key.name == "database", &mut warnings);
        let given: Vec<_> = given.iter().map(|(key, given)| (key.name, &given.value)).collect();
        assert_eq!(
            given,
            [
                ("ids", &Value::One("http://id:8051".into())),
                ("archive", &Value::One("pacifica+http://archive:8080".into())),
            ]
        );
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("BROKER_URL is set but not used"));
    }
}
