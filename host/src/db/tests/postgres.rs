//! PostgreSQL databases for tests: on the server of `TEST_POSTGRES_URL`, or else on one that is started for them.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// An empty database, dropped with this value.
pub(super) struct Database {
    url: String,
    admin_url: String,
    name: String,
    _server: Option<Arc<Server>>,
}

impl Database {
    /// Makes one; none where PostgreSQL is not installed, and then says so.
    pub(super) async fn create() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (admin_url, server) = match std::env::var("TEST_POSTGRES_URL") {
            Ok(url) => (url, None),
            Err(_) => {
                let server = tokio::task::spawn_blocking(Server::shared).await.unwrap()?;
                (server.url("postgres"), Some(server))
            }
        };
        let moment = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluice_db_{}_{moment}_{number}", std::process::id());
        run(&admin_url, format!("CREATE DATABASE {name}")).await.expect("a new database");
        let url = match &server {
            Some(server) => server.url(&name),
            None => format!("{}/{name}", admin_url.rsplit_once('/').expect("a URL with a database").0),
        };
        Some(Self { url, admin_url, name, _server: server })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A drop cannot wait on the runtime that it runs in, so it has one of its own.
        let (url, drop) = (self.admin_url.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&url, drop)).map_err(std::io::Error::other)
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            eprintln!("the database {} could not be dropped", self.name);
        }
    }
}

async fn run(url: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

/// A server of this process, reached through a socket in its folder. The last test that uses it stops it.
struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    fn start() -> Option<Self> {
        let (Some(initdb), Some(postgres)) = (program("initdb"), program("postgres")) else {
            eprintln!("\n**** SKIPPED: PostgreSQL is not installed; install it or set TEST_POSTGRES_URL ****\n");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("sluice-db-").tempdir().unwrap();
        let data = folder.path().join("data");
        // PostgreSQL refuses to run as root.
        let user = geteuid().is_root().then(unprivileged);
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let log = File::create(folder.path().join("log")).unwrap();
        let command = |program: &PathBuf| {
            let mut command = Command::new(program);
            command.current_dir(folder.path()).stdin(Stdio::null()).arg("-D").arg(&data);
            command.stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap());
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let said = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let made = command(&initdb)
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"])
            .status()
            .expect("initdb starts");
        assert!(made.success(), "initdb: {}", said());
        let child = command(&postgres)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=400", "-k"])
            .arg(folder.path())
            .spawn()
            .expect("postgres starts");
        let mut server = Self { child, folder };
        // It writes `ready` into its pid file when it takes connections.
        let ready = server.wait(PATIENCE, |server| {
            let pid_file = server.folder.path().join("data").join("postmaster.pid");
            let lines = std::fs::read_to_string(pid_file).unwrap_or_default();
            lines.lines().nth(7).is_some_and(|status| status.trim() == "ready")
        });
        let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        assert!(ready, "postgres does not start: {log}");
        Some(server)
    }

    fn wait(&mut self, patience: Duration, done: impl Fn(&mut Self) -> bool) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if done(self) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.path().display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is its fast shutdown: its own children end with it.
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::INT);
        }
        if !self.wait(PATIENCE, |server| !matches!(server.child.try_wait(), Ok(None))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>();
    // Debian keeps them off the path, one folder for each version.
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin").join(name));
    debian.chain(on_path).find(|candidate| candidate.is_file())
}

/// The user `postgres`, or else `nobody`.
fn unprivileged() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).unwrap_or((65534, 65534))
}
