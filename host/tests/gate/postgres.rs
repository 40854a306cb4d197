//! A PostgreSQL database of the test's own.
//!
//! With `TEST_POSTGRES_URL` it is made on that server and dropped afterwards. Otherwise a server is started in a
//! temporary folder; tests that run at the same time in one process share it, and the last of them stops it.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::redis::free_port;
use crate::wait::{PATIENCE, until_blocking};

/// An empty database, dropped with this value.
pub(crate) struct Database {
    url: String,
    admin_url: String,
    name: String,
    _server: Option<Arc<Server>>,
}

impl Database {
    /// Makes one; none where PostgreSQL is not installed, and then says so.
    pub(crate) async fn create() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (admin_url, server) = match std::env::var("TEST_POSTGRES_URL") {
            Ok(url) => (url, None),
            // Starting takes a second or two, so it must not hold the test's own runtime.
            Err(_) => {
                let server = tokio::task::spawn_blocking(Server::shared).await.expect("no panic")?;
                (server.url(), Some(server))
            }
        };
        let moment = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_micros();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluice_test_{}_{moment}_{number}", std::process::id());
        run(&admin_url, &format!("CREATE DATABASE {name}")).await.expect("a new database");
        let (server_part, _) = split(&admin_url);
        Some(Self { url: format!("{server_part}/{name}"), admin_url, name, _server: server })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A drop cannot wait on the runtime it runs in, so it has one of its own.
        let (url, drop) = (self.admin_url.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&url, &drop)).map_err(std::io::Error::other)
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            eprintln!("the database {} could not be dropped", self.name);
        }
    }
}

/// The URL up to the database's name, and that name.
fn split(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    match url[authority..].find('/') {
        Some(slash) => (&url[..authority + slash], &url[authority + slash + 1..]),
        None => (url, ""),
    }
}

async fn run(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
    connection.close().await
}

/// A server of this process, or of one test.
pub(crate) struct Server {
    child: Child,
    port: u16,
    settings: &'static [&'static str],
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

    /// Starts one; none where PostgreSQL is not installed, and then says so.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[], |_| {})
    }

    /// With more settings, and with what `prepare` does in the data folder.
    fn start_with(settings: &'static [&'static str], prepare: impl FnOnce(&Path)) -> Option<Self> {
        let (Some(initdb), Some(_)) = (program("initdb"), program("postgres")) else {
            eprintln!("\n**** SKIPPED: PostgreSQL is not installed; install it or set TEST_POSTGRES_URL ****\n");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("sluice-postgres-").tempdir().expect("a temporary folder");
        // PostgreSQL refuses to run as root.
        if geteuid().is_root() {
            let (uid, gid) = unprivileged();
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).expect("a folder to give away");
        }
        let made = command(&initdb, folder.path())
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "-D"])
            .arg(folder.path().join("data"))
            .status()
            .expect("initdb starts");
        assert!(made.success(), "initdb: {}", log(folder.path()));
        prepare(&folder.path().join("data"));
        for _ in 0..10 {
            let port = free_port();
            if let Some(child) = serve(folder.path(), port, settings) {
                return Some(Self { child, port, settings, folder });
            }
        }
        panic!("postgres does not start: {}", log(folder.path()));
    }

    /// Ends it as a crash does, with nothing written down that was not yet (its "immediate shutdown").
    pub(crate) fn crash(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, Signal::QUIT);
        }
        until_blocking(PATIENCE, || self.child.try_wait().ok().flatten()).expect("postgres ends");
    }

    /// Starts it again after a crash, where it was.
    pub(crate) fn revive(&mut self) {
        let again = until_blocking(PATIENCE, || serve(self.folder.path(), self.port, self.settings));
        self.child = again.unwrap_or_else(|| panic!("postgres does not start again: {}", log(self.folder.path())));
    }

    /// A database that it has from the beginning.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is its fast shutdown: its own children end with it.
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, Signal::INT);
        }
        if until_blocking(Duration::from_secs(20), || self.child.try_wait().ok().flatten()).is_none() {
            eprintln!("postgres in {} had to be killed", self.folder.path().display());
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A program of PostgreSQL's in a server's folder, as a user that it accepts.
fn command(program: &Path, folder: &Path) -> Command {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
    if geteuid().is_root() {
        let (uid, gid) = unprivileged();
        command.uid(uid).gid(gid);
    }
    command
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Runs the server on a port and waits until it takes connections; none where it ends instead.
fn serve(folder: &Path, port: u16, settings: &[&str]) -> Option<Child> {
    let data = folder.join("data");
    // What an earlier one, which crashed, says of itself.
    let _ = std::fs::remove_file(data.join("postmaster.pid"));
    let mut child = command(&program("postgres")?, folder)
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        .args(["-c", "fsync=off", "-c", "max_connections=200"])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .spawn()
        .expect("postgres starts");
    // It writes `ready` into its pid file when it takes connections, on its own port and no one else's.
    let ready = until_blocking(PATIENCE, || match child.try_wait() {
        Ok(Some(_)) => Some(false),
        _ => {
            let lines = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
            (lines.lines().nth(7)?.trim() == "ready").then_some(true)
        }
    });
    if ready == Some(true) {
        return Some(child);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A server of the test's own that speaks nothing but TLS.
pub(crate) struct TlsPostgres(Server);

impl TlsPostgres {
    /// Starts one with the certificates of a folder; whether `clients` have to show one. None where it is not installed.
    pub(crate) fn start(certificates: &Path, clients: bool) -> Option<Self> {
        let settings = &["ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", "ssl_ca_file=ca.crt"];
        let server = Server::start_with(settings, |data| {
            for name in ["server.crt", "server.key", "ca.crt"] {
                let (from, to) = (certificates.join(name), data.join(name));
                std::fs::copy(from, &to).expect("a certificate");
                std::fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("a file of ours");
                if geteuid().is_root() {
                    let (uid, gid) = unprivileged();
                    std::os::unix::fs::chown(&to, Some(uid), Some(gid)).expect("a file to give away");
                }
            }
            let clients = if clients { " clientcert=verify-ca" } else { "" };
            std::fs::write(data.join("pg_hba.conf"), format!("hostssl all all 127.0.0.1/32 trust{clients}\n"))
                .expect("who may connect");
        });
        server.map(Self)
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>())
        .unwrap_or_default();
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
