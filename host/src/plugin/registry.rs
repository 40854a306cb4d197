//! The plugins that there are: kept in the database by their digest, so that every node has them and a revision can
//! always be run again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::component::{LoadError, digest};
use super::{Plugin, PluginInfo, Sandbox};
use crate::db::{Db, DbError, PluginRecord, PluginUse};
use crate::model::Timestamp;

/// The plugins that there are.
pub struct Registry {
    sandbox: Sandbox,
    db: Db,
    /// Those in use. A plugin that no snapshot holds any more is freed.
    loaded: Mutex<HashMap<String, Weak<Plugin>>>,
    /// Where components lie as `NAME.wasm`.
    folders: Vec<Folder>,
}

struct Folder {
    path: PathBuf,
    watched: bool,
}

/// A component that was added, or was there.
#[derive(Clone, Debug)]
pub struct Added {
    /// What it is.
    pub plugin: PluginInfo,
    /// Whether it was not there before.
    pub fresh: bool,
    /// How long it took to check and compile; none where that was not needed.
    pub compiled_in: Option<Duration>,
}

/// Why a component was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It is no plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something else failed.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// `NAME` or `NAME@VERSION`.
#[derive(Clone, Copy)]
struct Reference<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Self {
        match text.split_once('@') {
            Some((name, version)) => Self { name, version: Some(version) },
            None => Self { name: text, version: None },
        }
    }

    fn fits(&self, name: &str, version: &str) -> bool {
        self.name == name && self.version.is_none_or(|wanted| wanted == version)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    /// The plugins of this database and of these folders. A component of a folder is looked at when a rule names it.
    /// What lies in the watched folder goes before all else: somebody is working on it.
    pub fn new(sandbox: Sandbox, db: Db, folders: Vec<PathBuf>, watched: Option<PathBuf>) -> Self {
        let watched = watched.into_iter().map(|path| Folder { path, watched: true });
        let folders = folders.into_iter().map(|path| Folder { path, watched: false });
        Self { sandbox, db, loaded: Mutex::default(), folders: watched.chain(folders).collect() }
    }

    /// Checks a component and keeps it. One that is kept already is no error.
    pub async fn add(&self, wasm: Arc<[u8]>) -> Result<Added, AddError> {
        let digest = digest(&wasm);
        if let Some(known) = self.db.plugin_record(&digest).await? {
            return Ok(Added { plugin: info_of(known)?, fresh: false, compiled_in: None });
        }
        let started = Instant::now();
        let plugin = self.sandbox.load(wasm.clone()).await?;
        let compiled_in = Some(started.elapsed());
        let info = plugin.info();
        let record = PluginRecord {
            digest: info.digest.clone(),
            name: info.name.clone(),
            version: info.version.clone(),
            kind: info.kind.name().to_owned(),
            summary: info.summary.clone(),
            config_schema: info.config_schema.to_string(),
            imports: serde_json::to_string(&info.imports).context("the imports cannot be written")?,
            size: wasm.len() as u64,
            added: Timestamp::now(),
        };
        let fresh = self.db.put_plugin(&record, &wasm).await?;
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::downgrade(&plugin));
        tracing::info!(plugin = info.name, version = info.version, digest = info.digest, "a new plugin");
        Ok(Added { plugin: info.clone(), fresh, compiled_in })
    }

    /// All plugins that are kept, by name and in the order in which they were added.
    pub async fn list(&self) -> anyhow::Result<Vec<PluginInfo>> {
        self.db.plugins().await?.into_iter().map(info_of).collect()
    }

    /// The plugin that a reference means, of those that are kept.
    pub async fn find(&self, reference: &str) -> anyhow::Result<Option<PluginInfo>> {
        let record = match reference.starts_with("sha256:") {
            true => self.db.plugin_record(reference).await?,
            false => self.newest(Reference::of(reference)).await?,
        };
        record.map(info_of).transpose()
    }

    /// A plugin's component.
    pub async fn wasm(&self, digest: &str) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.db.plugin(digest).await?.map(|stored| stored.wasm))
    }

    /// Removes a plugin, unless a revision of the policy names it.
    pub async fn remove(&self, digest: &str) -> anyhow::Result<PluginUse> {
        Ok(self.db.delete_plugin(digest).await?)
    }

    async fn newest(&self, reference: Reference<'_>) -> anyhow::Result<Option<PluginRecord>> {
        let mut known = self.db.plugins().await?;
        known.retain(|record| reference.fits(&record.name, &record.version));
        // Of two with one version the one that was added later wins.
        Ok(known.into_iter().max_by_key(|record| (version_key(&record.version), record.added)))
    }

    /// The digest that a rule's `plugin` means: `sha256:DIGEST`, `NAME@VERSION`, or `NAME` for its newest version. What
    /// lies in the plugin folders is taken up first; the watched folder's goes before everything else.
    pub async fn resolve(&self, text: &str) -> anyhow::Result<String> {
        if text.starts_with("sha256:") {
            return Ok(text.to_owned());
        }
        let reference = Reference::of(text);
        for folder in &self.folders {
            let Some(info) = import(self, &folder.path, reference.name).await? else { continue };
            if folder.watched && reference.fits(&info.name, &info.version) {
                return Ok(info.digest);
            }
        }
        match self.newest(reference).await? {
            Some(record) => Ok(record.digest),
            None => {
                let mut names: Vec<_> = self.db.plugins().await?.into_iter().map(|record| record.name).collect();
                names.sort();
                names.dedup();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let folders: Vec<_> = self.folders.iter().map(|folder| folder.path.display().to_string()).collect();
                let looked = if folders.is_empty() { "there is none".to_owned() } else { folders.join(", ") };
                bail!("there is no plugin {text:?}; known are: {known}; plugin folders: {looked}")
            }
        }
    }

    /// The plugin with this digest, if it is one that the reference may mean.
    pub async fn get_as(&self, digest: &str, reference: &str) -> anyhow::Result<Arc<Plugin>> {
        let plugin = self.get(digest).await?;
        let (info, wanted) = (plugin.info(), Reference::of(reference));
        if reference != digest && !wanted.fits(&info.name, &info.version) {
            bail!("the digest {digest} is that of {}@{}, not of {reference:?}", info.name, info.version);
        }
        Ok(plugin)
    }

    /// The plugin with this digest, ready to be called.
    pub async fn get(&self, digest: &str) -> anyhow::Result<Arc<Plugin>> {
        let in_use = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(digest).and_then(Weak::upgrade);
        if let Some(plugin) = in_use {
            return Ok(plugin);
        }
        let stored = self.db.plugin(digest).await?;
        let Some(stored) = stored else { bail!("there is no plugin with the digest {digest}") };
        let plugin = self.sandbox.load(stored.wasm.into()).await?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, plugin| plugin.strong_count() > 0);
        loaded.insert(digest.to_owned(), Arc::downgrade(&plugin));
        Ok(plugin)
    }
}

/// Takes up `NAME.wasm` from a folder that has it.
async fn import(registry: &Registry, folder: &Path, name: &str) -> anyhow::Result<Option<PluginInfo>> {
    // A name that is more than a name must not lead out of the folder.
    if name.contains(['/', '\0']) {
        return Ok(None);
    }
    let path = folder.join(format!("{name}.wasm"));
    let wasm = match tokio::fs::read(&path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    let info = registry.add(wasm.into()).await.with_context(|| format!("{} is no plugin", path.display()))?.plugin;
    if info.name != name {
        bail!("{} calls itself {:?}; a file must have its plugin's name", path.display(), info.name);
    }
    Ok(Some(info))
}

/// Versions in their order; text that is no version comes before all that are.
fn version_key(version: &str) -> (bool, [u64; 3], String) {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<Result<u64, _>> = numbers.split('.').map(str::parse).collect();
    match parts[..] {
        // A pre-release comes before its release.
        [Ok(major), Ok(minor), Ok(patch)] if !version.contains('-') => (true, [major, minor, patch], "~".to_owned()),
        [Ok(major), Ok(minor), Ok(patch)] => (true, [major, minor, patch], version.to_owned()),
        _ => (false, [0; 3], version.to_owned()),
    }
}

fn info_of(record: PluginRecord) -> anyhow::Result<PluginInfo> {
    Ok(PluginInfo {
        digest: record.digest,
        name: record.name,
        version: record.version,
        summary: record.summary,
        kind: serde_json::from_value(record.kind.into())?,
        imports: serde_json::from_str(&record.imports)?,
        config_schema: serde_json::from_str(&record.config_schema)?,
        size: usize::try_from(record.size)?,
    })
}

#[cfg(test)]
mod tests {
    use super::version_key;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let ordered = ["nonsense", "0.9.0", "0.10.0-rc.1", "0.10.0", "1.0.0"];
        assert!(ordered.is_sorted_by_key(|version| version_key(version)));
    }
}
