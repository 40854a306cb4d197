//! A connection on which anything can be sent, and what comes back.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::site::Site;
use crate::wait::PATIENCE;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

/// All that came back.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) answers: Vec<Answer>,
    /// Whether the gate closed the connection.
    pub(super) closed: bool,
}

impl Heard {
    pub(super) fn statuses(&self) -> Vec<u16> {
        self.answers.iter().map(|answer| answer.status).collect()
    }
}

pub(super) async fn connect(site: &Site) -> TcpStream {
    TcpStream::connect(site.address()).await.expect("a connection")
}

/// Sends these bytes and hears the gate out until it closes the connection, or has answered so often.
pub(super) async fn say(site: &Site, bytes: &[u8], answers: usize) -> Heard {
    let mut socket = connect(site).await;
    let (mut hears, mut says) = socket.split();
    let mut heard = Ear::default();
    let speaking = async {
        // Whoever refuses may well close before all is said.
        drop(says.write_all(bytes).await);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        heard = heard.until(&mut hears, answers, PATIENCE) => heard,
        () = speaking => unreachable!("it only speaks"),
    }
}

/// What was heard so far.
#[derive(Default)]
pub(super) struct Ear {
    bytes: Vec<u8>,
}

impl Ear {
    /// Listens until so many answers have come, or the connection is closed. Panics when nothing of both happens in time.
    pub(super) async fn until(
        &mut self,
        socket: &mut (impl AsyncRead + Unpin),
        answers: usize,
        patience: Duration,
    ) -> Heard {
        let listening = async {
            loop {
                let heard = self.heard();
                if heard.len() >= answers {
                    return Heard { answers: heard, closed: false };
                }
                let mut piece = [0; 4096];
                match socket.read(&mut piece).await {
                    // A reset is an end as well.
                    Ok(0) | Err(_) => return Heard { answers: self.heard(), closed: true },
                    Ok(count) => self.bytes.extend_from_slice(&piece[..count]),
                }
            }
        };
        match tokio::time::timeout(patience, listening).await {
            Ok(heard) => heard,
            Err(_) => panic!("neither {answers} answers nor an end: {:?}", String::from_utf8_lossy(&self.bytes)),
        }
    }

    /// The whole answers.
    fn heard(&self) -> Vec<Answer> {
        let (mut answers, mut rest) = (Vec::new(), &self.bytes[..]);
        while let Some((answer, after)) = one(rest) {
            answers.push(answer);
            rest = after;
        }
        answers
    }
}

/// The first answer, and what comes behind it.
fn one(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = length.unwrap_or_default();
    let body = bytes.get(end..end + length)?;
    let answer = Answer { status, head, body: String::from_utf8_lossy(body).into_owned() };
    Some((answer, &bytes[end + length..]))
}
