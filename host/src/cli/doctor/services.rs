//! What answers: the database, the queue, and whoever listens at our address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Check;
use crate::config::{QueueUrl, Settings, without_password};
use crate::db::{Db, DbError, SchemaState};
use crate::model::Stage;
use crate::queue::{self, RedisFault};

/// What has not answered by then does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn database(settings: &Settings) -> Check {
    const NAME: &str = "database";
    let url = &settings.database;
    let look = async {
        let db = Db::open(url, false).await?;
        let found = match db.check().await? {
            SchemaState::Equal => Ok(db.count_by_stage().await?),
            other => Err(other),
        };
        db.close().await;
        Ok::<_, DbError>(found)
    };
    match timeout(PATIENCE, look).await {
        Ok(Ok(Ok(stages))) => Check::ok(NAME, format!("{url} answers; {}", jobs(&stages))),
        Ok(Ok(Err(SchemaState::Ahead(newer)))) => Check::fault(
            NAME,
            format!("a newer sluice has changed {url} by {}", newer.join(", ")),
            "run that one, or restore the database as it was before",
        ),
        Ok(Ok(Err(SchemaState::Behind(missing)))) => Check::warning(
            NAME,
            format!("{url} answers; its schema lacks {}", missing.join(", ")),
            "run `sluice db sync`, or let `sluice serve` do it",
        ),
        Ok(Ok(Err(SchemaState::Equal))) => Check::ok(NAME, format!("{url} answers")),
        Ok(Err(DbError::NoDatabase(_))) => {
            Check::ok(NAME, format!("{url} is not there yet; `sluice serve` and `sluice db sync` make it"))
        }
        Ok(Err(DbError::NoTrust(why))) => {
            let (why, remedy) = why.rsplit_once("; ").unwrap_or((&why, "see the server's log"));
            Check::fault(NAME, without_password(why), remedy)
        }
        Ok(Err(error)) => Check::fault(
            NAME,
            format!("{url}: {}", without_password(&error.to_string())),
            "see that the server runs, and that the URL, the user and the password are right",
        ),
        Err(_) => Check::fault(
            NAME,
            format!("{url} has not answered within {PATIENCE:?}"),
            "see that the server runs, and that nothing blocks the way to it",
        ),
    }
}

fn jobs(stages: &[(Stage, i64)]) -> String {
    let counted: Vec<_> = stages.iter().filter(|(_, jobs)| *jobs > 0).collect();
    if counted.is_empty() {
        return "no job yet".to_owned();
    }
    let counted: Vec<_> = counted.iter().map(|(stage, jobs)| format!("{jobs} {stage}")).collect();
    format!("jobs: {}", counted.join(", "))
}

pub(super) async fn queue(settings: &Settings) -> Check {
    const NAME: &str = "queue";
    let url = &settings.queue;
    match url {
        QueueUrl::Sqlite(file) => queue_file(NAME, file),
        QueueUrl::Redis(address) => match timeout(PATIENCE, queue::ping(address, &settings.queue_tls)).await {
            Ok(Ok(())) => Check::ok(NAME, format!("{url} answers")),
            Ok(Err(RedisFault::NoTrust(why, remedy))) => Check::fault(NAME, format!("{url}: {why}"), remedy),
            Ok(Err(RedisFault::Other(why))) => Check::fault(
                NAME,
                format!("{url}: {}", without_password(&why)),
                "see that Redis runs, and that the URL and the password are right",
            ),
            Err(_) => Check::fault(
                NAME,
                format!("{url} has not answered within {PATIENCE:?}"),
                "see that Redis runs, and that nothing blocks the way to it",
            ),
        },
    }
}

fn queue_file(name: &'static str, file: &Path) -> Check {
    let opened = std::fs::OpenOptions::new().read(true).append(true).open(file);
    match opened {
        Ok(_) => Check::ok(name, format!("{} can be written to", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::ok(name, format!("{} is not there yet; `sluice serve` makes it", file.display()))
        }
        Err(error) => Check::fault(
            name,
            format!("{} cannot be written to: {error}", file.display()),
            "give the user of sluice the right to write it",
        ),
    }
}

/// Who listens where we would: nobody, a server of ours, or somebody else.
pub(super) async fn address(settings: &Settings) -> Check {
    const NAME: &str = "address";
    let listen = settings.http.listen;
    if listen.port() == 0 {
        return Check::ok(NAME, format!("{listen}: a free port is taken at every start"));
    }
    match timeout(PATIENCE, banner(from_here(listen))).await {
        Ok(Some(answer)) if answer.contains("Pacifica Ingest Up and Running") => {
            Check::ok(NAME, format!("a server runs at {listen}"))
        }
        Ok(None) => match TcpListener::bind(listen).await {
            Ok(_) => Check::ok(NAME, format!("{listen} is free; no server runs there")),
            Err(error) => Check::fault(
                NAME,
                format!("{listen} cannot be listened on: {error}"),
                "name an address of this machine, and a port that the user of sluice may take",
            ),
        },
        Ok(Some(_)) | Err(_) => Check::fault(
            NAME,
            format!("something listens at {listen} that is no ingest server"),
            "stop it, or name another port",
        ),
    }
}

/// An address that stands for all of a machine is reached from here by its loopback.
fn from_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// What is answered to `GET /`; none where nobody listens.
async fn banner(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    // Who hangs up in between has listened, and has said nothing that we know.
    if stream.write_all(request.as_bytes()).await.is_ok() {
        drop(stream.take(4096).read_to_end(&mut answer).await);
    }
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_of_ours_is_told_from_others_and_from_none() {
        assert_eq!(from_here(([0, 0, 0, 0], 8066).into()), ([127, 0, 0, 1], 8066).into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 256];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nPacifica Ingest Up and Running").await.unwrap();
        };
        let (answer, ()) = tokio::join!(banner(address), server);
        assert!(answer.unwrap().contains("Up and Running"));
        drop(listener);
        assert_eq!(banner(address).await, None);
    }

    #[test]
    fn a_queue_that_is_not_there_yet_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.db");
        assert_eq!(queue_file("queue", &file).verdict, super::super::Verdict::Ok);
        assert!(!file.exists());
        assert_eq!(queue_file("queue", folder.path()).verdict, super::super::Verdict::Fault);
    }
}
