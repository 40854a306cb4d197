//! Members of a tar, as far as they are not contents.

use std::io;

use super::walk::LocalFile;

/// What a tar is made of.
const BLOCK: u64 = 512;
/// Two blocks of zeros are the end of a tar.
pub(super) const END: u64 = 2 * BLOCK;

/// The head of a file's member: as many blocks as its name needs.
pub(super) fn member(file: &LocalFile) -> Vec<u8> {
    head(&format!("data/{}", file.place), file.size, file.mtime.as_seconds())
}

/// The head of the metadata, of so many bytes.
pub(super) fn metadata_head(size: u64) -> Vec<u8> {
    head("metadata.txt", size, 0)
}

/// In GNU's format, whose numbers and names have no limits, and which every tar reads.
fn head(path: &str, size: u64, mtime: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(mtime);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, path, io::empty()).expect("a path of a bundle is one of a tar");
    builder.get_ref().clone()
}

/// Bytes of a whole member.
pub(super) fn member_length(head: &[u8], size: u64) -> u64 {
    head.len() as u64 + size + padding(size) as u64
}

/// Zeros behind so many bytes, up to the end of their last block.
pub(super) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK) - size) as usize
}
