//! Whatever is sent as a plugin is either one, or is refused with a reason that says which check it did not pass. It is
//! compiled as the gate does that: in a process of its own, within bounds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluice::plugin::{Compiler, LoadError, PluginInfo, Sandbox};
use tokio::runtime::Runtime;

/// A sandbox, and what it runs on.
pub(crate) struct Upload {
    runtime: Runtime,
    sandbox: Sandbox,
    cache: tempfile::TempDir,
}

impl Upload {
    /// Compiles with this program, and with the limits that a gate has unless told otherwise.
    pub(crate) fn new(program: &Path) -> Self {
        let cache = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let compiler = Compiler { program: program.to_owned(), time: Duration::from_secs(120), memory: 4 << 30 };
        Self {
            runtime: runtime.expect("a runtime"),
            sandbox: Sandbox::guarded(1, cache.path(), compiler).expect("a sandbox"),
            cache,
        }
    }

    pub(crate) fn check(&self, data: &[u8]) {
        match self.runtime.block_on(self.sandbox.load(Arc::from(data))) {
            Ok(plugin) => accepted(plugin.info(), data),
            Err(error) => refused(&error),
        }
        // Each input is met with an empty cache.
        for kept in std::fs::read_dir(self.cache.path()).expect("a folder").flatten() {
            if kept.path().is_file() && kept.file_name() != "key" {
                std::fs::remove_file(kept.path()).expect("it is removed");
            }
        }
    }
}

fn accepted(info: &PluginInfo, data: &[u8]) {
    assert_eq!(info.size, data.len());
    assert!(info.digest.starts_with("sha256:") && info.digest.len() == 71, "{}", info.digest);
    for text in [&info.name, &info.version] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
        assert!((1..=100).contains(&text.len()) && text.bytes().all(plain), "{text:?}");
    }
    assert!(info.summary.len() <= 1_000);
    assert!(info.imports.iter().all(|name| name.starts_with("sluice:plugin/") || name.starts_with("wasi:")));
}

fn refused(error: &LoadError) {
    let text = error.to_string();
    assert!(!text.trim().is_empty() && text.len() < 8_000, "{text}");
    assert!(!error.check().is_empty());
    // Bounds may be reached; a compiler that dies of a component is a fault of ours.
    assert!(!matches!(error, LoadError::Compiler(_)), "{text}");
}
