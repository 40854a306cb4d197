//! Sources of moves that are exchanged between their check and their use: for links, for pipes, for other files, and so are the
//! folders that they lie in. Nothing outside is read, moved or written over, and nothing but what was checked is archived.

mod always;
mod back;
mod exchanges;
mod twice;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha1::{Digest as _, Sha1};
use sluice::failpoint::Point;
use tempfile::TempDir;

use super::assert_plain;
use crate::bundle::tree;
use crate::durability::failpoints::Failpoints;
use crate::site::{JobState, Options, Site};
use crate::wait::{PATIENCE, until};

const CHECKED: &[u8] = b"what was checked\n";
const SECRET: &[u8] = b"what nobody may\n\n";

/// A site whose moves can be held, a root that anybody can write to, and a file outside it.
struct Scene {
    site: Site,
    failpoints: Failpoints,
    root: TempDir,
    outside: TempDir,
}

impl Scene {
    /// With its root on the archive's file system, so that files are renamed in.
    async fn near() -> Self {
        Self::with(tempfile::Builder::new().prefix("sluice-races-").tempdir().expect("a temporary folder")).await
    }

    /// With its root on another, so that they are copied; none where there is no other.
    async fn far() -> Option<Self> {
        let root = tempfile::Builder::new().prefix("sluice-races-").tempdir_in("/dev/shm").ok()?;
        let here = std::fs::metadata(std::env::temp_dir()).ok()?.dev();
        if root.path().metadata().ok()?.dev() == here {
            eprintln!("\n**** SKIPPED: there is no second file system ****\n");
            return None;
        }
        Some(Self::with(root).await)
    }

    async fn with(root: TempDir) -> Self {
        let failpoints = Failpoints::new();
        // Beside the root and on its file system: what a rename or a hard link could reach.
        let beside = root.path().parent().expect("a folder").to_owned();
        let outside = tempfile::Builder::new().prefix("sluice-outside-").tempdir_in(beside).expect("a folder");
        std::fs::write(outside.path().join("file.txt"), SECRET).expect("a secret");
        let options = failpoints.of(Options::default()).env("SLUICE_WORKER_LEASE", "2s");
        let site = options.move_root(root.path()).start().await;
        Self { site, failpoints, root, outside }
    }

    /// The file that a move is to take: `folder/file.txt` below the root.
    fn source(&self) -> PathBuf {
        self.root.path().join("folder/file.txt")
    }

    fn secret(&self) -> PathBuf {
        self.outside.path().join("file.txt")
    }

    fn put_source(&self) {
        drop(std::fs::remove_dir_all(self.source().parent().expect("a folder")));
        std::fs::create_dir_all(self.source().parent().expect("a folder")).expect("a folder");
        std::fs::write(self.source(), CHECKED).expect("a source");
    }

    /// Moves the source, exchanges it when the move has come to a point, and answers what became of the job.
    async fn exchange_at(&self, point: Point, exchange: fn(&Self)) -> (u64, JobState) {
        self.put_source();
        let job = self.hold_move(point).await;
        exchange(self);
        self.failpoints.clear();
        (job, self.site.wait(job).await)
    }

    /// Begins to move the source, and holds the move at a point.
    async fn hold_move(&self, point: Point) -> u64 {
        let held = self.hold(point);
        let job = self.site.move_(&document(&[(self.source(), CHECKED)])).await;
        held.await;
        job
    }

    /// Orders that a point holds whoever comes there, instead of what was ordered before; the answer comes when it does.
    fn hold(&self, point: Point) -> impl Future<Output = ()> {
        let before = self.failpoints.reached().len();
        self.failpoints.set(&[(point, "hold")]);
        async move {
            until(PATIENCE, &format!("the move is at {}", point.name()), || async {
                (self.failpoints.reached().len() > before).then_some(())
            })
            .await;
        }
    }

    /// The secret is where it was, and nothing of it is in the archive, which holds files and nothing else.
    async fn assert_nothing_got_out(&self, job: u64, name: &str) {
        assert_eq!(std::fs::read(self.secret()).expect("the secret"), SECRET, "{name}");
        assert_eq!(std::fs::read_dir(self.outside.path()).expect("a folder").count(), 1, "{name}: something came");
        assert_plain(&self.site.archive(), name);
        assert!(!tree(&self.site.archive()).values().any(|contents| contents == SECRET), "{name}: it is archived");
        for (path, contents) in self.site.files(job).await {
            assert!(contents == CHECKED, "{name}: {path} has other contents");
        }
    }
}

/// The document of a move of these files.
fn document(files: &[(PathBuf, &[u8])]) -> String {
    let mut rows = vec![
        json!({"destinationTable": "Transactions.submitter", "value": 10}),
        json!({"destinationTable": "Transactions.project", "value": "1234a"}),
        json!({"destinationTable": "Transactions.instrument", "value": 54}),
    ];
    rows.extend(files.iter().map(|(source, contents)| {
        let name = source.file_name().and_then(|name| name.to_str()).expect("a name");
        json!({
            "destinationTable": "Files", "name": name, "subdir": "", "size": contents.len(), "source": source,
            "mimetype": "text/plain", "hashtype": "sha1", "hashsum": hex::encode(Sha1::digest(contents)),
            "ctime": "2018-01-25T16:54:50", "mtime": "2018-01-25T16:54:50",
        })
    }));
    json!(rows).to_string()
}

/// Puts something at a path in one step, so that it is never empty: it is made aside first.
fn swap_in(at: &Path, make: impl FnOnce(&Path)) {
    let aside = at.with_extension("aside");
    make(&aside);
    std::fs::rename(aside, at).expect("an exchange");
}
