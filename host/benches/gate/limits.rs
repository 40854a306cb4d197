//! What the machine gives without any gate.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use sha1::{Digest as _, Sha1};

use crate::results::{Results, median};
use crate::server::scratch;

/// Commits, and bytes through the disk and through the hash function.
pub(crate) fn run(results: &mut Results) -> anyhow::Result<()> {
    let folder = scratch()?;
    let file = File::create(folder.path().join("sync"))?;
    let began = Instant::now();
    let mut syncs = 0;
    while began.elapsed().as_secs_f64() < 2.0 {
        file.write_all_at(&[0; 4096], syncs * 4096)?;
        file.sync_data()?;
        syncs += 1;
    }
    results.add("limits: 4 KiB written and synced", syncs as f64 / began.elapsed().as_secs_f64(), "/s");

    let block = vec![7_u8; 1 << 20];
    let (mut write, mut hash) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let began = Instant::now();
        let mut file = File::create(folder.path().join("plain"))?;
        for _ in 0..1024 {
            file.write_all(&block)?;
        }
        file.sync_all()?;
        write.push(1024.0 / began.elapsed().as_secs_f64());
        let began = Instant::now();
        let mut hasher = Sha1::new();
        for _ in 0..1024 {
            hasher.update(&block);
        }
        std::hint::black_box(hasher.finalize());
        hash.push(1024.0 / began.elapsed().as_secs_f64());
    }
    results.add("limits: 1 GiB written and synced", median(&mut write), "MiB/s");
    results.add("limits: 1 GiB hashed (SHA-1)", median(&mut hash), "MiB/s");
    Ok(())
}
