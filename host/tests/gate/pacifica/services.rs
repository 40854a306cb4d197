//! Servers of Python's, started for one test on free ports, and killed with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::tool;
use crate::redis::free_port;
use crate::wait::listens;

/// What CherryPy is to know. Its dispatcher by methods is what Pacifica's own installation sets too.
const CHERRYPY: &str = "[global]\nlog.screen: False\nengine.autoreload.on: False\nserver.max_request_body_size: 0\n\
                        [/]\nrequest.dispatch: cherrypy.dispatch.MethodDispatcher()\n";

/// A running server.
pub(super) struct Server {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Server {
    /// Pacifica's UniqueID service over a SQLite file.
    pub(super) fn unique_id() -> Option<Self> {
        let (server, admin) = (tool("pacifica-uniqueid")?, tool("pacifica-uniqueid-cmd")?);
        let folder = folder();
        let database = format!("sqliteext:///{}", folder.path().join("ids.db").display());
        let synced = python(&admin, folder.path()).env("PEEWEE_URL", &database).arg("dbsync").status();
        assert!(synced.expect("a program").success(), "the UniqueID service's database cannot be made");
        Some(Self::start(folder, |folder, port| {
            let mut command = python(&server, folder);
            command.env("PEEWEE_URL", &database).args(["-a", "127.0.0.1", "-p", port]);
            command.arg("--cpconfig").arg(folder.join("cherrypy.ini"));
            command
        }))
    }

    /// Pacifica's archive interface over a folder.
    pub(super) fn archive_interface() -> Option<Self> {
        let server = tool("pacifica-archiveinterface")?;
        let folder = folder();
        std::fs::create_dir(folder.path().join("archive")).expect("a folder");
        Some(Self::start(folder, |folder, port| {
            let mut command = python(&server, folder);
            command.args(["-a", "127.0.0.1", "-p", port, "--prefix"]).arg(folder.join("archive"));
            command.arg("--cherrypy-config").arg(folder.join("cherrypy.ini"));
            command
        }))
    }

    /// Pacifica's metadata service over a database of PostgreSQL's.
    pub(super) fn metadata(database: &str) -> Option<Self> {
        let (server, admin) = (tool("pacifica-metadata")?, tool("pacifica-metadata-cmd")?);
        let folder = folder();
        let prepared = |program: &Path, folder: &Path| {
            let mut command = python(program, folder);
            command.env("PEEWEE_URL", database.replace("postgres://", "postgresql://"));
            command.env("NOTIFICATIONS_DISABLED", "True");
            command
        };
        let synced = prepared(&admin, folder.path()).arg("dbsync").status();
        assert!(synced.expect("a program").success(), "the metadata service's database cannot be made");
        Some(Self::start(folder, |folder, port| {
            let mut command = prepared(&server, folder);
            command.args(["-a", "127.0.0.1", "-p", port, "--cpconfig"]).arg(folder.join("cherrypy.ini"));
            command
        }))
    }

    /// Pacifica's policy service, which asks a metadata service.
    pub(super) fn policy(metadata: &str) -> Option<Self> {
        let server = tool("pacifica-policy")?;
        Some(Self::start(folder(), |folder, port| {
            let mut command = python(&server, folder);
            command.env("METADATA_URL", metadata).args(["-a", "127.0.0.1", "-p", port, "-c"]);
            command.arg(folder.join("cherrypy.ini"));
            command
        }))
    }

    /// Starts a server on a free port and waits until it answers there.
    pub(super) fn start(folder: TempDir, command: impl Fn(&Path, &str) -> Command) -> Self {
        std::fs::write(folder.path().join("cherrypy.ini"), CHERRYPY).expect("a file");
        for _ in 0..5 {
            let port = free_port();
            let log = std::fs::File::create(folder.path().join("log")).expect("a log");
            let mut command = command(folder.path(), &port.to_string());
            command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
            let mut child = command.spawn().expect("a server");
            if listens(&mut child, port) {
                return Self { child, url: format!("http://127.0.0.1:{port}"), folder };
            }
        }
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("the server does not start: {log}");
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The folder that an archive interface keeps its files in.
    pub(super) fn files(&self) -> PathBuf {
        self.folder.path().join("archive")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
    }
}

pub(super) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("sluice-service-").tempdir().expect("a temporary folder")
}

/// A program of the tools', in a folder of its own and with nothing of the surroundings' settings.
pub(super) fn python(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("HOME", folder).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}
