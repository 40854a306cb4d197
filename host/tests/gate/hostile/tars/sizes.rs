//! Sizes that are none, or that nobody could send; and more members than are taken.

use tar::{EntryType, Header};

use super::End::{Archived, Failed, Warned};
use super::{Bare, Case, LOAD};

fn size(head: &mut Header, field: [u8; 12]) {
    head.as_old_mut().size = field;
}

pub(super) const CASES: &[Case] = &[
    (
        "a size that is no number",
        |tar| tar.head("data/h", EntryType::Regular, 0, |head| size(head, *b"not a size\0\0")),
        Failed(LOAD, &["not a number"]),
    ),
    (
        "a size in decimal digits that octal has not",
        |tar| tar.head("data/h", EntryType::Regular, 0, |head| size(head, *b"00000000089\0")),
        Failed(LOAD, &["not a number"]),
    ),
    (
        "a negative size in octal",
        |tar| tar.head("data/h", EntryType::Regular, 0, |head| size(head, *b"-0000000001\0")),
        Failed(LOAD, &["not a number"]),
    ),
    (
        "a negative size in base 256",
        |tar| tar.head("data/h", EntryType::Regular, 0, |head| size(head, [0xff; 12])),
        Failed(LOAD, &["size overflow"]),
    ),
    (
        "a size of 8 EiB in base 256",
        |tar| tar.head("data/h", EntryType::Regular, 0, |head| size(head, *b"\x80\0\0\0\x80\0\0\0\0\0\0\0")),
        Failed(LOAD, &["ends in the middle of data/h"]),
    ),
    (
        "an ignored member of 8 EiB",
        |tar| tar.head("elsewhere", EntryType::Regular, 0, |head| size(head, *b"\x80\0\0\0\x80\0\0\0\0\0\0\0")),
        Failed(LOAD, &["cannot be read"]),
    ),
    (
        "a folder of 8 EiB",
        |tar| tar.head("data/d/", EntryType::Directory, 0, |head| size(head, *b"\x80\0\0\0\x80\0\0\0\0\0\0\0")),
        Failed(LOAD, &["cannot be read"]),
    ),
    (
        "a pax size of nearly 16 EiB",
        |tar| tar.pax(&[("size", "18446744073709551615")]).member("data/h", EntryType::Regular, b"x"),
        Failed(LOAD, &["size overflow"]),
    ),
    (
        "a pax size of 8 EiB",
        |tar| tar.pax(&[("size", "9223372036854775808")]).member("data/h", EntryType::Regular, b"x"),
        Failed(LOAD, &["ends in the middle of data/h"]),
    ),
    (
        "a pax size that is no number, over one that is right",
        |tar| tar.pax(&[("size", "-1")]).file("right.txt", b"as its header says"),
        Archived,
    ),
    (
        "a pax size of nothing, so that the contents are read as the next header",
        |tar| {
            let hidden = tar::Header::from_byte_slice(&crate::bundle::header(
                crate::bundle::Format::Gnu,
                "data/hidden.txt",
                EntryType::Regular,
                "",
                0,
            ))
            .clone();
            tar.pax(&[("size", "0")]).member("data/cover.txt", EntryType::Regular, hidden.as_bytes())
        },
        Warned(&["data/cover.txt", "data/hidden.txt"]),
    ),
    (
        "metadata.txt of more than is taken",
        |tar| tar.pax(&[("comment", "x")]).member("metadata.txt", EntryType::Regular, &vec![b' '; (1 << 20) + 1]),
        Failed(LOAD, &["metadata.txt has 1048577 bytes", "at most 1048576"]),
    ),
    (
        "100,000 empty members",
        |mut tar| {
            for number in 0..100_000 {
                tar = tar.member(&format!("n/{number}"), EntryType::Regular, b"");
            }
            tar
        },
        Failed(LOAD, &["more than 20000 members"]),
    ),
    (
        "names of more than metadata.txt could list",
        |mut tar| {
            for number in 0..400 {
                tar = tar.member(&format!("data/{}{number}", "folder/".repeat(500)), EntryType::Regular, b"");
            }
            tar
        },
        Failed(LOAD, &["names of more than 1048576 bytes"]),
    ),
];

pub(super) const BARE: &[Bare] = &[(
    "metadata.txt that claims eight gibibytes",
    |tar| tar.head("metadata.txt", EntryType::Regular, 8 << 30, |_| {}).contents(b"[]").unfinished().0,
    Failed(LOAD, &[]),
)];
