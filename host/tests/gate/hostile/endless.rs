//! Tars that do not end, and would fill a disk or a memory if they were let.

use std::time::Duration;

use tar::EntryType;
use tokio::io::AsyncWriteExt as _;

use super::wire::{Ear, connect};
use super::{MIB, assert_goes_on, assert_spool_empties, forgetful};
use crate::bundle::{Format, header};
use crate::site::{JobState, Site};
use crate::wait::PATIENCE;

/// What the site takes.
const BODY: u64 = 256 * MIB;

/// What it begins with, and then comes again and again.
type Case = (&'static str, fn() -> Vec<u8>, fn() -> Vec<u8>);

const CASES: &[Case] = &[
    ("zeros", Vec::new, || vec![0; 64 << 10]),
    ("empty members", Vec::new, || header(Format::Gnu, "elsewhere/x", EntryType::Regular, "", 0).repeat(100)),
    ("empty files of one name", Vec::new, || header(Format::Gnu, "data/x", EntryType::Regular, "", 0)),
    ("one file", || header(Format::Gnu, "data/x", EntryType::Regular, "", 1 << 62), || vec![b'x'; 64 << 10]),
    (
        "one metadata.txt",
        || header(Format::Gnu, "metadata.txt", EntryType::Regular, "", 1 << 62),
        || vec![b' '; 64 << 10],
    ),
    (
        "one long name",
        || header(Format::Gnu, "././@LongLink", EntryType::GNULongName, "", 1 << 40),
        || vec![b'x'; 64 << 10],
    ),
    ("long names of members that have no row", Vec::new, || {
        let name = format!("data/{}", "n".repeat(900 << 10));
        let mut blocks = header(Format::Gnu, &name, EntryType::Regular, "", 0);
        blocks.truncate(blocks.len().next_multiple_of(512));
        blocks
    }),
    ("links with long names", Vec::new, || {
        let name = format!("elsewhere/{}", "n".repeat(900 << 10));
        header(Format::Gnu, &name, EntryType::Symlink, "x", 0)
    }),
    ("text", Vec::new, || b"this is no tar\n".repeat(4_000)),
];

#[tokio::test]
async fn what_does_not_end_is_ended_at_the_largest_body_and_takes_no_memory() {
    let site = forgetful().env("SLUICE_HTTP_MAX_BODY", BODY.to_string()).start().await;
    assert_goes_on(&site, "the start").await;
    for (name, begin, again) in CASES {
        let before = site.serve().memory("VmHWM");
        let state = pour(&site, name, begin(), &again()).await;
        assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "UPLOADING"), "{name}: {state:?}");
        assert!(state.exception.contains("larger than"), "{name}: {state:?}");
        let grown = site.serve().memory("VmHWM").saturating_sub(before);
        assert!(grown < 64 * MIB, "{name}: the program grew by {} MiB", grown / MIB);
        assert_goes_on(&site, name).await;
    }
    assert_spool_empties(&site).await;
}

/// Sends chunks until the gate has enough, and answers the state of the job. The answer must come while they are sent.
async fn pour(site: &Site, name: &str, begin: Vec<u8>, again: &[u8]) -> JobState {
    let before = site.jobs().await.len();
    let mut socket = connect(site).await;
    let (mut hears, mut says) = socket.split();
    let head = format!("POST /upload HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", site.address());
    let pouring = async {
        says.write_all(head.as_bytes()).await.expect("a head");
        let mut piece = [begin.as_slice(), again].concat();
        loop {
            let sent = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
            if says.write_all(&sent).await.is_err() {
                break;
            }
            again.clone_into(&mut piece);
        }
        std::future::pending::<()>().await;
    };
    let mut ear = Ear::default();
    let patience: Duration = 2 * PATIENCE;
    let heard = tokio::select! {
        heard = ear.until(&mut hears, 1, patience) => heard,
        () = pouring => unreachable!("it only sends"),
    };
    assert_eq!(heard.statuses(), [413], "{name}: {heard:?}");
    let jobs = site.jobs().await;
    assert_eq!(jobs.len(), before + 1, "{name}");
    let job = jobs.iter().filter_map(|job| job["job_id"].as_u64()).max().expect("a job");
    site.wait(job).await
}
