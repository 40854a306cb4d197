//! A tar of which every block can be wrong, around what makes a bundle good.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tar::{EntryType, Header};

use crate::bundle::{Format, header, pad, pax_record};

/// What every tar here has first.
const GOOD: &str = "good.txt";

/// A bundle in the making.
pub(super) struct Tar {
    bytes: Vec<u8>,
    rows: Vec<Value>,
    listed: BTreeMap<String, Vec<u8>>,
    /// A folder that is none of the gate's business.
    pub(super) outside: String,
}

impl Tar {
    /// The rows that the starter policy wants, and a listed file that is right.
    pub(super) fn good(outside: &str) -> Self {
        let rows = vec![
            json!({"destinationTable": "Transactions.submitter", "value": 10}),
            json!({"destinationTable": "Transactions.project", "value": "1234a"}),
            json!({"destinationTable": "Transactions.instrument", "value": 54}),
        ];
        let tar = Self { bytes: Vec::new(), rows, listed: BTreeMap::new(), outside: outside.to_owned() };
        tar.file(GOOD, b"all is well\n")
    }

    /// A file below `data/`, with its row.
    pub(super) fn file(self, path: &str, contents: &[u8]) -> Self {
        self.row(path, contents).member(&format!("data/{path}"), EntryType::Regular, contents)
    }

    /// A row that lists a file, whatever the tar has under its name.
    pub(super) fn row(mut self, path: &str, contents: &[u8]) -> Self {
        let (subdir, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.rows.push(json!({
            "destinationTable": "Files", "name": name, "subdir": subdir, "size": contents.len(),
            "mimetype": "text/plain", "hashtype": "sha1", "hashsum": hex::encode(Sha1::digest(contents)),
            "ctime": "2018-01-25T16:54:50", "mtime": "2018-01-25T16:54:50",
        }));
        self.listed.insert(path.to_owned(), contents.to_vec());
        self
    }

    /// A member without a row. A long name comes in a pax record.
    pub(super) fn member(mut self, name: &str, kind: EntryType, contents: &[u8]) -> Self {
        let format = if name.len() > 100 { Format::Pax } else { Format::Gnu };
        self.bytes.extend(header(format, name, kind, "", contents.len() as u64));
        self.contents(contents)
    }

    /// A link of either kind.
    pub(super) fn link(mut self, name: &str, kind: EntryType, target: &str) -> Self {
        self.bytes.extend(header(Format::Gnu, name, kind, target, 0));
        self
    }

    /// A header that is changed before its checksum is made.
    pub(super) fn head(mut self, name: &str, kind: EntryType, size: u64, edit: fn(&mut Header)) -> Self {
        let block = header(Format::Gnu, name, kind, "", size);
        let mut head = Header::from_byte_slice(&block).clone();
        edit(&mut head);
        head.set_cksum();
        self.bytes.extend_from_slice(head.as_bytes());
        self
    }

    /// A pax header for the member that comes next.
    pub(super) fn pax(self, records: &[(&str, &str)]) -> Self {
        let records: Vec<u8> = records.iter().flat_map(|(key, value)| pax_record(key, value)).collect();
        self.member("././@PaxHeader", EntryType::XHeader, &records)
    }

    /// Contents, filled up to a whole block.
    pub(super) fn contents(mut self, contents: &[u8]) -> Self {
        self.bytes.extend_from_slice(contents);
        pad(&mut self.bytes);
        self
    }

    /// Changes the last block, whose checksum stays as it was.
    pub(super) fn spoil(mut self, spoil: fn(&mut [u8])) -> Self {
        let last = self.bytes.len() - 512;
        spoil(&mut self.bytes[last..]);
        self
    }

    /// The metadata document of the rows so far.
    pub(super) fn document(&self) -> Vec<u8> {
        serde_json::to_vec(&self.rows).expect("JSON")
    }

    pub(super) fn metadata(self) -> Self {
        let document = self.document();
        self.member("metadata.txt", EntryType::Regular, &document)
    }

    /// The tar as it stands, and what the archive is to hold of it.
    pub(super) fn unfinished(self) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
        (self.bytes, self.listed)
    }

    /// The same with metadata.txt and the end.
    pub(super) fn whole(self) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
        self.metadata().contents(&[0; 1024]).unfinished()
    }
}
