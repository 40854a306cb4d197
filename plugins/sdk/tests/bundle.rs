//! A bundle, seen as a rule sees it.

use std::io::{Read, Seek, SeekFrom};

use sluice_sdk::testing::{BundleBuilder, TestBundle};
use sluice_sdk::{Location, TransactionField};

fn with_files(count: usize) -> TestBundle {
    let rows: Vec<String> = (0..count)
        .map(|n| format!(r#"{{"destinationTable": "Files", "_id": {n}, "name": "{n}.dat", "subdir": "data//scan/"}}"#))
        .collect();
    BundleBuilder::new(&format!("[{}]", rows.join(","))).build()
}

#[test]
fn every_file_comes_once_and_in_order_whatever_the_batches() {
    for count in [0, 1, 127, 128, 129, 256, 300] {
        let made = with_files(count);
        let bundle = made.bundle();
        assert_eq!(bundle.files().len(), count);
        let seen: Vec<(u32, String)> = bundle.files().map(|file| (file.index, file.path)).collect();
        let listed: Vec<(u32, String)> = (0..count).map(|n| (n as u32, format!("scan/{n}.dat"))).collect();
        assert_eq!(seen, listed);
    }
}

#[test]
fn values_are_located_by_their_rows() {
    let made = BundleBuilder::new(
        r#"[{"destinationTable": "TransactionKeyValue", "key": "a", "value": 1.5},
            {"destinationTable": "Transactions.project", "value": "1234a"},
            {"destinationTable": "TransactionKeyValue", "key": "b", "value": null}]"#,
    )
    .build();
    let bundle = made.bundle();
    assert_eq!(bundle.project(), Some("1234a"));
    assert_eq!(bundle.locate(TransactionField::Project), Location::Metadata("/1/value".into()));
    assert_eq!(bundle.locate(TransactionField::Submitter), Location::Bundle);
    let values: Vec<_> = bundle.key_values().iter().map(|row| (row.key.as_str(), row.value.as_str())).collect();
    assert_eq!(values, [("a", "1.5"), ("b", "")]);
    assert_eq!(bundle.locate_key_value(1), Location::Metadata("/2/value".into()));
}

#[test]
fn file_key_values_belong_to_the_file_whose_id_they_name() {
    let made = BundleBuilder::new(
        r#"[{"destinationTable": "FileKeyValue", "key": "k", "value": "v", "file_id": "8"},
            {"destinationTable": "Files", "_id": 7, "name": "x"},
            {"destinationTable": "Files", "_id": 8, "name": "y"}]"#,
    )
    .build();
    let bundle = made.bundle();
    let keys: Vec<usize> = bundle.files().map(|file| bundle.file_key_values(&file).len()).collect();
    assert_eq!(keys, [0, 1]);
}

#[test]
fn contents_are_read_and_sought() {
    let made = BundleBuilder::new("[]").content("a", b"0123456789").build();
    let bundle = made.bundle();
    assert!(bundle.open("b").is_none());
    let mut file = bundle.open("a").unwrap();
    let mut two = [0; 2];

    file.seek(SeekFrom::End(-3)).unwrap();
    file.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"78");
    file.seek(SeekFrom::Current(-4)).unwrap();
    file.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"56");

    assert!(file.seek(SeekFrom::Current(-100)).is_err());
    file.seek(SeekFrom::Start(1 << 40)).unwrap();
    assert_eq!(file.read(&mut two).unwrap(), 0);
}

#[test]
fn a_file_longer_than_one_read_is_read_whole() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let made = BundleBuilder::new("[]").content("a", bytes.clone()).build();
    let mut read = Vec::new();
    let count = made.bundle().open("a").unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(count, bytes.len());
    assert!(read == bytes);
}
