//! Bags of all kinds, judged by this rule and by the Python package `bagit`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use manifest::Manifest;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use sluice_sdk::testing::{BundleBuilder, validate};
use sluice_sdk::{Finding, Severity};

/// What asks the package: every folder below the one that it is called with, and what the package says of it.
const ORACLE: &str = r#"
import logging, os, sys, bagit
logging.disable(logging.CRITICAL)
for name in sorted(os.listdir(sys.argv[1])):
    try:
        verdict = "good" if bagit.Bag(os.path.join(sys.argv[1], name)).validate() else "bad"
    except Exception:
        verdict = "bad"
    print(name, verdict)
"#;

type Bag = BTreeMap<String, Vec<u8>>;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checksum(algorithm: &str, bytes: &[u8]) -> String {
    match algorithm {
        "md5" => hexadecimal(&Md5::digest(bytes)),
        "sha256" => hexadecimal(&Sha256::digest(bytes)),
        "sha512" => hexadecimal(&Sha512::digest(bytes)),
        other => panic!("no {other} here"),
    }
}

/// Lists the files whose names begin so.
fn list(bag: &Bag, algorithm: &str, is_listed: impl Fn(&str) -> bool) -> Vec<u8> {
    let lines = bag.iter().filter(|(name, _)| is_listed(name)).map(|(name, bytes)| {
        let name = name.replace('\n', "%0A").replace('\r', "%0D");
        format!("{}  {name}\n", checksum(algorithm, bytes))
    });
    lines.collect::<String>().into_bytes()
}

/// Lists everything again.
fn seal(bag: &mut Bag) {
    for algorithm in ["md5", "sha256"] {
        let manifest = list(bag, algorithm, |name| name.starts_with("data/"));
        bag.insert(format!("manifest-{algorithm}.txt"), manifest);
    }
    seal_tags(bag);
}

fn seal_tags(bag: &mut Bag) {
    let tags = list(bag, "sha256", |name| !name.starts_with("data/") && !name.starts_with("tagmanifest-"));
    bag.insert("tagmanifest-sha256.txt".into(), tags);
}

fn good() -> Bag {
    let mut bag = Bag::new();
    bag.insert("bagit.txt".into(), b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".to_vec());
    bag.insert("bag-info.txt".into(), b"Contact-Name: A\n  B\nPayload-Oxum: 10.3\n".to_vec());
    bag.insert("data/a.dat".into(), b"abcd".to_vec());
    bag.insert("data/sub/b c.dat".into(), b"efgh".to_vec());
    bag.insert("data/sub/\u{e9}%20.dat".into(), b"ij".to_vec());
    seal(&mut bag);
    bag
}

/// A good bag with a change, after which only the tag files are listed again.
fn with(change: impl FnOnce(&mut Bag)) -> Bag {
    let mut bag = good();
    change(&mut bag);
    seal_tags(&mut bag);
    bag
}

fn edit(bag: &mut Bag, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(bag[name].clone()).expect("it is text");
    assert!(text.contains(from), "{name} has {from:?}");
    bag.insert(name.into(), text.replacen(from, to, 1).into_bytes());
}

fn add(bag: &mut Bag, name: &str, text: &str) {
    bag.entry(name.into()).or_default().extend_from_slice(text.as_bytes());
}

fn version(bag: &mut Bag, version: &str) {
    edit(bag, "bagit.txt", "1.0", version);
}

/// Bags, each with what must be said of it.
fn bags() -> Vec<(&'static str, bool, Bag)> {
    let sum = "0".repeat(64);
    let first =
        |bag: &Bag| String::from_utf8(bag["manifest-sha256.txt"].clone()).unwrap().lines().next().unwrap().to_owned();
    vec![
        ("good", true, good()),
        ("line ends of Windows", true, with(|b| edit(b, "manifest-md5.txt", "\n", "\r\n"))),
        (
            "checksums in capitals",
            true,
            with(|b| {
                let text = String::from_utf8(b["manifest-md5.txt"].clone()).unwrap();
                let lines = text.lines().map(|line| format!("{}{}\n", line[..32].to_uppercase(), &line[32..]));
                let text: String = lines.collect();
                b.insert("manifest-md5.txt".into(), text.into_bytes());
            }),
        ),
        ("a star before the path", true, with(|b| edit(b, "manifest-md5.txt", "  data/a", " *data/a"))),
        ("a needless part in the path", true, with(|b| edit(b, "manifest-md5.txt", "data/a", "./data//a"))),
        ("remarks and blank lines", true, with(|b| add(b, "manifest-md5.txt", "\n# remark\n"))),
        ("a line that is no entry", true, with(|b| add(b, "manifest-md5.txt", "nothing\n"))),
        (
            "a mark in a manifest",
            true,
            with(|b| {
                let text = [b"\xef\xbb\xbf".as_slice(), &b["manifest-md5.txt"]].concat();
                b.insert("manifest-md5.txt".into(), text);
            }),
        ),
        ("names with line ends", true, {
            let mut bag = good();
            bag.insert("data/x\ny.dat".into(), b"".to_vec());
            edit(&mut bag, "bag-info.txt", "10.3", "10.4");
            seal(&mut bag);
            bag
        }),
        (
            "composed in the manifest, decomposed on disk",
            true,
            with(|b| {
                let bytes = b.remove("data/sub/\u{e9}%20.dat").unwrap();
                b.insert("data/sub/e\u{301}%20.dat".into(), bytes);
            }),
        ),
        ("no payload", true, {
            let mut bag = good();
            bag.retain(|name, _| !name.starts_with("data/"));
            edit(&mut bag, "bag-info.txt", "10.3", "0.0");
            seal(&mut bag);
            bag
        }),
        (
            "no bag-info",
            true,
            with(|b| {
                b.remove("bag-info.txt");
            }),
        ),
        ("no tag manifest", true, {
            let mut bag = good();
            bag.remove("tagmanifest-sha256.txt");
            bag
        }),
        (
            "a file in one of two manifests",
            true,
            with(|b| {
                let text = String::from_utf8(b["manifest-md5.txt"].clone()).unwrap();
                let text: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
                b.insert("manifest-md5.txt".into(), text.into_bytes());
            }),
        ),
        ("an unlisted tag file", true, {
            let mut bag = good();
            add(&mut bag, "notes.txt", "x");
            bag
        }),
        ("a manifest of an unknown algorithm beside", true, with(|b| add(b, "manifest-crc32.txt", "00 data/a.dat\n"))),
        ("version 0.97", true, with(|b| version(b, "0.97"))),
        (
            "version 0.97 with a file listed twice",
            true,
            with(|b| {
                version(b, "0.97");
                let line = first(b);
                add(b, "manifest-sha256.txt", &format!("{line}\n"));
            }),
        ),
        ("version 0.96 does not look at tag manifests", true, {
            let mut bag = good();
            version(&mut bag, "0.96");
            bag
        }),
        (
            "a fetch.txt whose files are there",
            true,
            with(|b| add(b, "fetch.txt", "https://example.org/a 4 data/a.dat\n")),
        ),
        ("a file changed", false, {
            let mut bag = good();
            bag.insert("data/a.dat".into(), b"abcX".to_vec());
            bag
        }),
        (
            "a file missing",
            false,
            with(|b| {
                b.remove("data/a.dat");
                b.remove("bag-info.txt");
            }),
        ),
        (
            "a file too many",
            false,
            with(|b| {
                add(b, "data/new", "x");
                b.remove("bag-info.txt");
            }),
        ),
        (
            "an empty file too many",
            false,
            with(|b| {
                add(b, "data/new", "");
                b.remove("bag-info.txt");
            }),
        ),
        ("another number of files", false, with(|b| edit(b, "bag-info.txt", "10.3", "10.4"))),
        ("another number of bytes", false, with(|b| edit(b, "bag-info.txt", "10.3", "11.3"))),
        ("an oxum that is none", false, with(|b| edit(b, "bag-info.txt", "10.3", "10.x"))),
        (
            "the first of two oxums counts",
            false,
            with(|b| edit(b, "bag-info.txt", "Payload", "Payload-Oxum: 1.1\nPayload")),
        ),
        ("a tag that is none", false, with(|b| add(b, "bag-info.txt", "no tag\n"))),
        ("a tag file changed", false, {
            let mut bag = good();
            add(&mut bag, "bag-info.txt", "X: y\n");
            bag
        }),
        ("a tag file missing", false, {
            let mut bag = good();
            bag.remove("bag-info.txt");
            bag
        }),
        (
            "one of two checksums wrong",
            false,
            with(|b| {
                let line = first(b);
                edit(b, "manifest-sha256.txt", &line[..64], &sum);
            }),
        ),
        (
            "a checksum cut off",
            false,
            with(|b| {
                let line = first(b);
                edit(b, "manifest-sha256.txt", &line[..64], &line[..32]);
            }),
        ),
        (
            "a file listed twice",
            false,
            with(|b| {
                let line = first(b);
                add(b, "manifest-sha256.txt", &format!("{line}\n"));
            }),
        ),
        (
            "version 0.97 with a file listed twice and differently",
            false,
            with(|b| {
                version(b, "0.97");
                add(b, "manifest-sha256.txt", &format!("{sum}  data/a.dat\n"));
            }),
        ),
        (
            "a path that leads out",
            false,
            with(|b| add(b, "manifest-sha256.txt", &format!("{sum}  ../../etc/passwd\n"))),
        ),
        ("a path from the root", false, with(|b| add(b, "manifest-sha256.txt", &format!("{sum}  /etc/passwd\n")))),
        ("a path in a home folder", false, with(|b| add(b, "manifest-sha256.txt", &format!("{sum}  ~/.profile\n")))),
        ("no manifest", false, with(|b| b.retain(|name, _| !name.starts_with("manifest-")))),
        (
            "a manifest of an unknown algorithm only",
            false,
            with(|b| {
                b.retain(|name, _| !name.starts_with("manifest-"));
                add(b, "manifest-crc32.txt", "00 data/a.dat\n");
            }),
        ),
        (
            "a manifest that is not UTF-8",
            false,
            with(|b| {
                b.insert("manifest-md5.txt".into(), b"00 data/\xe9\n".to_vec());
            }),
        ),
        (
            "a declaration with a mark",
            false,
            with(|b| {
                let text = [b"\xef\xbb\xbf".as_slice(), &b["bagit.txt"]].concat();
                b.insert("bagit.txt".into(), text);
            }),
        ),
        (
            "a declaration without encoding",
            false,
            with(|b| edit(b, "bagit.txt", "Tag-File-Character-Encoding", "Encoding")),
        ),
        (
            "a declaration that is empty",
            false,
            with(|b| {
                b.insert("bagit.txt".into(), Vec::new());
            }),
        ),
        ("an encoding that nobody knows", false, with(|b| edit(b, "bagit.txt", "UTF-8", "UTF-9"))),
        ("version 2.0", false, with(|b| version(b, "2.0"))),
        ("version 1", true, with(|b| edit(b, "bagit.txt", "1.0", "1"))),
        ("version 0.92", false, with(|b| version(b, "0.92"))),
        (
            "a fetch.txt whose files are missing",
            false,
            with(|b| {
                b.remove("data/a.dat");
                b.remove("bag-info.txt");
                add(b, "fetch.txt", "https://example.org/a 4 data/a.dat\n");
            }),
        ),
        ("a fetch.txt with a URL that is none", false, with(|b| add(b, "fetch.txt", "example.org/a 4 data/a.dat\n"))),
        ("a fetch.txt that leads out", false, with(|b| add(b, "fetch.txt", "https://example.org/a 4 ../a.dat\n"))),
    ]
}

fn judge(bag: &Bag) -> Vec<Finding> {
    let rows: Vec<Value> = bag
        .iter()
        .map(|(path, bytes)| {
            let path = format!("bag/{path}");
            let (subdir, name) = path.rsplit_once('/').unwrap();
            json!({"destinationTable": "Files", "subdir": subdir, "name": name, "size": bytes.len()})
        })
        .collect();
    let contents = |bundle: BundleBuilder, (path, bytes): (&String, &Vec<u8>)| {
        bundle.content(&format!("bag/{path}"), bytes.clone())
    };
    let bundle = bag.iter().fold(BundleBuilder::new(&json!(rows).to_string()), contents).build();
    validate::<Manifest>(r#"{"bagit": {"required": true, "fetch": "complete"}}"#, &bundle).expect("it can be judged")
}

fn is_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity < Severity::Error)
}

#[test]
fn every_kind_of_bag_is_judged_as_it_should_be() {
    for (name, expected, bag) in bags() {
        let findings = judge(&bag);
        assert_eq!(is_good(&findings), expected, "{name}: {findings:#?}");
    }
}

#[test]
fn every_kind_of_bag_is_judged_as_the_python_package_bagit_judges_it() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/python-tools");
    let tools = Command::new(script).arg("--path").output().expect("the script can be run");
    if !tools.status.success() {
        eprintln!("**** SKIPPED: the Python package bagit is not here; scripts/python-tools installs it. ****");
        return;
    }
    let python = Path::new(String::from_utf8(tools.stdout).unwrap().trim()).join("bin/python");
    let folder = tempfile::tempdir().unwrap();
    for (name, _, bag) in bags() {
        let root = folder.path().join(name);
        fs::create_dir_all(root.join("data")).unwrap();
        for (path, bytes) in &bag {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let said = Command::new(python).args(["-c", ORACLE]).arg(folder.path()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    let said: BTreeMap<&str, &str> = said.lines().map(|line| line.rsplit_once(' ').unwrap()).collect();
    assert_eq!(said.len(), bags().len());
    for (name, _, bag) in bags() {
        let findings = judge(&bag);
        let ours = if is_good(&findings) { "good" } else { "bad" };
        assert_eq!(ours, said[name], "{name}: {findings:#?}");
    }
}
