//! A request's body, read by blocking code.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Chunks in flight between the socket and the disk. A chunk is what the HTTP side reads at once, at most some 400 KiB.
const CHUNKS: usize = 4;

/// So many bytes, in so many chunks, are waited for before a thread is blocked by what comes: most small bundles are whole by then.
const FIRST_BYTES: usize = 16 << 10;
const FIRST_CHUNKS: usize = 16;

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
    (feed, BodyReader { chunks, first: VecDeque::new(), current: Bytes::new(), ended: false })
}

/// The reading end.
#[derive(Debug)]
pub struct BodyReader {
    chunks: mpsc::Receiver<Result<Bytes, BodyError>>,
    /// What has been waited for.
    first: VecDeque<Result<Bytes, BodyError>>,
    current: Bytes,
    ended: bool,
}

impl BodyReader {
    /// Waits for the first of the body: all of a small one.
    pub async fn wait_for_first(&mut self) {
        let mut bytes = 0;
        while bytes < FIRST_BYTES && self.first.len() < FIRST_CHUNKS {
            let Some(chunk) = self.chunks.recv().await else { return };
            let count = chunk.as_ref().map_or(0, Bytes::len);
            self.first.push_back(chunk);
            // The end, or a fault.
            if count == 0 {
                return;
            }
            bytes += count;
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.first.pop_front().or_else(|| self.chunks.blocking_recv()) {
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
