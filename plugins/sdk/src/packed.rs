//! Rows that the gate has packed into one text and one list of numbers, taken apart.

use crate::bindings::plugin::sluice::plugin::bundles::Packed;
use crate::{FileInfo, KeyValue};

/// The length of a text that is missing.
const MISSING: u64 = u64::MAX;

/// What is left of packed rows.
#[derive(Clone, Copy)]
struct Rest<'a> {
    texts: &'a str,
    numbers: &'a [u64],
}

impl<'a> Rest<'a> {
    fn of(packed: &'a Packed) -> Self {
        Self { texts: &packed.texts, numbers: &packed.numbers }
    }

    fn number(&mut self) -> u64 {
        let (number, rest) = self.numbers.split_first().expect("the gate packs whole rows");
        self.numbers = rest;
        *number
    }

    fn cut(&mut self, length: u64) -> &'a str {
        let (text, rest) = self.texts.split_at(length as usize);
        self.texts = rest;
        text
    }

    fn text(&mut self) -> String {
        let length = self.number();
        self.cut(length).to_owned()
    }

    fn maybe(&mut self) -> Option<String> {
        let length = self.number();
        (length != MISSING).then(|| self.cut(length).to_owned())
    }
}

/// The files from an index on.
pub(crate) fn files(packed: &Packed, start: u32) -> Vec<FileInfo> {
    let (mut rest, mut files) = (Rest::of(packed), Vec::new());
    for index in start.. {
        if rest.numbers.is_empty() {
            break;
        }
        files.push(FileInfo {
            index,
            id: rest.number(),
            row: rest.number() as u32,
            path: rest.text(),
            size: rest.number(),
            mimetype: rest.text(),
            hash_type: rest.text(),
            hash_sum: rest.text(),
            ctime: rest.maybe(),
            mtime: rest.maybe(),
            source: rest.maybe(),
        });
    }
    files
}

/// The `FileKeyValue` rows of some files in a row.
pub(crate) struct KeyValues {
    start: u32,
    packed: Packed,
    /// Where in the text and the numbers the rows of each file begin.
    begins: Vec<(usize, usize)>,
}

impl KeyValues {
    pub(crate) fn new(start: u32, packed: Packed) -> Self {
        let (mut text, mut number) = (0, 0);
        let mut begins = Vec::new();
        while let Some(rows) = packed.numbers.get(number) {
            begins.push((text, number));
            let lengths = &packed.numbers[number + 1..][..2 * *rows as usize];
            text += lengths.iter().sum::<u64>() as usize;
            number += 1 + lengths.len();
        }
        Self { start, packed, begins }
    }

    /// Those of a file; none where it is not one of these.
    pub(crate) fn of(&self, index: u32) -> Option<Vec<KeyValue>> {
        let (text, number) = *self.begins.get(index.checked_sub(self.start)? as usize)?;
        let mut rest = Rest { texts: &self.packed.texts[text..], numbers: &self.packed.numbers[number..] };
        let rows = rest.number();
        Some((0..rows).map(|_| KeyValue { key: rest.text(), value: rest.text() }).collect())
    }
}
