//! A tar stream that was received whole is in the spool as its manifest says, and nothing else is; one that broke off leaves
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Component, Path};

use sluice::model::{Digest, JobId};
use sluice::spool::{BodyError, Fault, Manifest, MemberLimits, ReceiveError, Spool};

const LIMITS: MemberLimits = MemberLimits { metadata: 64 << 10, members: 1_000 };

pub(crate) fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), LIMITS).expect("a spool");

    for sent in [0, data.len() / 2, data.len()] {
        let body = CutOff { sent: &data[..sent] };
        let error = spool.receive_tar(JobId::new(1), body).expect_err("the body broke off");
        assert!(matches!(error, ReceiveError::Body(BodyError::Lost(_))), "{error}");
        assert_eq!(below(folder.path()), BTreeMap::new(), "something is left");
    }

    let job = JobId::new(2);
    let manifest = spool.receive_tar(job, data).expect("it was received");
    received(&spool, job, &manifest);
    assert_eq!(spool.manifest(job).expect("it is read"), Some(manifest));
    assert_eq!(spool.jobs().expect("they are listed"), [job]);

    spool.remove(job).expect("it is removed");
    assert_eq!(below(folder.path()), BTreeMap::new(), "something is left");
}

/// A body whose client goes away.
struct CutOff<'a> {
    sent: &'a [u8],
}

impl Read for CutOff<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.sent.read(buffer)? {
            0 => Err(io::Error::other(BodyError::Lost("reset".to_owned()))),
            count => Ok(count),
        }
    }
}

fn received(spool: &Spool, job: JobId, manifest: &Manifest) {
    let mut files = below(&spool.job_folder(job));
    assert!(files.remove("manifest.json").is_some());
    let document = files.remove("metadata.txt");
    assert_eq!(document.is_some(), manifest.metadata);
    assert!(document.is_none_or(|document| document.len() as u64 <= LIMITS.metadata));

    let mut paths = BTreeSet::new();
    for member in &manifest.members {
        let path = member.path.as_str();
        assert!(paths.insert(path), "{path:?} is there twice");
        assert!(Path::new(path).components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
        let contents = files.remove(&member.number.to_string()).expect("its file, which is no other member's");
        // Of a tar that broke within a path's second coming, the first one is spoilt, and nobody will look at it.
        if manifest.fault.is_none() {
            assert_eq!(contents.len() as u64, member.size, "{path:?}");
            assert_eq!(Digest::of(member.digest.kind, &contents), member.digest, "{path:?}");
        }
    }
    // The member in which a tar broke.
    assert!(files.len() <= usize::from(manifest.fault.is_some()), "{:?} belong to nobody", files.keys());

    assert!(manifest.ignored.len() <= 1_000);
    for ignored in &manifest.ignored {
        assert!(ignored.path.len() < 5_000 && ignored.reason.len() < 5_000);
    }
    if let Some(Fault::NoTar(what) | Fault::Broken(what) | Fault::Metadata(what)) = &manifest.fault {
        assert!((1..20_000).contains(&what.len()), "{what}");
    }
}

/// All files below a folder, which hold no links and no devices.
fn below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        assert!(entry.file_type().expect("its type").is_file(), "{:?}", entry.path());
        let name = entry.file_name().into_string().expect("a name that is text");
        files.insert(name, std::fs::read(entry.path()).expect("contents"));
    }
    files
}
