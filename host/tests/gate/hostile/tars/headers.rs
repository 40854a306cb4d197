//! Headers that lie, repeat themselves or do not end; tars behind tars, and what is no tar.

use tar::EntryType;

use super::End::{Failed, Warned};
use super::{Bare, Case, FILES, LOAD, TAR};
use crate::bundle::{bundle, gzip};

pub(super) const CASES: &[Case] = &[
    (
        "a checksum that is no number",
        |tar| {
            tar.head("data/h", EntryType::Regular, 0, |_| {})
                .spoil(|head| head[148..156].copy_from_slice(b"not\xc3\x28oct"))
        },
        Failed(LOAD, &["cannot be read"]),
    ),
    (
        "a sparse file of GNU's that claims 8 EiB",
        |tar| {
            let sparse = |head: &mut tar::Header| {
                let gnu = head.as_gnu_mut().expect("a GNU header");
                gnu.realsize = *b"\x80\0\0\0\x80\0\0\0\0\0\0\0";
                gnu.sparse[0].offset = *b"\x80\0\0\0\x80\0\0\0\0\0\0\0";
                gnu.sparse[0].numbytes = *b"00000000000\0";
            };
            tar.head("data/sparse", EntryType::GNUSparse, 0, sparse)
        },
        Failed(LOAD, &["sparse"]),
    ),
    (
        "a sparse file of pax 0.0",
        |tar| {
            let map = [
                ("GNU.sparse.size", "9223372036854775807"),
                ("GNU.sparse.numblocks", "1"),
                ("GNU.sparse.offset", "9223372036854775000"),
                ("GNU.sparse.numbytes", "1"),
            ];
            tar.pax(&map).member("data/sparse-0.0", EntryType::Regular, b"x")
        },
        Warned(&["data/sparse-0.0", "it is sparse"]),
    ),
    (
        "a sparse file of pax 0.1",
        |tar| {
            let map = [("GNU.sparse.size", "9223372036854775807"), ("GNU.sparse.map", "9223372036854775000,1")];
            tar.pax(&map).member("data/sparse-0.1", EntryType::Regular, b"x")
        },
        Warned(&["data/sparse-0.1", "it is sparse"]),
    ),
    (
        "a sparse file of pax 1.0, which has its own name elsewhere",
        |tar| {
            let map = [
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.name", "../escaped-4.txt"),
                ("GNU.sparse.realsize", "9223372036854775807"),
            ];
            let contents = b"1\n9223372036854775000\n1\n";
            tar.pax(&map).member("data/GNUSparseFile.1/sparse-1.0", EntryType::Regular, contents)
        },
        Warned(&["sparse-1.0", "it is sparse"]),
    ),
    (
        "a listed file that is sparse",
        |tar| tar.row("sparse", b"x").pax(&[("GNU.sparse.major", "1")]).member("data/sparse", EntryType::Regular, b"x"),
        Failed(FILES, &["data/sparse", "not in the bundle"]),
    ),
    (
        "the rest of a file from another volume",
        |tar| tar.member("data/continued", EntryType::new(b'M'), b"the rest"),
        Warned(&["data/continued", "not a regular file"]),
    ),
    (
        "two long names for one member",
        |tar| {
            let tar = tar.member("././@LongLink", EntryType::GNULongName, b"data/first\0");
            let tar = tar.member("././@LongLink", EntryType::GNULongName, b"data/second\0");
            tar.member("data/h", EntryType::Regular, b"x")
        },
        Failed(LOAD, &["two long name entries"]),
    ),
    (
        "two pax headers for one member",
        |tar| tar.pax(&[("path", "data/1")]).pax(&[("path", "data/2")]).member("data/h", EntryType::Regular, b"x"),
        Failed(LOAD, &["two pax extensions"]),
    ),
    (
        "a pax record that lies about its length",
        |tar| {
            let tar = tar.member("././@PaxHeader", EntryType::XHeader, b"99999 path=data/liar.txt\n");
            tar.member("data/liar-2.txt", EntryType::Regular, b"x")
        },
        Warned(&["liar-2.txt", "no Files row lists it"]),
    ),
    (
        "a long name of half a mebibyte",
        |tar| {
            let name = format!("data/{}", "n".repeat(512 << 10));
            tar.member("././@LongLink", EntryType::GNULongName, name.as_bytes()).member("h", EntryType::Regular, b"x")
        },
        Warned(&["4096"]),
    ),
    (
        "a pax header of two mebibytes",
        |tar| tar.pax(&[("comment", &"c".repeat(2 << 20))]).member("data/h", EntryType::Regular, b"x"),
        Failed(LOAD, &["header is too long"]),
    ),
];

pub(super) const BARE: &[Bare] = &[
    (
        "a long name that claims four gibibytes",
        |tar| {
            let tar = tar.head("././@LongLink", EntryType::GNULongName, 4 << 30, |_| {});
            tar.contents(&vec![b'n'; 8 << 20]).unfinished().0
        },
        Failed(LOAD, &["header is too long"]),
    ),
    (
        "a pax header that claims eight gibibytes and ends",
        |tar| tar.head("././@PaxHeader", EntryType::XHeader, 8 << 30, |_| {}).contents(b"12 path=x").unfinished().0,
        Failed(LOAD, &["cannot be read"]),
    ),
    (
        "a long name and no member",
        |tar| {
            tar.metadata()
                .member("././@LongLink", EntryType::GNULongName, b"data/x\0")
                .contents(&[0; 1024])
                .unfinished()
                .0
        },
        Failed(LOAD, &["cannot be read"]),
    ),
    (
        "metadata.txt behind the end of the tar",
        |tar| tar.contents(&[0; 1024]).metadata().contents(&[0; 1024]).unfinished().0,
        Failed(LOAD, &["no metadata.txt"]),
    ),
    (
        "metadata.txt behind a single block of zeros",
        |tar| tar.contents(&[0; 512]).metadata().contents(&[0; 1024]).unfinished().0,
        Failed(LOAD, &["no metadata.txt"]),
    ),
    (
        "a good bundle in gzip",
        |_| gzip(&bundle("metadata-last")),
        Failed(TAR, &["compressed (gzip)", "send the tar itself"]),
    ),
    ("eight mebibytes in gzip that would be a gibibyte", |_| gzip_bomb(8 << 20), Failed(TAR, &["compressed (gzip)"])),
    (
        "the other compressions",
        |_| b"\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00".iter().copied().chain([0; 600]).collect(),
        Failed(TAR, &["compressed (zstd)"]),
    ),
];

/// So many bytes of gzip that stand for 160 times as many zeros: one block with the fixed codes of RFC 1951, a zero, and then
/// `the last byte 258 times` again and again. The end is missing, which nobody finds out before the rest is read.
fn gzip_bomb(size: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    bits.extend([false, false, true, true, false, false, false, false]);
    while bits.len() < 8 * 13 * 2 + 11 {
        bits.extend([true, true, false, false, false, true, false, true, false, false, false, false, false]);
    }
    let byte = |bits: &[bool]| bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit));
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bomb.extend_from_slice(&bytes[..13]);
    // Thirteen bytes are eight repetitions, so that the same bytes come again.
    while bomb.len() < size {
        bomb.extend_from_slice(&bytes[13..26]);
    }
    bomb
}
