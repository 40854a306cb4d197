//! A Redis of the test's own, on a free port, gone when the test is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait::{listens, until_blocking};

/// A running server.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one; none where redis-server is not installed, and then says so.
    pub(crate) fn start() -> Option<Self> {
        for _ in 0..10 {
            let folder = tempfile::Builder::new().prefix("sluice-redis-").tempdir().expect("a temporary folder");
            let port = free_port();
            let child = match serve(folder.path(), port) {
                Ok(child) => child,
                Err(error) => {
                    eprintln!(
                        "\n**** SKIPPED: redis-server cannot be started ({error}); install it to run this test ****\n"
                    );
                    return None;
                }
            };
            let mut redis = Self { child, port, folder };
            if redis.answers() {
                return Some(redis);
            }
            // Another process was quicker to take the port.
        }
        panic!("redis-server ends at once, ten times over");
    }

    /// Ends it at once. It kept nothing on a disk.
    pub(crate) fn crash(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again where it was, with nothing in it.
    pub(crate) fn revive(&mut self) {
        let again = until_blocking(Duration::from_secs(30), || {
            self.child = serve(self.folder.path(), self.port).expect("redis-server starts");
            self.answers().then_some(())
        });
        again.expect("redis-server has its port again");
    }

    /// One that speaks nothing but TLS, with the certificates of a folder; whether clients have to show one.
    pub(crate) fn with_tls(certificates: &Path, clients: bool) -> Option<Self> {
        for _ in 0..10 {
            let folder = tempfile::Builder::new().prefix("sluice-redis-").tempdir().expect("a temporary folder");
            let port = free_port();
            let file = |name: &str| certificates.join(name);
            let spawned = Command::new("redis-server")
                .args(["--port", "0", "--tls-port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .arg("--tls-cert-file")
                .arg(file("server.crt"))
                .arg("--tls-key-file")
                .arg(file("server.key"))
                .arg("--tls-ca-cert-file")
                .arg(file("ca.crt"))
                .args(["--tls-auth-clients", if clients { "yes" } else { "no" }, "--dir"])
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut child) = spawned else {
                eprintln!("\n**** SKIPPED: redis-server cannot be started; install it to run this test ****\n");
                return None;
            };
            if listens(&mut child, port) {
                return Some(Self { child, port, folder });
            }
        }
        panic!("redis-server does not start with TLS, ten times over");
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Forgets everything, as a Redis without persistence does when it is started again.
    pub(crate) fn forget_everything(&self) {
        assert_eq!(self.ask("FLUSHALL").expect("an answer"), "+OK\r\n");
    }

    /// Waits until it is this server that answers on the port; false when it has ended instead.
    fn answers(&mut self) -> bool {
        let own = format!("process_id:{}\r\n", self.child.id());
        until_blocking(Duration::from_secs(30), || {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Some(false);
            }
            self.ask("INFO server").is_ok_and(|answer| answer.contains(&own)).then_some(true)
        })
        .unwrap_or(false)
    }

    fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        socket.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer.strip_suffix("+OK\r\n").unwrap_or(&answer).to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, port: u16) -> std::io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// A port that is free now. Whoever uses it must be ready to lose it.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("an address").port()
}
