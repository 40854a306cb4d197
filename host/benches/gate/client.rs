//! A client that costs next to nothing: the gate has the same processors, and what a client takes of them it has not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

/// One connection, on which one request follows the other.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    /// To a server at this address, `http://HOST:PORT`.
    pub(crate) fn connect(base: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(base.strip_prefix("http://").context("an address")?)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a bundle and waits for the end of its job, which is asked after so often; the seconds until it was known.
    pub(crate) fn upload(&mut self, bundle: &[u8], look: Duration) -> anyhow::Result<f64> {
        let began = Instant::now();
        let head = format!("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", bundle.len());
        let job = self.ask("POST /upload", &head, bundle)?["job_id"].as_u64().context("a job's id")?;
        loop {
            let state = self.ask(&format!("GET /get_state?job_id={job}"), "", b"")?;
            if state["complete"] == true {
                ensure!(state["state"] == "OK", "a job failed: {state}");
                return Ok(began.elapsed().as_secs_f64());
            }
            std::thread::sleep(look);
        }
    }

    fn ask(&mut self, what: &str, headers: &str, body: &[u8]) -> anyhow::Result<Value> {
        let mut request = format!("{what} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n").into_bytes();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request)?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            ensure!(self.0.read_line(&mut line)? > 0, "the connection was closed");
            if status.is_empty() {
                status.clone_from(&line);
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            } else if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        ensure!(status.starts_with("HTTP/1.1 200 "), "{status}: {}", String::from_utf8_lossy(&answer));
        Ok(serde_json::from_slice(&answer)?)
    }
}
