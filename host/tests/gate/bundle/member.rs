//! The blocks of one tar member, of any kind and under any name: nothing is refused here, since hostile tars are wanted.

use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// 2018-01-25T16:54:50Z.
const MTIME: u64 = 1_516_899_290;

/// The dialect of a tar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Every member has a pax header with a float mtime, as Python's tarfile writes it for the real uploader.
    #[default]
    Pax,
    Gnu,
    Ustar,
}

/// The header blocks of a member, with the extra members that a long name needs. Contents and padding come after.
pub(crate) fn header(format: Format, name: &str, kind: EntryType, link: &str, size: u64) -> Vec<u8> {
    let mut blocks = Vec::new();
    match format {
        Format::Pax => {
            let mut records = Vec::new();
            if name.len() > 100 || !name.is_ascii() {
                records.extend(pax_record("path", name));
            }
            records.extend(pax_record("mtime", &format!("{MTIME}.123456")));
            let mut head = Header::new_ustar();
            describe(&mut head, "././@PaxHeader", EntryType::XHeader, "", records.len() as u64);
            blocks.extend_from_slice(head.as_bytes());
            blocks.extend_from_slice(&records);
            pad(&mut blocks);
            let mut head = Header::new_ustar();
            describe(&mut head, &ascii(name), kind, link, size);
            blocks.extend_from_slice(head.as_bytes());
        }
        Format::Gnu => {
            if name.len() > 100 {
                let mut head = Header::new_gnu();
                describe(&mut head, "././@LongLink", EntryType::GNULongName, "", name.len() as u64 + 1);
                blocks.extend_from_slice(head.as_bytes());
                blocks.extend_from_slice(name.as_bytes());
                blocks.push(0);
                pad(&mut blocks);
            }
            let mut head = Header::new_gnu();
            describe(&mut head, name, kind, link, size);
            blocks.extend_from_slice(head.as_bytes());
        }
        Format::Ustar => {
            let mut head = Header::new_ustar();
            let (prefix, rest) = split_for_ustar(name);
            if let Some(ustar) = head.as_ustar_mut() {
                ustar.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
            }
            describe(&mut head, rest, kind, link, size);
            blocks.extend_from_slice(head.as_bytes());
        }
    }
    blocks
}

/// Makes the checksum of the last header block wrong.
pub(crate) fn spoil_checksum(blocks: &mut [u8]) {
    let last = blocks.len() - BLOCK;
    // The checksum field is six octal digits from byte 148 on.
    let digit = &mut blocks[last + 150];
    *digit = if *digit == b'7' { b'0' } else { *digit + 1 };
}

/// Fills up to the end of a block.
pub(crate) fn pad(blocks: &mut Vec<u8>) {
    blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
}

/// Zero bytes that follow contents of this size.
pub(crate) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

fn describe(head: &mut Header, name: &str, kind: EntryType, link: &str, size: u64) {
    let short = |text: &str| text.as_bytes()[..text.len().min(100)].to_vec();
    let (name, link) = (short(name), short(link));
    let old = head.as_old_mut();
    old.name[..name.len()].copy_from_slice(&name);
    old.linkname[..link.len()].copy_from_slice(&link);
    head.set_mode(0o644);
    head.set_uid(1000);
    head.set_gid(1000);
    head.set_mtime(MTIME);
    head.set_size(size);
    head.set_entry_type(kind);
    head.set_cksum();
}

/// `LEN KEY=VALUE\n`, where LEN counts itself.
pub(crate) fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut len = rest.len() + 1;
    while len.to_string().len() + rest.len() != len {
        len = len.to_string().len() + rest.len();
    }
    format!("{len}{rest}").into_bytes()
}

/// What a pax writer leaves in the header of a name that the path record spells.
fn ascii(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

fn split_for_ustar(name: &str) -> (&str, &str) {
    if name.len() <= 100 {
        return ("", name);
    }
    name.match_indices('/')
        .map(|(at, _)| (&name[..at], &name[at + 1..]))
        .find(|(prefix, rest)| prefix.len() <= 155 && rest.len() <= 100)
        .unwrap_or_else(|| panic!("{name} does not fit into a ustar header"))
}
