//! The plugins that there are: kept in the database by their digest, so that every node has them and a revision can
//! always be run again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, bail};

use super::component::digest;
use super::{Plugin, PluginInfo, Sandbox};
use crate::db::{Db, PluginRecord};
use crate::model::Timestamp;

/// The plugins that there are.
pub struct Registry {
    sandbox: Sandbox,
    db: Db,
    /// Those in use. A plugin that no snapshot holds any more is freed.
    loaded: Mutex<HashMap<String, Weak<Plugin>>>,
    /// Where components lie as `NAME.wasm`. They go before what the database has under the same name.
    folders: Vec<PathBuf>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    /// The plugins of this database and of these folders. A component of a folder is looked at when a rule names it.
    pub fn new(sandbox: Sandbox, db: Db, folders: Vec<PathBuf>) -> Self {
        Self { sandbox, db, loaded: Mutex::default(), folders }
    }

    /// Takes up `NAME.wasm` from the first folder that has it.
    async fn import(&self, name: &str) -> anyhow::Result<Option<PluginInfo>> {
        // A name that is more than a name must not lead out of the folders.
        if name.contains(['/', '\0']) {
            return Ok(None);
        }
        for folder in &self.folders {
            let path = folder.join(format!("{name}.wasm"));
            let wasm = match tokio::fs::read(&path).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.with_context(|| format!("{} cannot be read", path.display()))?,
            };
            let info = self.add(wasm.into()).await.with_context(|| format!("{} is no plugin", path.display()))?;
            if info.name != name {
                bail!("{} calls itself {:?}; a file must have its plugin's name", path.display(), info.name);
            }
            return Ok(Some(info));
        }
        Ok(None)
    }

    /// Checks a component and keeps it. One that is kept already is no error.
    pub async fn add(&self, wasm: Arc<[u8]>) -> anyhow::Result<PluginInfo> {
        let digest = digest(&wasm);
        if let Some(known) = self.db.plugins().await?.into_iter().find(|record| record.digest == digest) {
            return info_of(known);
        }
        let plugin = self.sandbox.load(wasm.clone()).await?;
        let info = plugin.info();
        let record = PluginRecord {
            digest: info.digest.clone(),
            name: info.name.clone(),
            version: info.version.clone(),
            kind: info.kind.name().to_owned(),
            summary: info.summary.clone(),
            config_schema: info.config_schema.to_string(),
            imports: serde_json::to_string(&info.imports)?,
            size: wasm.len() as u64,
            added: Timestamp::now(),
        };
        self.db.put_plugin(&record, &wasm).await?;
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::downgrade(&plugin));
        tracing::info!(plugin = info.name, version = info.version, digest = info.digest, "a new plugin");
        Ok(plugin.info().clone())
    }

    /// The digest that a rule's `plugin` means: `sha256:DIGEST`, `NAME@VERSION`, or `NAME` for its newest version.
    pub async fn resolve(&self, reference: &str) -> anyhow::Result<String> {
        if reference.starts_with("sha256:") {
            return Ok(reference.to_owned());
        }
        let (name, version) = match reference.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (reference, None),
        };
        let fits = |known: &str| version.is_none_or(|version| version == known);
        if let Some(info) = self.import(name).await?.filter(|info| fits(&info.version)) {
            return Ok(info.digest);
        }
        let mut known = self.db.plugins().await?;
        known.retain(|record| record.name == name && fits(&record.version));
        // Of two with one version the newer wins.
        match known.into_iter().max_by_key(|record| (version_key(&record.version), record.added)) {
            Some(record) => Ok(record.digest),
            None => {
                let mut names: Vec<_> = self.db.plugins().await?.into_iter().map(|record| record.name).collect();
                names.sort();
                names.dedup();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let folders: Vec<_> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
                let looked = if folders.is_empty() { "there is none".to_owned() } else { folders.join(", ") };
                bail!("there is no plugin {reference:?}; known are: {known}; plugin folders: {looked}")
            }
        }
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
