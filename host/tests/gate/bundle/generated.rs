//! Bundles made from nothing, of any size: they are streamed, so that the test needs no more memory than the gate may.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use serde_json::json;
use sha1::{Digest, Sha1};
use tar::EntryType;

use super::member::{Format, header, padding};

const PIECE: usize = 256 * 1024;

/// So many files of so many bytes each, and metadata.txt last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generated {
    /// How many files.
    pub(crate) files: u32,
    /// Bytes in each of them.
    pub(crate) size: u64,
    /// Another number makes other contents.
    pub(crate) seed: u64,
}

impl Generated {
    /// The path of a file below `data/`.
    pub(crate) fn path(file: u32) -> String {
        format!("generated/{file:06}.bin")
    }

    /// The paths of all files below `data/`.
    pub(crate) fn paths(self) -> impl Iterator<Item = String> {
        (0..self.files).map(Self::path)
    }

    /// The files by their paths below `data/`, as the tar has them.
    pub(crate) fn contents(self) -> BTreeMap<String, Vec<u8>> {
        let bytes = self.bytes();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().expect("a tar").map(|entry| entry.expect("a member"));
        entries
            .filter_map(|mut entry| {
                let path = entry.path().expect("a path").to_str().expect("UTF-8").strip_prefix("data/")?.to_owned();
                let mut contents = Vec::new();
                io::Read::read_to_end(&mut entry, &mut contents).expect("contents");
                Some((path, contents))
            })
            .collect()
    }

    /// The whole bundle at once, for small ones.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut whole = Vec::new();
        self.write(|piece| {
            whole.extend_from_slice(&piece);
            true
        });
        whole
    }

    /// The bundle in pieces, made by a thread while they are taken.
    pub(crate) fn pieces(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        let (sender, receiver): (SyncSender<Bytes>, _) = sync_channel(8);
        std::thread::spawn(move || self.write(|piece| sender.send(piece).is_ok()));
        receiver.into_iter()
    }

    /// Hands the bundle over piece by piece, until the taker has had enough.
    fn write(self, mut take: impl FnMut(Bytes) -> bool) {
        let noise = noise(self.seed);
        let mut rows = vec![
            json!({"destinationTable": "Transactions.submitter", "value": 10}),
            json!({"destinationTable": "Transactions.project", "value": "1234a"}),
            json!({"destinationTable": "Transactions.instrument", "value": 54}),
        ];
        for file in 0..self.files {
            let path = Self::path(file);
            if !take(header(Format::Pax, &format!("data/{path}"), EntryType::Regular, "", self.size).into()) {
                return;
            }
            let mut hash = Sha1::new();
            let mut left = self.size;
            while left > 0 {
                let mut piece = noise[..left.min(PIECE as u64) as usize].to_vec();
                let stamp = format!("{file}:{left}:");
                let stamped = stamp.len().min(piece.len());
                piece[..stamped].copy_from_slice(&stamp.as_bytes()[..stamped]);
                left -= piece.len() as u64;
                hash.update(&piece);
                if !take(piece.into()) {
                    return;
                }
            }
            if !take(vec![0; padding(self.size)].into()) {
                return;
            }
            let (subdir, name) = path.rsplit_once('/').expect("a folder and a name");
            rows.push(json!({
                "destinationTable": "Files", "name": name, "subdir": format!("data/{subdir}"), "size": self.size,
                "mimetype": "application/octet-stream", "hashtype": "sha1", "hashsum": hex::encode(hash.finalize()),
                "ctime": "2018-01-25T16:54:50", "mtime": "2018-01-25T16:54:50",
            }));
        }
        let metadata = serde_json::to_vec(&rows).expect("JSON");
        let mut tail = header(Format::Pax, "metadata.txt", EntryType::Regular, "", metadata.len() as u64);
        tail.extend_from_slice(&metadata);
        tail.resize(tail.len() + padding(metadata.len() as u64) + 1024, 0);
        take(tail.into());
    }
}

/// A request body of these pieces. Its length is not known beforehand, so it goes chunked.
pub(crate) fn body_of(pieces: impl Iterator<Item = Bytes> + Send + 'static) -> reqwest::Body {
    // The maker's thread is waited for off the runtime.
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    tokio::task::spawn_blocking(move || {
        for piece in pieces {
            if sender.blocking_send(Ok::<_, io::Error>(piece)).is_err() {
                return;
            }
        }
    });
    reqwest::Body::wrap_stream(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}

/// Bytes that no compression shortens much (xorshift64*).
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(PIECE + 8);
    while bytes.len() < PIECE {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes
}
