//! The deeds that take more than a line.

use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};

use sluice_sdk::lookup::{self, LookupError};
use sluice_sdk::{Bundle, Failure, File, Report, log, tables};

const MIB: usize = 1 << 20;

pub(crate) fn run_for_ever() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

pub(crate) fn call_for_ever(bundle: &Bundle<'_>) -> ! {
    loop {
        black_box(bundle.received());
    }
}

/// The frame is used after the call returns, so that the call cannot become a jump.
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if frame[0] == u64::MAX {
        return depth;
    }
    recurse(depth + 1) + black_box(frame)[63]
}

pub(crate) fn allocate_for_ever() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; MIB]));
    }
}

pub(crate) fn open_for_ever(bundle: &Bundle<'_>) -> Result<(), Failure> {
    let mut held = Vec::new();
    loop {
        held.push(first_file(bundle)?);
    }
}

pub(crate) fn read_for_ever(bundle: &Bundle<'_>) -> Result<(), Failure> {
    let mut file = first_file(bundle)?;
    let mut buffer = vec![0; MIB];
    loop {
        while file.read(&mut buffer)? > 0 {}
        file.seek(SeekFrom::Start(0))?;
    }
}

fn first_file(bundle: &Bundle<'_>) -> Result<File, Failure> {
    let file = bundle.files().next().and_then(|file| bundle.open(&file.path));
    file.ok_or_else(|| Failure::Other("the bundle has no file that can be opened".to_owned()))
}

pub(crate) fn log_for_ever() -> ! {
    loop {
        log::info("one line of many");
    }
}

pub(crate) fn long_text(mib: Option<usize>) -> String {
    "x".repeat(mib.unwrap_or(64) * MIB)
}

pub(crate) fn look_up(table: &str, bundle: &Bundle<'_>, report: &mut Report) {
    let project = bundle.project().unwrap_or_default();
    match tables::row(table, project) {
        Ok(Some(row)) => {
            let cells: Vec<_> = row.iter().map(|(column, cell)| format!("{column}={cell}")).collect();
            report.info("row", cells.join(","));
            let rows = tables::rows(table).map_or(0, Iterator::count);
            report.info("rows", rows.to_string());
        }
        Ok(None) => {
            report.error("no-row", format!("{table} has no {project}"));
        }
        Err(error) => {
            report.info("refused", error.to_string());
        }
    }
}

/// What every one of these URLs answers, or why none.
pub(crate) fn ask(urls: &str, times: usize, report: &mut Report) {
    for url in urls.split_whitespace().cycle().take(urls.split_whitespace().count() * times) {
        let (code, message) = match lookup::get(url) {
            Ok(answer) => {
                let kind = answer.content_type.as_deref().unwrap_or("none");
                ("answer", format!("{} {kind} {}", answer.status, answer.text()))
            }
            Err(error) => {
                let code = match error {
                    LookupError::Denied(_) => "denied",
                    LookupError::Timeout => "timeout",
                    LookupError::TooLarge => "too-large",
                    LookupError::Unavailable(_) => "unavailable",
                    LookupError::Other(_) => "other",
                };
                (code, error.to_string())
            }
        };
        report.info(code, message);
    }
}

pub(crate) fn times_before() -> u64 {
    static TIMES: AtomicU64 = AtomicU64::new(0);
    TIMES.fetch_add(1, Ordering::Relaxed)
}
