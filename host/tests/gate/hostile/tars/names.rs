//! Names that climb, point elsewhere, clash, or are none.

use tar::EntryType;

use super::End::{Archived, Failed, Warned};
use super::{ANY, Case, FILES, LOAD};

pub(super) const CASES: &[Case] = &[
    (
        "a pax path that climbs over a harmless name",
        |tar| tar.pax(&[("path", "../escaped-1.txt")]).member("data/harmless.txt", EntryType::Regular, b"x"),
        Warned(&["escaped-1.txt", "neither metadata.txt nor below data/"]),
    ),
    (
        "a pax path that climbs out of data/",
        |tar| tar.pax(&[("path", "data/a/../../../escaped-2.txt")]).member("data/h", EntryType::Regular, b"x"),
        Warned(&["escaped-2.txt", "\\\"..\\\""]),
    ),
    (
        "an absolute pax path",
        |tar| {
            let path = format!("{}/escaped-3.txt", tar.outside);
            tar.pax(&[("path", &path)]).member("data/h", EntryType::Regular, b"x")
        },
        Warned(&["escaped-3.txt"]),
    ),
    (
        "a pax path that makes metadata.txt of a harmless name",
        |tar| tar.pax(&[("path", "./metadata.txt")]).member("data/h", EntryType::Regular, b"[]"),
        Failed(LOAD, &["metadata.txt twice"]),
    ),
    (
        "a NUL in a pax path",
        |tar| tar.pax(&[("path", "data/a\0b.txt")]).member("data/h", EntryType::Regular, b"x"),
        Warned(&["NUL character"]),
    ),
    (
        "a global pax header that renames all that follows",
        |tar| tar.member("g", EntryType::XGlobalHeader, b"21 path=metadata.txt\n").file("after.txt", b"after"),
        Archived,
    ),
    (
        "a link to a folder outside, and a listed file behind it",
        |tar| {
            let outside = tar.outside.clone();
            tar.link("data/dir", EntryType::Symlink, &outside).file("dir/planned.txt", b"behind the link")
        },
        Warned(&["data/dir", "it is a link"]),
    ),
    (
        "a link to a file outside, and a listed file of its name",
        |tar| {
            let secret = format!("{}/secret.txt", tar.outside);
            tar.link("data/twice.txt", EntryType::Symlink, &secret).file("twice.txt", b"not the secret")
        },
        Warned(&["data/twice.txt"]),
    ),
    (
        "a hard link to a file outside, and a listed file of its name",
        |tar| {
            let secret = format!("{}/secret.txt", tar.outside);
            tar.link("data/hard.txt", EntryType::Link, &secret).file("hard.txt", b"not the secret")
        },
        Warned(&["data/hard.txt"]),
    ),
    (
        "a link whose target is in a pax record",
        |tar| {
            let secret = format!("{}/secret.txt", tar.outside);
            tar.pax(&[("linkpath", &secret)]).link("data/pax-link", EntryType::Symlink, "good.txt")
        },
        Warned(&["data/pax-link", "it is a link"]),
    ),
    (
        "a hard link to metadata.txt before there is one",
        |tar| tar.link("metadata.txt", EntryType::Link, "data/good.txt"),
        Warned(&["metadata.txt", "it is a link"]),
    ),
    (
        "a device called metadata.txt",
        |tar| tar.member("metadata.txt", EntryType::Char, b""),
        Warned(&["metadata.txt", "it is a device"]),
    ),
    (
        "a pipe and a device of a listed file's name, before it",
        |tar| {
            let tar =
                tar.member("data/later.txt", EntryType::Fifo, b"").member("data/later.txt", EntryType::Block, b"");
            tar.file("later.txt", b"a file at last")
        },
        Warned(&["data/later.txt"]),
    ),
    (
        "one name in four spellings, of which the last counts",
        |tar| {
            let tar = tar.member("./data/same.txt", EntryType::Regular, b"1");
            let tar = tar.member("data//same.txt", EntryType::Regular, b"2");
            tar.member("data/./same.txt", EntryType::Regular, b"3").file("same.txt", b"the last")
        },
        Archived,
    ),
    ("names that differ in case", |tar| tar.file("Case.txt", b"upper").file("case.txt", b"lower"), Archived),
    (
        "names that differ in their normal form",
        |tar| tar.file("caf\u{e9}.txt", b"composed").file("cafe\u{301}.txt", b"decomposed"),
        Archived,
    ),
    (
        "names that are folders on other systems",
        |tar| tar.file("C:\\windows\\x.txt", b"a backslash").file("CON", b"a device").file("~root", b"a home"),
        Archived,
    ),
    (
        "a listed name with an escape sequence",
        |tar| tar.file("\u{1b}[2Jcleared.txt", b"x"),
        Failed(FILES, &["control character"]),
    ),
    (
        "an unlisted name with control characters",
        |tar| tar.member("data/\u{1b}[31m\r\n\u{202e}txt.exe", EntryType::Regular, b"x"),
        Warned(&["txt.exe", "no Files row lists it"]),
    ),
    (
        "a name that is not UTF-8",
        |tar| {
            let name = |head: &mut tar::Header| head.as_old_mut().name[..8].copy_from_slice(b"data/\xff\xfe\x80");
            tar.head("data/xyz", EntryType::Regular, 1, name).contents(b"x")
        },
        Warned(&["not UTF-8"]),
    ),
    ("a part of a name with 256 bytes", |tar| tar.file(&"n".repeat(256), b"x"), Failed(FILES, &["255 bytes"])),
    ("a path of 3,500 bytes", |tar| tar.file(&format!("{}x", "folder/".repeat(500)), b"x"), Failed(ANY, &[])),
    (
        "an unlisted path of 5,000 bytes",
        |tar| tar.member(&format!("data/{}x", "folder/".repeat(714)), EntryType::Regular, b"x"),
        Warned(&["4096"]),
    ),
    (
        "a file whose name ends in a slash",
        |tar| tar.member("data/folder.txt/", EntryType::Regular, b"what a folder has not"),
        Archived,
    ),
    ("a file called data", |tar| tar.member("data", EntryType::Regular, b"x"), Warned(&["the path is empty"])),
];
