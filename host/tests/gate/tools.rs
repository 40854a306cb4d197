//! What the scripts of the project have put into the user's cache.

use std::path::PathBuf;

/// The folder of all of it; none where nobody knows whose home this is.
pub(crate) fn cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("sluice"))
}
