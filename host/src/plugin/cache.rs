//! Compiled components on disk.
//!
//! A compiled component is native code: whoever can write one runs code in this process. So the folder is its owner's
//! alone, every entry carries a keyed digest (the key lies in the folder), and an entry that does not match is no
//! entry. Entries are named by the digest of the component and of the engine's settings.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use wasmtime::Engine;
use wasmtime::component::Component;

const KEY: &str = "key";
const MAC_BYTES: usize = blake3::OUT_LEN;

pub(super) struct CompiledCache {
    folder: PathBuf,
    key: [u8; blake3::KEY_LEN],
    engine: u64,
}

impl CompiledCache {
    pub(super) fn open(folder: &Path, engine: &Engine) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let key = key(folder).with_context(|| format!("the key in {} cannot be read", folder.display()))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), key, engine: hasher.finish() })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{}-{:016x}.cwasm", digest.trim_start_matches("sha256:"), self.engine))
    }

    fn mac(&self, digest: &str, code: &[u8]) -> blake3::Hash {
        // The name is part of what is authenticated, so that an entry cannot stand in for another.
        blake3::Hasher::new_keyed(&self.key).update(digest.as_bytes()).update(&[0]).update(code).finalize()
    }

    /// The component with this digest, where the cache has it whole.
    pub(super) fn get(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let entry = fs::read(self.path(digest)).ok()?;
        let (mac, code) = entry.split_at_checked(MAC_BYTES)?;
        // Comparing blake3 hashes takes the same time wherever they differ.
        if self.mac(digest, code) != blake3::Hash::from_slice(mac).ok()? {
            tracing::warn!(digest, "a compiled component was altered; it is compiled again");
            return None;
        }
        let component = trusted(engine, code);
        component.inspect_err(|error| tracing::debug!(digest, %error, "a compiled component no longer fits")).ok()
    }

    /// Takes up what a compiling process of this program has just made, and keeps it.
    pub(super) fn adopt(&self, engine: &Engine, digest: &str, code: &[u8]) -> wasmtime::Result<Component> {
        let component = trusted(engine, code)?;
        self.put_code(digest, code);
        Ok(component)
    }

    /// Keeps a component. A cache that cannot be written costs time, nothing else.
    pub(super) fn put(&self, digest: &str, component: &Component) {
        match component.serialize() {
            Ok(code) => self.put_code(digest, &code),
            Err(error) => tracing::warn!(digest, %error, "a compiled component could not be kept"),
        }
    }

    fn put_code(&self, digest: &str, code: &[u8]) {
        let keep = || -> anyhow::Result<()> {
            let path = self.path(digest);
            let aside = self.folder.join(format!("{}.{:x}.new", std::process::id(), rand::random::<u64>()));
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(self.mac(digest, code).as_bytes())?;
            file.write_all(code)?;
            drop(file);
            Ok(fs::rename(aside, path)?)
        };
        if let Err(error) = keep() {
            tracing::warn!(digest, error = format!("{error:#}"), "a compiled component could not be kept");
        }
    }
}

/// Compiled code, made into a component that can run.
///
/// Only for code that this program has made itself: what `get` has just found to carry our keyed digest, and what `adopt`
/// was given from the standard output of a process of ours.
fn trusted(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` trusts its input to be what `Component::serialize` or `Engine::precompile_component` wrote.
    // Both callers see to that: a keyed digest is made in `put_code` alone, over such output, with a key that only this
    // program's own user can read; and a compiling process is this very program, which writes nothing else. wasmtime
    // itself refuses code of another version or of other settings.
    #[allow(unsafe_code, reason = "loading compiled code has no safe form")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// The folder's key, made when there is none.
fn key(folder: &Path) -> anyhow::Result<[u8; blake3::KEY_LEN]> {
    let path = folder.join(KEY);
    for _ in 0..2 {
        match fs::File::open(&path) {
            Ok(mut file) => {
                let mut key = [0; blake3::KEY_LEN];
                file.read_exact(&mut key).context("it is too short; delete it, a new one will be made")?;
                return Ok(key);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let aside = folder.join(format!("key.{}.{:x}.new", std::process::id(), rand::random::<u64>()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&rand::random::<[u8; blake3::KEY_LEN]>())?;
        file.sync_all()?;
        // A link fails where another process was quicker; its key is the one to use.
        let linked = fs::hard_link(&aside, &path);
        fs::remove_file(&aside)?;
        if let Err(error) = linked
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error.into());
        }
    }
    anyhow::bail!("it comes and goes")
}
