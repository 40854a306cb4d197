//! Rows and their values, found in the bytes of a file.
//!
//! RFC 4180, read as generously as common programs do: a quote inside of an unquoted value is a character like any other,
//! rows end with LF, CR LF or CR, and blank lines are no rows. What is read is what the crate `csv-core` reads, which the
//! tests hold it against. That crate copies every value, and says neither that a quote was never closed nor that something
//! follows behind one; a validator must, and must not take longer than the network.

/// Which bytes have a meaning.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    delimiter: u8,
    /// The same in every byte.
    delimiters: u64,
    quote: Option<u8>,
    /// The bytes that end an unquoted value.
    ends: [bool; 256],
}

/// Where a value stands in the buffer, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
    /// Whether there are doubled quotes in it, each of which stands for one.
    pub(crate) doubled: bool,
}

/// What is wrong with the quotes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file ended first.
    Unclosed,
    /// Something stands between the closing quote and the end of the value.
    Trailing,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// A row, and where the next one starts.
    Row { next: usize, lines: u64, fault: Option<(usize, Fault)> },
    /// The row does not end in what was read so far.
    More,
}

impl Dialect {
    pub(crate) fn new(delimiter: u8, quote: Option<u8>) -> Self {
        let mut ends = [false; 256];
        for byte in [delimiter, b'\r', b'\n'] {
            ends[usize::from(byte)] = true;
        }
        Self { delimiter, delimiters: eight(delimiter), quote, ends }
    }

    /// What values are quoted with.
    pub(crate) fn quote(&self) -> Option<u8> {
        self.quote
    }

    /// Reads the row that starts at `at`; `last` says that nothing comes after the buffer. A blank line is a row of one
    /// empty value. `at` is inside the buffer.
    pub(crate) fn row(&self, buffer: &[u8], at: usize, last: bool, fields: &mut Vec<Field>) -> Scan {
        fields.clear();
        let mut at = at;
        let mut lines = 1;
        let mut fault = None;
        loop {
            if self.quote.is_some() && buffer.get(at).copied() == self.quote {
                let quoted = quoted(buffer, at, buffer[at], &mut lines);
                // Whether a quote at the very end is the first of two is not known before more is read.
                if !last && (!quoted.closed || quoted.field.end + 1 == buffer.len()) {
                    return Scan::More;
                }
                at = if quoted.closed { quoted.field.end + 1 } else { buffer.len() };
                if !quoted.closed {
                    fault.get_or_insert((fields.len(), Fault::Unclosed));
                }
                let end = self.end(buffer, at);
                if end > at {
                    fault.get_or_insert((fields.len(), Fault::Trailing));
                }
                at = end;
                fields.push(quoted.field);
            } else {
                let end = self.end(buffer, at);
                fields.push(Field { start: at, end, quoted: false, doubled: false });
                at = end;
            }
            let Some(&byte) = buffer.get(at) else {
                return if last { Scan::Row { next: at, lines, fault } } else { Scan::More };
            };
            at += 1;
            if byte == self.delimiter {
                continue;
            }
            if byte == b'\r' {
                match buffer.get(at) {
                    Some(b'\n') => at += 1,
                    None if !last => return Scan::More,
                    _ => {}
                }
            }
            return Scan::Row { next: at, lines, fault };
        }
    }

    /// Where an unquoted value ends. Eight bytes are looked at together: this is where most of the time goes.
    fn end(&self, buffer: &[u8], at: usize) -> usize {
        let rest = &buffer[at..];
        let (words, _) = rest.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            let mut hits = below(word, b'\r' + 1) | zeros(word ^ self.delimiters);
            while hits != 0 {
                let end = index * 8 + hits.trailing_zeros() as usize / 8;
                if self.ends[usize::from(rest[end])] {
                    return at + end;
                }
                hits &= hits - 1;
            }
        }
        let done = words.len() * 8;
        at + done + rest[done..].iter().position(|byte| self.ends[usize::from(*byte)]).unwrap_or(rest.len() - done)
    }
}

/// A byte in every place.
const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The top bit of each byte that is less than `limit`. Above one that is, another may be marked wrongly.
///
/// Source of both: Mycroft, in comp.lang.c, 1987.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(eight(limit)) & !word & eight(0x80)
}

/// The top bit of each byte that is zero. Above one that is, another may be marked wrongly.
const fn zeros(word: u64) -> u64 {
    below(word, 1)
}

struct Quoted {
    field: Field,
    closed: bool,
}

/// Reads a value that is quoted from `at` on.
fn quoted(buffer: &[u8], at: usize, quote: u8, lines: &mut u64) -> Quoted {
    let start = at + 1;
    let mut doubled = false;
    let mut at = start;
    while let Some(&byte) = buffer.get(at) {
        if byte == quote {
            if buffer.get(at + 1) != Some(&quote) {
                return Quoted { field: Field { start, end: at, quoted: true, doubled }, closed: true };
            }
            doubled = true;
            at += 1;
        }
        *lines += u64::from(byte == b'\n');
        at += 1;
    }
    Quoted { field: Field { start, end: buffer.len(), quoted: true, doubled }, closed: false }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Rows = Vec<Vec<Vec<u8>>>;

    fn value(buffer: &[u8], field: Field) -> Vec<u8> {
        let text = &buffer[field.start..field.end];
        if !field.doubled {
            return text.to_vec();
        }
        String::from_utf8_lossy(text).replace("\"\"", "\"").into_bytes()
    }

    /// All rows, and whether any had a fault.
    fn rows(text: &[u8]) -> (Rows, bool) {
        let dialect = Dialect::new(b',', Some(b'"'));
        let (mut at, mut fields, mut rows, mut faults) = (0, Vec::new(), Vec::new(), false);
        while at < text.len() {
            let Scan::Row { next, fault, .. } = dialect.row(text, at, true, &mut fields) else {
                panic!("it is the last")
            };
            // A row that ends in what was read may not read differently when there is more.
            for cut in at..next {
                let early = dialect.row(&text[..cut], at.min(cut), false, &mut Vec::new());
                assert!(early == Scan::More || matches!(early, Scan::Row { next: n, .. } if n == next));
            }
            let mut again = Vec::new();
            dialect.row(text, at, true, &mut again);
            faults |= fault.is_some();
            if !(again.len() == 1 && again[0].start == again[0].end && !again[0].quoted) {
                rows.push(again.iter().map(|field| value(text, *field)).collect());
            }
            at = next;
        }
        (rows, faults)
    }

    /// The same by the crate `csv-core`.
    fn oracle(text: &[u8]) -> Rows {
        let mut reader = csv_core::Reader::new();
        let (mut rows, mut input) = (Vec::new(), text);
        let (mut output, mut ends) = (vec![0; 4096], vec![0; 512]);
        loop {
            let (mut written, mut fields) = (0, 0);
            let end = loop {
                let (result, read, wrote, ended) =
                    reader.read_record(input, &mut output[written..], &mut ends[fields..]);
                input = &input[read..];
                written += wrote;
                fields += ended;
                match result {
                    csv_core::ReadRecordResult::InputEmpty => {}
                    other => break other,
                }
            };
            if end == csv_core::ReadRecordResult::End {
                return rows;
            }
            let starts = std::iter::once(0).chain(ends.iter().copied());
            rows.push(starts.zip(&ends[..fields]).map(|(start, end)| output[start..*end].to_vec()).collect());
        }
    }

    #[test]
    fn faults_of_quotes_are_told() {
        let mut fields = Vec::new();
        let dialect = Dialect::new(b',', Some(b'"'));
        let mut fault = |text: &str| match dialect.row(text.as_bytes(), 0, true, &mut fields) {
            Scan::Row { fault, .. } => fault,
            Scan::More => panic!("it is the last"),
        };
        assert_eq!(fault("a,\"b\n"), Some((1, Fault::Unclosed)));
        assert_eq!(fault("\"a\"b,c"), Some((0, Fault::Trailing)));
        assert_eq!(fault("a\"b,\"c\"\"\",\"\""), None);
    }

    #[test]
    fn without_a_quote_character_quotes_are_text() {
        let mut fields = Vec::new();
        let scan = Dialect::new(b'\t', None).row(b"\"a\tb\"\r\nc", 0, false, &mut fields);
        assert_eq!(scan, Scan::Row { next: 7, lines: 1, fault: None });
        assert_eq!(fields.len(), 2);
    }

    proptest! {
        #[test]
        fn rows_are_those_that_csv_core_reads(text in "[a\"\",,\n\r é]{0,24}") {
            let (rows, faults) = rows(text.as_bytes());
            // Where quotes are at fault, readers differ; a finding is made of it.
            prop_assume!(!faults);
            prop_assert_eq!(rows, oracle(text.as_bytes()));
        }
    }
}
