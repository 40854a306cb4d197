//! `IngestCMD`, and the jobs of a Pacifica Ingest that the gate takes the place of.

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{Said, run};
use crate::bundle::{bundle, listed_files, test_data};
use crate::postgres::Database;
use crate::site::{JobState, Options, Site};
use crate::stores::Stores;

async fn ingest_cmd(site: &Site, args: &[&str]) -> Said {
    let plugins = std::path::Path::new(env!("CARGO_BIN_EXE_sluice")).with_file_name("").join("../plugins");
    let plugins = ("SLUICE_PLUGINS".to_owned(), plugins.to_str().expect("UTF-8").to_owned());
    run(site, env!("CARGO_BIN_EXE_IngestCMD"), args, &[plugins]).await
}

#[tokio::test]
async fn a_job_is_set_as_upstreams_readme_does_it() {
    let site = Site::start().await;
    let job = site.upload(bundle("missing-project")).await;
    site.wait(job).await;
    let id = job.to_string();
    let args = ["job", "--job-id", &id, "--state", "FAILED", "--task", "ingest files", "--task-percent", "0.0"];
    let said = ingest_cmd(&site, &[&args[..], &["--exception", "Failed by administrator"]].concat()).await;
    assert_eq!(said.code, Some(0), "{}", said.text);
    let JobState { state, task, exception, complete, .. } = site.state(job).await;
    let seen = (state.as_str(), task.as_str(), exception.as_str(), complete);
    assert_eq!(seen, ("FAILED", "ingest files", "Failed by administrator", true));
    let said = ingest_cmd(&site, &["job", "--job-id", "77", "--state", "FAILED"]).await;
    assert_eq!(said.code, Some(3), "{}", said.text);
}

#[tokio::test]
async fn the_database_is_checked_and_made() {
    let mut site = Site::start().await;
    assert_eq!(ingest_cmd(&site, &["dbchk"]).await.code, Some(0));
    assert_eq!(ingest_cmd(&site, &["dbchk", "--equal"]).await.code, Some(0));
    site.stop_all().await;
    std::fs::remove_dir_all(site.data()).expect("a folder to remove");
    let said = ingest_cmd(&site, &["dbchk"]).await;
    assert_eq!(said.code, Some(255), "{}", said.text);
    assert!(said.text.contains("dbsync"), "{}", said.text);
    assert_eq!(ingest_cmd(&site, &["dbsync"]).await.code, Some(0));
    assert_eq!(ingest_cmd(&site, &["dbchk", "--equal"]).await.code, Some(0));
    site.start_serve().await;
}

#[tokio::test]
async fn a_bundle_on_disk_is_run_under_the_id_of_a_failed_job() {
    let site = Site::start().await;
    let job = site.upload(bundle("missing-project")).await;
    assert_eq!(site.wait(job).await.state, "FAILED");
    let (id, tar) = (job.to_string(), site.folder().join("bundle.tar"));
    std::fs::write(&tar, bundle("metadata-last")).expect("a bundle");
    let retry = ["retry", "--path", "bundle.tar", "--job_id", &id, "--username", "jane"];
    let said = ingest_cmd(&site, &retry).await;
    assert_eq!(said.code, Some(0), "{}", said.text);
    assert_eq!(site.state(job).await.state, "OK");
    assert_eq!(site.job(job).await["user"], "jane");
    assert_eq!(site.files(job).await, listed_files("metadata-last"));
    assert!(tar.exists(), "the file is the admin's");
    // What has gone well is not done again.
    let said = ingest_cmd(&site, &retry).await;
    assert_eq!(said.code, Some(4), "{}", said.text);

    // An id that no job has; a move; one that fails.
    let document = std::fs::read_to_string(test_data().join("move-md.json")).expect("a document");
    let source = site.incoming().join("nowhere");
    let document = document.replace("{SOURCE}", source.to_str().expect("UTF-8"));
    std::fs::write(site.folder().join("move.json"), document).expect("a document");
    let said = ingest_cmd(&site, &["retry", "--move", "--path", "move.json", "--job_id", "4711"]).await;
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains("FAILED in move files"), "{}", said.text);
    assert_eq!(site.job(4711).await["kind"], "move");
    assert_eq!(site.upload(bundle("metadata-last")).await, 4712, "ids are counted on above");
}

const TABLE: &str = "CREATE TABLE ingeststate (id BIGINT NOT NULL PRIMARY KEY, state VARCHAR(255) NOT NULL,
    task VARCHAR(255) NOT NULL, task_percent DECIMAL(10, 5) NOT NULL, exception TEXT NOT NULL, complete BOOLEAN NOT NULL,
    created TIMESTAMP NOT NULL, updated TIMESTAMP NOT NULL)";
const ROWS: &str = "INSERT INTO ingeststate VALUES
    (3, 'OK', 'ingest metadata', 100, '', true, '2018-01-25 16:54:50', '2018-01-25 16:55:10.250000'),
    (7, 'FAILED', 'Policy Validation', 0, 'no project', true, '2019-02-01 00:00:00.5', '2019-02-01 00:00:01'),
    (40, 'FAILED', 'move files', 0, 'gone', true, '2019-02-01 00:00:00', '2019-02-01 00:00:01'),
    (41, 'OK', 'ingest files', 0, '', false, '2020-02-01 00:00:00', '2020-02-01 00:00:01')";

/// Imports twice, and looks at what clients see.
async fn assert_imported(site: &Site, from: &str) {
    let program = env!("CARGO_BIN_EXE_sluice");
    let database =
        site.stores().database.as_ref().map(|database| ("SLUICE_DATABASE".to_owned(), database.url().to_owned()));
    let env: Vec<_> = database.into_iter().collect();
    let args = ["import", "pacifica", "--from", from, "--json"];
    let said = run(site, program, &args, &env).await;
    assert_eq!(said.code, Some(0), "{}", said.text);
    let counts: serde_json::Value = serde_json::from_str(&said.text).expect("JSON");
    assert_eq!(counts, serde_json::json!({"jobs": 4, "imported": 4, "known": 0, "unended": 1}));

    let job = site.state(3).await;
    assert_eq!(
        (job.state.as_str(), job.task.as_str(), job.task_percent.as_str()),
        ("OK", "ingest metadata", "100.00000")
    );
    assert_eq!(
        (job.created.as_str(), job.updated.as_str()),
        ("2018-01-25 16:54:50.000000", "2018-01-25 16:55:10.250000")
    );
    assert!(job.complete);
    let job = site.state(7).await;
    assert_eq!(
        (job.state.as_str(), job.task.as_str(), job.exception.as_str()),
        ("FAILED", "Policy Validation", "no project")
    );
    assert_eq!(site.job(40).await["kind"], "move");
    let job = site.state(41).await;
    assert_eq!((job.state.as_str(), job.complete), ("FAILED", true));
    assert!(job.exception.contains("send the bundle again"), "{job:?}");

    let before = site.jobs().await;
    let said = run(site, program, &args, &env).await;
    let counts: serde_json::Value = serde_json::from_str(&said.text).expect("JSON");
    assert_eq!(counts, serde_json::json!({"jobs": 4, "imported": 0, "known": 4, "unended": 1}));
    assert_eq!(site.jobs().await, before, "done again, it changes nothing");
    assert_eq!(site.upload(bundle("metadata-last")).await, 42, "ids are counted on above");
    assert_eq!(site.wait(42).await.state, "OK");
}

#[tokio::test]
async fn the_jobs_of_a_sqlite_file_are_brought_over_and_ids_are_counted_on() {
    let site = Site::start().await;
    let file = site.folder().join("db.sqlite3");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut old = SqliteConnection::connect(&url).await.expect("a database");
    for statement in [TABLE, ROWS] {
        sqlx::raw_sql(statement).execute(&mut old).await.expect("a table");
    }
    old.close().await.expect("an end");
    let before = std::fs::read(&file).expect("a database");
    assert_imported(&site, &format!("sqliteext:///{}", file.display())).await;
    assert_eq!(std::fs::read(&file).expect("a database"), before, "it is only read");
    // An Ingest's own variable names the same database to both.
    let url = format!("sqliteext:///{}", file.display());
    let both = [("PEEWEE_URL".to_owned(), url.clone())];
    let said = run(&site, env!("CARGO_BIN_EXE_sluice"), &["import", "pacifica", "--from", &url], &both).await;
    assert!(said.code == Some(0) && said.text.contains("4 imported"), "{}", said.text);
    let said = run(&site, env!("CARGO_BIN_EXE_sluice"), &["import", "pacifica", "--from", "data/queue.db"], &[]).await;
    assert!(said.text.contains("no table ingeststate"), "{}", said.text);
}

#[tokio::test]
async fn the_jobs_of_a_postgres_server_are_brought_over() {
    let Some(old) = Database::create().await else { return };
    let Some(new) = Database::create().await else { return };
    let mut connection = PgConnection::connect(old.url()).await.expect("a database");
    for statement in [TABLE, ROWS] {
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("a table");
    }
    let stores = Stores { redis: None, database: Some(new) };
    let site = Options::default().stores(stores).start().await;
    assert_imported(&site, &old.url().replace("postgres://", "postgresext+pool://")).await;
}
