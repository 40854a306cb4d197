//! All sources together, as `load` sees them.

use std::ffi::OsString;
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A process in a folder of its own, with this file and these variables.
fn surroundings(file: &str, variables: &[(&str, &str)]) -> (TempDir, Surroundings) {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join("sluice.toml"), file).unwrap();
    }
    let surroundings = Surroundings {
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        folder: folder.path().to_owned(),
        program: Some(folder.path().join("debug/sluice")),
        cores: 3,
    };
    (folder, surroundings)
}

fn loaded(flags: &Flags, file: &str, variables: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
    let (_folder, surroundings) = surroundings(file, variables);
    load(flags, &surroundings).map_err(|mistakes| mistakes.to_string().lines().map(str::to_owned).collect())
}

fn text(value: &str) -> Option<OsString> {
    Some(value.into())
}

#[test]
fn without_any_source_everything_lies_in_the_data_folder_and_nothing_is_created() {
    let (folder, surroundings) = surroundings("", &[]);
    let Loaded { settings, file, origins, warnings } = load(&Flags::default(), &surroundings).unwrap();
    let data = folder.path().join("data");
    assert_eq!(settings.data, data);
    assert_eq!(settings.database, DatabaseUrl::Sqlite(data.join("sluice.db")));
    assert_eq!(settings.queue, QueueUrl::Sqlite(data.join("queue.db")));
    assert_eq!(settings.archive, ArchiveUrl::Folder(data.join("archive")));
    assert_eq!(settings.move_roots, [data.join("incoming")]);
    assert_eq!(settings.spool.folder, data.join("spool"));
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8066");
    assert_eq!(settings.http.user_header, "X-Http-Authed-User");
    assert_eq!(settings.http.max_body, None);
    assert_eq!(settings.sandbox.threads, 6);
    assert_eq!(settings.policy.plugins, [folder.path().join("plugins")]);
    assert!(file.is_none() && origins.is_empty() && warnings.is_empty());
    assert!(!data.exists());
}

#[test]
fn a_flag_goes_before_our_variable_before_pacificas_before_the_file() {
    let file =
        "data = \"from-file\"\nqueue = \"redis://file\"\n[http]\nuser_header = \"X-File\"\ndefault_user = \"f\"\n";
    let variables = [
        ("SLUICE_DATA", "from-variable"),
        ("SLUICE_HTTP_USER_HEADER", "X-Ours"),
        ("INGEST_AUTH_HEADER", "X-Pacifica"),
        ("INGEST_DEFAULT_USER", "pacifica"),
        ("BROKER_URL", "redis://broker"),
        ("PEEWEE_URL", "sqliteext:///db.sqlite3"),
        ("VOLUME_PATH", "/srv/spool"),
        ("DATABASE_CONNECT_WAIT", "3"),
    ];
    let flags = Flags { data: text("from-flag"), queue: text("redis://flag"), ..Flags::default() };
    let loaded = loaded(&flags, file, &variables).unwrap();
    let settings = &loaded.settings;
    assert!(settings.data.ends_with("from-flag"));
    assert_eq!(settings.queue, QueueUrl::Redis("redis://flag".into()));
    assert_eq!(settings.http.user_header, "X-Ours");
    assert_eq!(settings.http.default_user, "pacifica");
    assert!(matches!(&settings.database, DatabaseUrl::Sqlite(path) if path.ends_with("db.sqlite3")));
    assert_eq!(settings.spool.folder, Path::new("/srv/spool"));
    assert_eq!(settings.connect.wait, Duration::from_secs(3));
    let source = |key| loaded.origins.iter().find(|origin| origin.key == key).unwrap().source.to_string();
    assert_eq!(source("data"), "flag --data");
    assert_eq!(source("http.user_header"), "environment SLUICE_HTTP_USER_HEADER");
    assert_eq!(source("database"), "environment PEEWEE_URL");
}

#[test]
fn a_list_is_given_by_repeated_flags_by_a_separated_variable_or_by_an_array() {
    let roots = |flags: &Flags, file, variables: &[_]| loaded(flags, file, variables).unwrap().settings.move_roots;
    let expected = [Path::new("/a"), Path::new("/b")];
    let flags = Flags { move_root: vec!["/a".into(), "/b/".into()], ..Flags::default() };
    assert_eq!(roots(&flags, "", &[]), expected);
    assert_eq!(roots(&Flags::default(), "", &[("SLUICE_MOVE_ROOT", "/a:/b")]), expected);
    assert_eq!(roots(&Flags::default(), "move_root = [\"/a\", \"/b\"]", &[]), expected);
    assert_eq!(roots(&Flags::default(), "move_roots = \"/a\"", &[]), expected[..1]);
    let proxies = [("SLUICE_TRUSTED_PROXY", "10.0.0.1, fd00::/8")];
    assert_eq!(loaded(&Flags::default(), "", &proxies).unwrap().settings.http.trusted_proxies.len(), 2);
}

#[test]
fn all_mistakes_of_all_sources_are_told_together() {
    let flags = Flags { listen: text("8066"), ..Flags::default() };
    let file = "lisen = 1\n[worker]\nlease = 10\nconcurrency = [1]\n";
    let variables = [("SLUICE_DATABASE", "mysql://h/x"), ("SLUICE_ARCHVE", "x"), ("SLUICE_HTTP_MAX_BODY", "")];
    assert_eq!(
        loaded(&flags, file, &variables).unwrap_err().iter().map(|line| tail(line)).collect::<Vec<_>>(),
        [
            "SLUICE_ARCHVE (environment SLUICE_ARCHVE): there is no such setting; did you mean SLUICE_ARCHIVE?",
            "lisen (sluice.toml line 1): there is no such setting; did you mean listen?",
            "listen (flag --listen): \"8066\" is no address and port; give ADDR:PORT, such as 127.0.0.1:8066 or \
             [::1]:8066",
            "database (environment SLUICE_DATABASE): \"mysql://h/x\" is no database that is known; give sqlite:PATH, \
             a path that ends in .db, or postgres://USER:PASSWORD@HOST/NAME",
            "worker.lease (sluice.toml line 3): \"10\" is no span of time; give a time with its unit, such as 10s, \
             500ms or 2m",
            "worker.concurrency (sluice.toml line 4): a list is given; give one value",
        ]
    );
}

/// The line without the temporary folder's path.
fn tail(line: &str) -> String {
    match (line.find('('), line.find("sluice.toml")) {
        (Some(open), Some(file)) if open < file => format!("{}({}", &line[..open], &line[file..]),
        _ => line.to_owned(),
    }
}

#[test]
fn beyond_loopback_a_trusted_proxy_is_required() {
    let open = Flags { listen: text("0.0.0.0:8066"), ..Flags::default() };
    let mistakes = loaded(&open, "", &[]).unwrap_err();
    assert!(mistakes[0].starts_with("listen (flag --listen): 0.0.0.0:8066 is reached from other machines"));
    assert!(loaded(&Flags { trusted_proxy: vec!["10.0.0.0/24".into()], ..open.clone() }, "", &[]).is_ok());
    // A proxy that is mistyped is one mistake, not two.
    assert_eq!(loaded(&Flags { trusted_proxy: vec!["proxy".into()], ..open }, "", &[]).unwrap_err().len(), 1);
    assert!(loaded(&Flags { listen: text("[::ffff:127.0.0.1]:1"), ..Flags::default() }, "", &[]).is_ok());
}

#[test]
fn the_queue_never_shares_the_database_s_file() {
    let flags = Flags { database: text("sqlite:x.db"), queue: text("sqlite:./y/../x.db"), ..Flags::default() };
    let (folder, surroundings) = surroundings("", &[]);
    std::fs::create_dir(folder.path().join("y")).unwrap();
    let mistakes = load(&flags, &surroundings).unwrap_err();
    assert_eq!(mistakes.0.len(), 1);
    assert!(mistakes.to_string().starts_with("queue (flag --queue):"), "{mistakes}");
}

#[test]
fn a_move_root_in_the_archive_is_refused_and_one_around_it_is_warned_of() {
    let roots = |root: &str| loaded(&Flags { move_root: vec![root.into()], ..Flags::default() }, "", &[]);
    assert!(roots("data/archive/x").unwrap_err()[0].starts_with("move_root (flag --move-root)"));
    assert_eq!(roots("data").unwrap().warnings.len(), 2);
}

#[test]
fn a_named_file_must_be_there_and_an_unnamed_one_need_not() {
    let mistakes = loaded(&Flags::default(), "", &[("SLUICE_CONFIG", "gone.toml")]).unwrap_err();
    assert!(mistakes[0].starts_with("config (environment SLUICE_CONFIG)"), "{mistakes:?}");
    assert!(loaded(&Flags { config: text("sluice.toml"), ..Flags::default() }, "data = \"x\"", &[]).is_ok());
}

#[test]
fn no_password_is_shown_by_settings_origins_or_mistakes() {
    let file = "database = \"postgres://u:s3cret@h/x\"\n";
    let flags = Flags { queue: text("redis://:s3cret@h"), ..Flags::default() };
    let right = loaded(&flags, file, &[("SLUICE_DATABASE", "postgres://h/x?password=s3cret")]).unwrap();
    assert!(!format!("{right:?}").contains("s3cret"), "{right:?}");
    let wrong = Flags { queue: text("rediss:/u:s3cret@h"), listen: text("u:s3cret@h"), ..Flags::default() };
    let wrong = loaded(&wrong, file, &[("SLUICE_DATABASE", "u:s3cret@h/x")]).unwrap_err();
    assert_eq!(wrong.len(), 3);
    assert!(!format!("{wrong:?}").contains("s3cret"), "{wrong:?}");
}
