//! For development: a folder whose components are run as soon as they are saved.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::book::{Origin, PolicyBook, PolicyError};
use super::document::PolicyDocument;

/// A compiler writes a file in several goes; what follows so closely belongs to the same.
const SETTLED: Duration = Duration::from_millis(100);

/// A watched folder.
pub struct Watch {
    changed: mpsc::UnboundedReceiver<String>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Begins to watch.
    pub fn new(folder: &Path) -> notify::Result<Self> {
        let (tell, changed) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_)) => {
                for name in event.paths.iter().filter_map(|path| plugin_name(path)) {
                    // Nobody listens any more when the program ends.
                    drop(tell.send(name.to_owned()));
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the watched folder cannot be watched"),
        })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { changed, _watcher: watcher })
    }

    /// Makes a new revision whenever a plugin of an active rule was saved, until told to stop.
    pub async fn run(mut self, book: &PolicyBook, stop: CancellationToken) {
        while let Some(Some(name)) = stop.run_until_cancelled(self.changed.recv()).await {
            let mut names = vec![name];
            while let Ok(Some(name)) = tokio::time::timeout(SETTLED, self.changed.recv()).await {
                names.push(name);
            }
            names.sort();
            names.dedup();
            if let Err(error) = take_up(book, &names).await {
                // The next save may mend it; half a file for instance is none yet.
                tracing::warn!(error = format!("{error:#}"), plugins = names.join(", "), "saved, and not taken up");
            }
        }
    }
}

fn plugin_name(path: &Path) -> Option<&str> {
    let name = path.file_stem().and_then(OsStr::to_str)?;
    (path.extension()? == "wasm" && !name.starts_with('.')).then_some(name)
}

/// The active policy once more, with what these names mean now.
async fn take_up(book: &PolicyBook, names: &[String]) -> Result<(), PolicyError> {
    let snapshot = book.active();
    let mut document = PolicyDocument { message: Some(format!("saved: {}", names.join(", "))), ..snapshot.document() };
    let saved = |plugin: &str| names.iter().any(|name| plugin.split('@').next() == Some(name));
    for rule in document.rules.iter().filter(|rule| saved(&rule.plugin)) {
        document.digests.remove(&rule.name);
    }
    let origin = Origin { author: "the watched folder".to_owned(), origin: "--watch".to_owned() };
    book.apply(snapshot.revision, &document, &origin).await.map(drop)
}
