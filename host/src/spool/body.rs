//! A request's body, read by blocking code.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Chunks in flight between the socket and the disk. A chunk is what the HTTP side reads at once, at most some 400 KiB.
const CHUNKS: usize = 4;

/// Why a body ended before its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BodyError {
    /// The client went away.
    #[error("the connection was lost before the whole bundle had arrived: {0}")]
    Lost(String),
    /// The client sent nothing for too long.
    #[error("nothing arrived for {0} seconds, so the upload was given up")]
    Idle(u64),
    /// The client sent something now and then, and too little.
    #[error("less than {0} bytes a second arrived, so the upload was given up")]
    Slow(u64),
    /// The body is larger than the site takes.
    #[error("the bundle is larger than the {0} bytes that this site takes")]
    TooLarge(u64),
}

/// The two ends of a body: what the HTTP side feeds, and what a blocking thread reads.
pub fn body_channel() -> (mpsc::Sender<Result<Bytes, BodyError>>, BodyReader) {
    let (feed, chunks) = mpsc::channel(CHUNKS);
    (feed, BodyReader { chunks, current: Bytes::new(), ended: false })
}

/// The reading end.
#[derive(Debug)]
pub struct BodyReader {
    chunks: mpsc::Receiver<Result<Bytes, BodyError>>,
    current: Bytes,
    ended: bool,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                // An empty chunk is the end, said aloud: a feeder that is dropped without a word has been cut off.
                Some(Ok(chunk)) if chunk.is_empty() => self.ended = true,
                Some(Ok(chunk)) => self.current = chunk,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::other(BodyError::Lost("it was closed".to_owned()))),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
