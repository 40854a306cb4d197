//! A tar, taken apart while it arrives.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

use tar::EntryType;

use super::manifest::{Fault, Ignored, Manifest, Member};
use super::{METADATA, body::BodyError};
use crate::failpoint::{self, Point};
use crate::model::{BundlePath, Document, HashKind, shortened};

/// What a bundle may have at most.
#[derive(Clone, Copy, Debug)]
pub struct MemberLimits {
    /// Bytes of metadata.txt.
    pub metadata: u64,
    /// Members of all kinds.
    pub members: u64,
}

/// A header with its extensions (long names, pax records) has at most this many bytes. The tar crate keeps them in
/// memory, so a header that claims more must not be read.
const HEADER_BYTES: u64 = 1 << 20;
/// Read and written at once, at the most and at the least.
const BUFFER: u64 = 256 << 10;
const SMALLEST_BUFFER: u64 = 4 << 10;
/// Ignored members that are listed by name.
const LISTED: usize = 1_000;
/// Bytes of a name that are shown where it cannot be taken.
const NAMED: usize = 100;

/// A reader that counts, and refuses to read more than it was allotted.
struct Allotted<R> {
    inner: R,
    left: Rc<Cell<u64>>,
    read: Rc<Cell<u64>>,
    /// The first bytes of all.
    start: Rc<Cell<[u8; 6]>>,
}

impl<R: Read> Read for Allotted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let before = self.read.replace(self.read.get() + count as u64) as usize;
        let mut start = self.start.get();
        if let Some(rest) = start.get_mut(before..) {
            let new = count.min(rest.len());
            rest[..new].copy_from_slice(&buffer[..new]);
            self.start.set(start);
        }
        match self.left.get().checked_sub(count as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "a member's header is too long")),
        }
        Ok(count)
    }
}

/// How a member could not be received.
enum Stop {
    /// The tar is at fault: noted in the manifest.
    Tar(String),
    /// The client or the disk is.
    Io(io::Error),
}

/// Reads a tar to its end or to its first fault, which is noted in the manifest. The error is the client's or the
/// disk's.
pub(super) fn receive(folder: &Path, limits: &MemberLimits, body: impl Read) -> io::Result<Manifest> {
    let (left, read, start) = (Rc::new(Cell::new(u64::MAX)), Rc::new(Cell::new(0)), Rc::new(Cell::default()));
    let allotted = Allotted { inner: body, left: left.clone(), read: read.clone(), start: start.clone() };
    let mut archive = tar::Archive::new(allotted);
    let mut receiver = Receiver {
        folder,
        limits,
        manifest: Manifest::default(),
        seen: 0,
        names: 0,
        hash_kinds: HashMap::new(),
        by_path: HashMap::new(),
        unread: None,
        buffer: Vec::new(),
    };
    let stopped = receiver.all(&mut archive, &left);
    let Receiver { mut manifest, seen, .. } = receiver;
    match stopped {
        Ok(()) if read.get() == 0 => manifest.fault = Some(Fault::NoTar("the bundle is empty".to_owned())),
        Ok(()) => {}
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::Tar(what)) if seen == 0 => {
            manifest.fault = Some(Fault::NoTar(match compressed(&start.get()) {
                Some(format) => format!("the bundle is compressed ({format}); send the tar itself"),
                None => what,
            }));
        }
        Err(Stop::Tar(what)) => manifest.fault = Some(Fault::Broken(format!("{what}, after {seen} members"))),
    }
    Ok(manifest)
}

struct Receiver<'a> {
    folder: &'a Path,
    limits: &'a MemberLimits,
    manifest: Manifest,
    /// Members of all kinds.
    seen: u64,
    /// Bytes of the names of data members.
    names: u64,
    /// metadata.txt, while nothing has asked what it says.
    unread: Option<Vec<u8>>,
    /// What metadata.txt says of hash functions, where it came before the data.
    hash_kinds: HashMap<BundlePath, HashKind>,
    /// Places in the manifest.
    by_path: HashMap<BundlePath, usize>,
    buffer: Vec<u8>,
}

impl Receiver<'_> {
    fn all<R: Read>(&mut self, archive: &mut tar::Archive<R>, left: &Cell<u64>) -> Result<(), Stop> {
        let mut entries = archive.entries().map_err(of_tar)?;
        loop {
            left.set(HEADER_BYTES);
            let Some(entry) = entries.next() else { return Ok(()) };
            let mut entry = entry.map_err(of_tar)?;
            left.set(u64::MAX);
            self.seen += 1;
            if self.seen > self.limits.members {
                return Err(Stop::Tar(format!("it has more than {} members", self.limits.members)));
            }
            self.one(&mut entry)?;
            // Whatever is left of it must not count as the next one's header.
            self.skip(&mut entry)?;
        }
    }

    fn one<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Stop> {
        let bytes = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        // Tars of the oldest kind know folders by the slash alone.
        if kind == EntryType::Directory || kind == EntryType::XGlobalHeader || bytes.ends_with(b"/") {
            return Ok(());
        }
        if kind == EntryType::GNUSparse {
            // Its holes would have to be read through to get past it, and they may be of any size.
            return Err(Stop::Tar("it has a sparse member; send files whole".to_owned()));
        }
        let path = match String::from_utf8(bytes) {
            Ok(path) => path,
            Err(error) => {
                let bytes = error.as_bytes();
                let start = String::from_utf8_lossy(&bytes[..bytes.len().min(NAMED)]);
                return self.ignore(&start, "its name is not UTF-8");
            }
        };
        // The manifest keeps all names, so longer ones must not be kept, whatever they are of.
        if path.len() > BundlePath::LONGEST {
            let start = &path[..path.floor_char_boundary(NAMED)];
            let reason = format!("its name has {} bytes; at most {} are taken", path.len(), BundlePath::LONGEST);
            return self.ignore(&format!("{start}…"), &reason);
        }
        if let Some(reason) = refused(kind) {
            return self.ignore(&path, reason);
        }
        if is_sparse(entry) {
            return self.ignore(&path, "it is sparse; send the file whole");
        }
        if path.trim_start_matches("./") == METADATA {
            return self.metadata(entry);
        }
        match BundlePath::of_member(&path) {
            Ok(Some(member)) => self.data(entry, member),
            Ok(None) => self.ignore(&path, "it is neither metadata.txt nor below data/"),
            Err(error) => self.ignore(&path, &error.to_string()),
        }
    }

    fn ignore(&mut self, path: &str, reason: &str) -> Result<(), Stop> {
        if self.manifest.ignored.len() < LISTED {
            // A thousand of them are to fit into a small list.
            self.manifest.ignored.push(Ignored { path: shortened(path), reason: reason.to_owned() });
        }
        Ok(())
    }

    fn metadata<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Stop> {
        let (size, most) = (entry.size(), self.limits.metadata);
        let fault = if self.manifest.metadata {
            Some("the bundle has metadata.txt twice, and which one counts cannot be known".to_owned())
        } else if size > most {
            Some(format!("metadata.txt has {size} bytes; this site takes at most {most}"))
        } else {
            None
        };
        if fault.is_some() {
            self.manifest.fault = fault.map(Fault::Metadata);
            return Ok(());
        }
        let mut document = Vec::new();
        read_whole(entry, &mut document)?;
        std::fs::write(self.folder.join(METADATA), &document).map_err(Stop::Io)?;
        self.manifest.metadata = true;
        self.unread = Some(document);
        Ok(())
    }

    /// The hash function that metadata.txt wants for a member, where it came before it; what else is wrong with the document
    /// is a task's to say. Mostly it comes last, and is not read here at all.
    fn hash_kind(&mut self, path: &BundlePath) -> HashKind {
        if let Some(Ok(document)) = self.unread.take().map(Document::parse) {
            let kinds = document.files().iter().filter_map(|file| {
                let kind: HashKind = file.hash_type.parse().ok()?;
                Some((file.path.clone().ok()?, kind))
            });
            self.hash_kinds = kinds.filter(|(_, kind)| *kind != HashKind::default()).collect();
        }
        self.hash_kinds.get(path).copied().unwrap_or_default()
    }

    /// Makes room to read so many bytes, as far as they are read at once.
    fn make_room(&mut self, bytes: u64) {
        let wanted = bytes.clamp(SMALLEST_BUFFER, BUFFER) as usize;
        if self.buffer.len() < wanted {
            self.buffer = vec![0; wanted];
        }
    }

    fn data<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, path: BundlePath) -> Result<(), Stop> {
        // Whatever is to be archived has a row, so that its name is in metadata.txt as well.
        self.names += path.as_str().len() as u64;
        if self.names > self.limits.metadata {
            let most = self.limits.metadata;
            return Err(Stop::Tar(format!("its members have names of more than {most} bytes together")));
        }
        let kind = self.hash_kind(&path);
        self.make_room(entry.size());
        // A path that comes again replaces what came before, as it would where a tar is unpacked.
        let place = self.by_path.get(&path).copied();
        let number = place.unwrap_or(self.manifest.members.len());
        let number = u32::try_from(number).map_err(|_| Stop::Tar("it has too many members".to_owned()))?;
        let mut file = create(&self.folder.join(number.to_string())).map_err(Stop::Io)?;
        let mut hasher = kind.hasher();
        let mut size = 0;
        loop {
            let count = read_some(entry, &mut self.buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&self.buffer[..count]);
            failpoint::reach(Point::SpoolMember).map_err(Stop::Io)?;
            file.write_all(&self.buffer[..count]).map_err(Stop::Io)?;
            size += count as u64;
        }
        if size != entry.size() {
            return Err(Stop::Tar(format!("it ends in the middle of data/{path}")));
        }
        // What the uploader says of the file's age goes on with it into the archive. Where it cannot, nothing is lost.
        let modified = entry.header().mtime().map(std::time::Duration::from_secs).ok();
        if let Some(modified) = modified.and_then(|since| std::time::UNIX_EPOCH.checked_add(since)) {
            drop(file.set_modified(modified));
        }
        let member = Member { path: path.clone(), number, size, digest: hasher.finish() };
        match place {
            Some(place) => self.manifest.members[place] = member,
            None => {
                self.by_path.insert(path, self.manifest.members.len());
                self.manifest.members.push(member);
            }
        }
        Ok(())
    }

    fn skip<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Stop> {
        self.make_room(entry.size());
        while read_some(entry, &mut self.buffer)? > 0 {}
        Ok(())
    }
}

/// Whether a member is a sparse file as pax has them: only what is between its holes, under a header that says so.
fn is_sparse<R: Read>(entry: &mut tar::Entry<'_, R>) -> bool {
    let records = entry.pax_extensions().ok().flatten();
    records.is_some_and(|records| records.flatten().any(|record| record.key_bytes().starts_with(b"GNU.sparse.")))
}

/// Why members of this kind are not taken.
fn refused(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous => None,
        EntryType::Symlink | EntryType::Link => Some("it is a link; send the file itself"),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Some("it is a device, not a file"),
        _ => Some("it is not a regular file"),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)
}

fn read_some(entry: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Stop> {
    loop {
        match entry.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(of_tar),
        }
    }
}

fn read_whole<R: Read>(entry: &mut tar::Entry<'_, R>, into: &mut Vec<u8>) -> Result<(), Stop> {
    entry.read_to_end(into).map_err(of_tar)?;
    if into.len() as u64 == entry.size() {
        Ok(())
    } else {
        Err(Stop::Tar("it ends in the middle of metadata.txt".to_owned()))
    }
}

/// What a bundle is compressed with, by its first bytes.
fn compressed(start: &[u8; 6]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 5] = [
        (&[0x1f, 0x8b], "gzip"),
        (b"BZh", "bzip2"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (b"PK\x03\x04", "zip"),
    ];
    MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, format)| *format)
}

/// An error that came through the tar crate: the client's, or the tar's own.
fn of_tar(error: io::Error) -> Stop {
    // The crate wraps an error in one of its own, with the first as its cause.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = cause {
        if let Some(body) = inner.downcast_ref::<BodyError>() {
            return Stop::Io(io::Error::other(body.clone()));
        }
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && let Some(body) = io.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>())
        {
            return Stop::Io(io::Error::other(body.clone()));
        }
        cause = inner.source();
    }
    Stop::Tar(format!("the tar cannot be read: {}", shortened(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MemberLimits = MemberLimits { metadata: 1 << 20, members: 100 };

    fn received(tar: &[u8]) -> (tempfile::TempDir, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        let manifest = receive(folder.path(), &LIMITS, tar).unwrap();
        (folder, manifest)
    }

    fn header(path: &str, kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    #[test]
    fn members_are_written_under_numbers_and_hashed_on_the_way() {
        let mut tar = tar::Builder::new(Vec::new());
        tar.append(&header("data/a/x", EntryType::Regular, 3), &b"abc"[..]).unwrap();
        tar.append(&header("metadata.txt", EntryType::Regular, 2), &b"[]"[..]).unwrap();
        let (folder, manifest) = received(&tar.into_inner().unwrap());
        let [member] = &manifest.members[..] else { panic!("one member") };
        assert_eq!((member.path.as_str(), member.size), ("a/x", 3));
        assert_eq!(member.digest.to_string(), "sha1:a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(std::fs::read(folder.path().join("0")).unwrap(), b"abc");
        assert!(manifest.metadata && manifest.fault.is_none());
    }

    #[test]
    fn metadata_that_comes_first_chooses_the_hash_functions() {
        let rows = br#"[{"destinationTable": "Files", "name": "x", "subdir": "a", "hashtype": "md5"}]"#;
        let mut tar = tar::Builder::new(Vec::new());
        tar.append(&header("metadata.txt", EntryType::Regular, rows.len() as u64), &rows[..]).unwrap();
        tar.append(&header("data/a/x", EntryType::Regular, 3), &b"abc"[..]).unwrap();
        let (_folder, manifest) = received(&tar.into_inner().unwrap());
        assert_eq!(manifest.members[0].digest.to_string(), "md5:900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn a_header_that_claims_gigabytes_is_not_read_into_memory() {
        let mut tar = header("././@LongLink", EntryType::GNULongName, 8 << 30).as_bytes().to_vec();
        tar.resize(4 << 20, b'x');
        let (_folder, manifest) = received(&tar);
        let Some(Fault::NoTar(what)) = manifest.fault else { panic!("a fault: {:?}", manifest.fault) };
        assert!(what.contains("header is too long"), "{what}");
    }

    #[test]
    fn more_members_than_are_taken_are_a_fault() {
        let mut tar = tar::Builder::new(Vec::new());
        for number in 0..=LIMITS.members {
            tar.append(&header(&format!("data/{number}"), EntryType::Regular, 0), io::empty()).unwrap();
        }
        let (_folder, manifest) = received(&tar.into_inner().unwrap());
        assert!(matches!(manifest.fault, Some(Fault::Broken(what)) if what.contains("more than 100 members")));
    }

    #[test]
    fn a_client_that_goes_away_is_no_fault_of_the_tar() {
        struct Gone(io::Cursor<Vec<u8>>);
        impl Read for Gone {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::Error::other(BodyError::Lost("reset".to_owned()))),
                    count => Ok(count),
                }
            }
        }
        let mut tar = header("data/x", EntryType::Regular, 4 << 10).as_bytes().to_vec();
        tar.extend([0; 1_000]);
        let folder = tempfile::tempdir().unwrap();
        let error = receive(folder.path(), &LIMITS, Gone(io::Cursor::new(tar))).unwrap_err();
        assert!(matches!(error.downcast::<BodyError>(), Ok(BodyError::Lost(_))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_receiver_fail_or_write_outside_its_folder(bytes: Vec<u8>, at in 0_usize..1_024) {
            let mut tar = header("data/x", EntryType::Regular, 8).as_bytes().to_vec();
            tar.extend(b"12345678");
            tar.resize(1_024, 0);
            tar.splice(at.min(tar.len()).., bytes);
            let (folder, manifest) = received(&tar);
            let written = std::fs::read_dir(folder.path()).unwrap().count();
            proptest::prop_assert!(written <= manifest.members.len() + 2);
        }
    }
}
