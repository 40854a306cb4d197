//! Bundles for the workloads: files of noise, and metadata last, as the real uploader sends it.

use bytes::Bytes;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

/// A bundle of so many files of so many bytes each, whole.
pub(crate) fn bundle(files: usize, size: usize, seed: u64) -> Bytes {
    let mut tar = tar::Builder::new(Vec::with_capacity(files * (size + 1_536) + (1 << 16)));
    let mut rows = transaction();
    for number in 0..files {
        let contents = noise(size, seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let name = format!("{number:06}.dat");
        append(&mut tar, &format!("data/run/{name}"), &contents);
        rows.push(row(&name, &contents));
    }
    append(&mut tar, "metadata.txt", Value::from(rows).to_string().as_bytes());
    tar.into_inner().expect("a tar in memory").into()
}

/// The metadata of so many files, each of which has a key of its own.
pub(crate) fn keyed(files: usize) -> String {
    let mut rows = transaction();
    for number in 0..files {
        let mut file = row(&format!("{number:06}.dat"), b"");
        file["_id"] = json!(number);
        rows.push(file);
        rows.push(
            json!({"destinationTable": "FileKeyValue", "file_id": number, "key": "sample", "value": format!("s{number}")}),
        );
    }
    Value::from(rows).to_string()
}

/// A bundle of one small file whose metadata has so many rows.
pub(crate) fn wide(rows: usize, seed: u64) -> Bytes {
    let contents = noise(1_024, seed);
    let mut all = transaction();
    all.push(row("one.dat", &contents));
    let key = |number: usize| json!({"destinationTable": "TransactionKeyValue", "key": format!("key-{number}"), "value": "1"});
    all.extend((all.len()..rows).map(key));
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, "data/run/one.dat", &contents);
    append(&mut tar, "metadata.txt", Value::from(all).to_string().as_bytes());
    tar.into_inner().expect("a tar in memory").into()
}

/// The document of a move of files that lie in this folder, which are made.
pub(crate) fn relocation(folder: &std::path::Path, files: usize, seed: u64) -> std::io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let mut rows = transaction();
    for number in 0..files {
        let contents = noise(1_024, seed.wrapping_mul(999_983).wrapping_add(number as u64));
        let name = format!("{number:06}.dat");
        std::fs::write(folder.join(&name), &contents)?;
        let mut row = row(&name, &contents);
        row["source"] = json!(folder.join(&name));
        rows.push(row);
    }
    Ok(Value::from(rows).to_string())
}

fn transaction() -> Vec<Value> {
    [("submitter", json!(10)), ("project", json!("1234a")), ("instrument", json!(54))]
        .into_iter()
        .map(|(field, value)| json!({"destinationTable": format!("Transactions.{field}"), "value": value}))
        .collect()
}

fn row(name: &str, contents: &[u8]) -> Value {
    json!({
        "destinationTable": "Files", "name": name, "subdir": "run", "size": contents.len(),
        "mimetype": "application/octet-stream", "hashtype": "sha1", "hashsum": hex::encode(Sha1::digest(contents)),
        "ctime": "2026-01-01T00:00:00", "mtime": "2026-01-01T00:00:00",
    })
}

fn append(tar: &mut tar::Builder<Vec<u8>>, path: &str, contents: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(contents.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_767_225_600);
    tar.append_data(&mut header, path, contents).expect("a tar in memory");
}

/// Bytes that no file system makes smaller: xorshift64.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
