//! The property of the fuzz target `placement` (`host/fuzz`), over every file of its corpus: seeds, and whatever was found once.

#[path = "../../../host/fuzz/properties/placement.rs"]
mod placement_property;

use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn a_place_is_one_that_every_archive_takes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/fuzz/corpus/placement");
    let entries = std::fs::read_dir(&folder).expect("a corpus");
    let files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let holds = |data: Vec<u8>| catch_unwind(|| placement_property::check(&data)).is_ok();
    let broken: Vec<_> = files.iter().filter(|path| !holds(std::fs::read(path).expect("it can be read"))).collect();
    assert!(broken.is_empty(), "it does not hold, see above, for {broken:?}");
}
