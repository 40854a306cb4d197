//! What the fuzzers begin with: made from the test data, so that they know the format and go on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{LARGEST, corpus, folder};
use crate::bundle::{bundle, test_data};
use crate::contract::FOLDERS;

/// Bundles whose tars differ in their form. Others differ in metadata.txt alone.
const TARS: &[&str] = &[
    "directory-entries",
    "empty-tar",
    "gnu-tar",
    "hardlink-listed",
    "japanese-names",
    "metadata-first",
    "metadata-last",
    "not-a-tar",
    "pax-tar",
    "size-beyond-end",
    "truncated-in-member",
    "truncated-metadata-first",
    "unlisted-devices",
];

/// Ways in which a component is no plugin, or a bad one: what stands in the smallest validator, and what takes its place.
const COMPONENTS: &[(&str, &str, &str)] = &[
    ("validator", "", ""),
    (
        "mover-that-does-not-plan",
        r#"(export "sluice:plugin/validator@1.0.0""#,
        r#"(export "sluice:plugin/mover@1.0.0""#,
    ),
    ("no-rule", r#"(export "sluice:plugin/validator@1.0.0""#, r#"(export "example:other/thing@1.0.0""#),
    ("no-description", r#"(export "sluice:plugin/plugin@1.0.0""#, r#"(export "example:other/thing@1.0.0""#),
    ("function-of-another-type", "(result (result (list $finding) (error $failure)))", "(result u32)"),
    ("name-that-is-none", r#""tiny""#, r#""t/ny""#),
    ("version-that-is-none", r#""1.0.0" "Says"#, r#""1.0.x" "Says"#),
    ("text-that-is-none", r#""tiny""#, r#""t\ff\fey""#),
    ("schema-that-is-no-json", r#""{}""#, r#""{]""#),
    ("text-beyond-the-memory", r#""\00\00\00\00\04"#, r#""\ff\ff\00\00\04"#),
    ("summary-of-64-kib", r#""\09\00\00\00\09\00\00\00""#, r#""\00\00\00\00\00\00\01\00""#),
    ("no-end", "(result i32) (i32.const 32)", "(result i32) (loop (br 0)) (i32.const 32)"),
    ("trap", "(result i32) (i32.const 32)", "(result i32) unreachable"),
    (
        "memory-without-end",
        "(result i32) (i32.const 32)",
        "(result i32) (loop (br_if 0 (i32.ge_s (memory.grow (i32.const 100)) (i32.const 0)))) (i32.const 32)",
    ),
    (
        "import-that-is-not-given",
        "(component\n",
        r#"(component (import "example:moon/orbit@1.0.0" (instance (export "f" (func)))) "#,
    ),
    (
        "import-that-is-given",
        "(component\n",
        r#"(component (import "sluice:plugin/host@1.0.0" (instance (export "config" (func (result string))))) "#,
    ),
    (
        "table-that-is-too-large",
        "(component\n",
        "(component (core module $t (table 200000 funcref)) (core instance (instantiate $t)) ",
    ),
];

fn tars() -> BTreeMap<String, Vec<u8>> {
    let seed = |name: &&str| {
        let mut tar = bundle(name);
        // Of the zeros at the end two blocks are enough.
        let end = tar.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 1).next_multiple_of(512));
        tar.truncate(end + 1_024);
        ((*name).to_owned(), tar)
    };
    TARS.iter().map(seed).collect()
}

fn documents() -> BTreeMap<String, Vec<u8>> {
    let mut seen = BTreeSet::new();
    let document = |name: &&str| {
        let document = std::fs::read(test_data().join(name).join("metadata.txt")).ok()?;
        seen.insert(document.clone()).then(|| ((*name).to_owned(), document))
    };
    FOLDERS.iter().filter_map(document).collect()
}

fn components() -> BTreeMap<String, Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/validator.wat");
    let validator = std::fs::read_to_string(path).expect("the smallest validator");
    let seed = |(name, from, to): &(&str, &str, &str)| {
        assert!(validator.contains(from), "{name}");
        let component =
            wat::parse_str(validator.replacen(from, to, 1)).unwrap_or_else(|error| panic!("{name}: {error}"));
        ((*name).to_owned(), component)
    };
    COMPONENTS.iter().map(seed).collect()
}

/// Where they are not, they are written: look at them, and run the test again.
#[test]
fn the_seeds_are_those_that_the_test_data_makes() {
    let mut stale = Vec::new();
    for (target, seeds) in [("spool_tar", tars()), ("metadata", documents()), ("component", components())] {
        let known = corpus(target);
        let made: BTreeSet<String> = seeds.keys().map(|name| format!("seed-{name}")).collect();
        let kept = known.keys().filter(|name| name.starts_with("seed-")).cloned().collect::<BTreeSet<_>>();
        for name in kept.difference(&made) {
            std::fs::remove_file(folder().join(target).join(name)).expect("it is removed");
            stale.push(format!("{target}/{name}"));
        }
        for (name, seed) in seeds {
            assert!(seed.len() <= LARGEST, "{name} has {} bytes", seed.len());
            let name = format!("seed-{name}");
            if known.get(&name) != Some(&seed) {
                std::fs::create_dir_all(folder().join(target)).expect("a folder");
                std::fs::write(folder().join(target).join(&name), seed).expect("it is written");
                stale.push(format!("{target}/{name}"));
            }
        }
    }
    assert!(stale.is_empty(), "these were not what the test data makes; they are now: {stale:?}");
}
