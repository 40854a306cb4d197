//! Everything the bundle interface gives, as findings: the code says what it is, the message has the value.

use std::fmt::Write;
use std::io::Read;

use serde_json::{Value, json};
use sluice_sdk::{Bundle, Failure, FileInfo, JobKind, KeyValue, Report, TransactionField};

use crate::Config;

/// As many bytes of each file are given.
const HEAD: u64 = 64;

pub(crate) fn everything(config: &Config, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
    report.info("config", json!(config).to_string());
    report.info("job-id", bundle.job_id().to_string());
    report.info("kind", kind(&bundle.kind()));
    report.info("user", bundle.user());
    report.info("received", bundle.received().to_string());
    for field in TransactionField::ALL {
        // A value that is missing differs from one that is empty: `null` and `""`.
        report.info(field.name(), json!(bundle.transaction(field)).to_string()).at(bundle.locate(field));
    }
    for (index, row) in bundle.key_values().iter().enumerate() {
        report.info("key-value", key_value(row).to_string()).at(bundle.locate_key_value(index));
    }
    report.info("file-count", bundle.file_count().to_string());
    for info in bundle.files() {
        report.info("file", file(&info).to_string()).at_file(info.path.as_str());
        for row in bundle.file_key_values(&info) {
            report.info("file-key-value", key_value(&row).to_string()).at_file(info.path.as_str());
        }
        if let Some(open) = bundle.open(&info.path) {
            report.info("true-size", open.size().to_string()).at_file(info.path.as_str());
            let mut head = Vec::new();
            open.take(HEAD).read_to_end(&mut head)?;
            report.info("head", hexadecimal(&head)).at_file(info.path.as_str());
        }
    }
    report.info("metadata-length", bundle.metadata_json().len().to_string());
    Ok(())
}

fn kind(kind: &JobKind) -> String {
    match kind {
        JobKind::Upload => "upload".to_owned(),
        JobKind::Move => "move".to_owned(),
        other => format!("{other:?}"),
    }
}

fn key_value(row: &KeyValue) -> Value {
    json!({"key": row.key, "value": row.value})
}

fn file(info: &FileInfo) -> Value {
    json!({
        "index": info.index,
        "id": info.id,
        "row": info.row,
        "path": info.path,
        "size": info.size,
        "mimetype": info.mimetype,
        "hash_type": info.hash_type,
        "hash_sum": info.hash_sum,
        "ctime": info.ctime,
        "mtime": info.mtime,
        "source": info.source,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
