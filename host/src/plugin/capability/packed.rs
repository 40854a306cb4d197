//! Rows in one piece: one text and one list of numbers, whatever number of strings they are made of.

use super::super::bindings::bundles::Packed;
use super::super::bindings::types::FileInfo;
use crate::model::KeyValue;

/// The length of a text that is missing.
const MISSING: u64 = u64::MAX;

/// Rows as the contract packs them.
pub(super) struct Packer(Packed);

impl Packer {
    pub(super) fn new() -> Self {
        Self(Packed { texts: String::new(), numbers: Vec::new() })
    }

    pub(super) fn done(self) -> Packed {
        self.0
    }

    pub(super) fn file(&mut self, file: &FileInfo) {
        self.0.numbers.extend([file.id, u64::from(file.row)]);
        self.text(&file.path);
        self.0.numbers.push(file.size);
        for text in [&file.mimetype, &file.hash_type, &file.hash_sum] {
            self.text(text);
        }
        for text in [&file.ctime, &file.mtime, &file.source] {
            match text {
                Some(text) => self.text(text),
                None => self.0.numbers.push(MISSING),
            }
        }
    }

    pub(super) fn key_values(&mut self, rows: &[KeyValue]) {
        self.0.numbers.push(rows.len() as u64);
        for row in rows {
            self.text(&row.key);
            self.text(&row.value);
        }
    }

    fn text(&mut self, text: &str) {
        self.0.numbers.push(text.len() as u64);
        self.0.texts.push_str(text);
    }
}
